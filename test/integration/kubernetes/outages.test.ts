import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { eventually } from '../../support/eventually.js';
import {
  type FakeKubeApiserver,
  type GoneAs,
  sendJson,
  sendStatus,
  service,
  slice,
  startFakeKubeApiserver,
} from '../../support/fake-kube-apiserver.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { SkippingClock } from '../../support/skipping-clock.js';
import { type KubeScene, makeScene, type WatchedName } from './kube-scene.js';

expectNoOpenHandles();

describe('the watch of io.l5d.k8s', () => {
  let server: FakeKubeApiserver;
  let scene: KubeScene;
  let web: WatchedName;
  let clock: SkippingClock;

  beforeEach(async () => {
    server = await startFakeKubeApiserver();
    server.put('prod/endpointslices', slice('web', ['10.0.0.1']));
    clock = new SkippingClock();
    scene = makeScene(server.port, { clock });
    web = scene.watch('/prod/http/web');
    await eventually(() => web.shown === '10.0.0.1:8080' && server.streams() === 1);
  });
  afterEach(async () => {
    await scene.close();
    await server.close();
  });

  it('goes on from where a stream ended, without a list (1.x bug 1)', async () => {
    server.put('prod/endpointslices', slice('web', ['10.0.0.2']));
    await eventually(() => web.shown === '10.0.0.2:8080');
    server.endStreams();
    server.put('prod/endpointslices', slice('web', ['10.0.0.3']));
    await eventually(() => web.shown === '10.0.0.3:8080');
    assert.equal(server.asked('limit='), 1);
    assert.equal(scene.count('errors'), 0);
  });

  it('goes on from the version of the last bookmark', async () => {
    server.put('other/endpointslices', slice('else', ['10.0.0.9']));
    server.bookmark('prod/endpointslices');
    server.compact();
    server.endStreams();
    await eventually(() => server.asked(`resourceVersion=${server.version}`) === 1);
    assert.equal(server.asked('limit='), 1);
  });

  it('keeps the last good addresses through a cut connection, without a throw (1.x bug 8)', async () => {
    server.drop();
    await eventually(() => scene.count('errors') === 1 && server.streams() === 1);
    assert.equal(web.shown, '10.0.0.1:8080');
    server.put('prod/endpointslices', slice('web', ['10.0.0.2']));
    await eventually(() => web.shown === '10.0.0.2:8080');
  });

  for (const goneAs of ['status', 'event', 'body'] as const satisfies readonly GoneAs[]) {
    it(`lists anew when its version is too old, told as ${goneAs} (1.x bug 2)`, async () => {
      server.goneAs = goneAs;
      server.forget('prod/endpointslices', 'web-1');
      server.compact();
      server.endStreams();
      // Deleted while nobody watched: the list replaces all that was known (1.x bugs 1 and 7).
      await eventually(() => web.shown === 'neg');
      assert.equal(server.asked('endpointslices?limit='), 2);
      assert.equal(scene.count('relists'), 1);
      assert.equal(scene.count('errors'), 0, 'a version that is too old is no failure');
    });

    it(`asks ever more rarely when every version is too old, told as ${goneAs}`, async () => {
      server.goneAs = goneAs;
      server.intercept = (request, response, url) => {
        if (url.searchParams.get('watch')) server.compact();
        // Too old again and again: the counter has moved on by the time that it is watched.
        if (url.searchParams.get('watch')) url.searchParams.set('resourceVersion', '1');
        server.serve(request, response, url);
      };
      server.endStreams();
      await eventually(() => scene.count('relists') >= 3);
      const before = server.asked('limit=');
      await new Promise((resolve) => setTimeout(resolve, 300));
      const more = server.asked('limit=') - before;
      assert.ok(more <= 5, `${more} lists in 300 ms`);
      assert.equal(web.shown, '10.0.0.1:8080');
    });
  }

  it('is not stuck after an older event arrived late, and ignores it (1.x bug 3)', async () => {
    server.put('prod/endpointslices', slice('web', ['10.0.0.2']));
    await eventually(() => web.shown === '10.0.0.2:8080');
    const late = slice('web', ['10.0.0.66']);
    server.send('prod/endpointslices', {
      type: 'MODIFIED',
      object: { ...late, metadata: { ...late.metadata, resourceVersion: '99' } },
    });
    server.put('prod/endpointslices', slice('web', ['10.0.0.3']));
    await eventually(() => web.shown === '10.0.0.3:8080');
    // What was right is found out by a list as soon as the stream is over.
    server.endStreams();
    await eventually(() => server.asked('limit=') === 2);
    assert.equal(web.shown, '10.0.0.3:8080');
  });

  it('orders versions as numbers of any length (1.x bug 3)', async () => {
    const version = (resourceVersion: string, ip: string): object => {
      const object = slice('web', [ip]);
      return { type: 'MODIFIED', object: { ...object, metadata: { ...object.metadata, resourceVersion } } };
    };
    server.send('prod/endpointslices', version('9007199254740993', '10.0.0.2'));
    server.send('prod/endpointslices', version('9007199254740992', '10.0.0.66'));
    server.send('prod/endpointslices', version('10000000000000000', '10.0.0.3'));
    server.send('prod/endpointslices', version('9999999999999999', '10.0.0.67'));
    await eventually(() => web.shown === '10.0.0.3:8080');
  });

  it('is not stuck when the server comes back with an older copy of its data (1.x bugs 4 and 5)', async () => {
    server.restore(20);
    server.put('prod/endpointslices', slice('web', ['10.0.0.7']));
    server.endStreams();
    await eventually(() => web.shown === '10.0.0.7:8080');
  });

  it('begins anew with a list when a stream cannot be gone on with several times in a row (1.x bug 4)', async () => {
    server.intercept = (request, response, url) => {
      if (url.searchParams.get('watch')) sendStatus(response, 500, 'etcdserver: leader changed');
      else server.serve(request, response, url);
    };
    server.endStreams();
    await eventually(() => server.asked('limit=') >= 2);
    assert.ok(scene.count('errors') > 3);
    assert.equal(web.shown, '10.0.0.1:8080');
  });

  for (const [status, bug] of [
    [404, ' (1.x bug 12)'],
    [400, ' (1.x bug 13)'],
    [401, ''],
    [403, ' (1.x bug 13)'],
    [429, ''],
    [500, ''],
    [503, ''],
  ] as const) {
    it(`keeps the last good state through ${status}, and recovers${bug}`, async () => {
      server.intercept = (_request, response) => sendStatus(response, status, 'no');
      server.drop();
      await eventually(() => scene.warnings.some((warning) => warning.includes(`status ${status} "no`)));
      const [warning = ''] = scene.warnings.filter((one) => one.includes(`status ${status}`));
      assert.ok(warning.startsWith(`Kubernetes 127.0.0.1:${server.port}: endpoints of prod: GET /api`), warning);
      assert.ok(warning.endsWith('its last answer stays in use'), warning);
      assert.equal(web.shown, '10.0.0.1:8080');
      server.intercept = undefined;
      server.put('prod/endpointslices', slice('web', ['10.0.0.2']));
      await eventually(() => web.shown === '10.0.0.2:8080');
    });
  }

  it('asks for streams that end, and goes on with the next one', async () => {
    await scene.close();
    scene = makeScene(server.port, { stream: { seconds: 1, graceSeconds: 15 } });
    web = scene.watch('/prod/http/web');
    await eventually(() => server.streams() === 1);
    const asked = server.asked('watch=');
    await eventually(() => server.asked('watch=') > asked, { timeoutMs: 3000 });
    assert.match(server.requests.at(-1) ?? '', /allowWatchBookmarks=true.*timeoutSeconds=1$/);
    assert.equal(scene.count('errors'), 0);
  });

  it('gives up a stream that is silent for longer than the server should have let it be', async () => {
    await scene.close();
    server.intercept = (request, response, url) => {
      // A server that is frozen after its first bytes: it neither sends nor ends anything.
      if (url.searchParams.get('watch')) response.writeHead(200).flushHeaders();
      else server.serve(request, response, url);
    };
    scene = makeScene(server.port, { stream: { seconds: 1, graceSeconds: 0.1 } });
    web = scene.watch('/prod/http/web');
    await eventually(() => scene.warnings.some((warning) => warning.includes('silent for 1100 ms')), {
      timeoutMs: 4000,
    });
    assert.equal(web.shown, '10.0.0.1:8080');
    server.intercept = undefined;
    server.put('prod/endpointslices', slice('web', ['10.0.0.2']));
    await eventually(() => web.shown === '10.0.0.2:8080');
  });

  it('says once what it cannot read, however often it tries', async () => {
    server.intercept = (_request, response) => sendStatus(response, 500, 'boom');
    server.drop();
    await eventually(() => scene.count('errors') >= 6);
    assert.equal(scene.warnings.filter((warning) => warning.includes('watch') || warning.includes('boom')).length, 1);
  });

  it('keeps one stream and one set of items through hundreds of restarts (1.x bug 14)', async () => {
    for (let i = 0; i < 200; i++) {
      server.put('prod/endpointslices', slice('web', [`10.0.1.${i + 1}`]));
      if (i % 20 === 0) server.endStreams();
      clock.skip(10_000);
      await eventually(() => web.shown === `10.0.1.${i + 1}:8080` && server.streams() === 1);
    }
    assert.ok(server.asked('watch=') >= 10);
  });
});

describe('io.l5d.k8s, told nonsense', () => {
  let server: FakeKubeApiserver;
  let scene: KubeScene;
  let web: WatchedName;

  beforeEach(async () => {
    server = await startFakeKubeApiserver();
    server.put('prod/endpointslices', slice('web', ['10.0.0.1']));
    scene = makeScene(server.port);
    web = scene.watch('/prod/http/web');
    await eventually(() => web.shown === '10.0.0.1:8080' && server.streams() === 1);
  });
  afterEach(async () => {
    await scene.close();
    await server.close();
  });

  for (const [title, object, problem] of [
    [
      'an address that is none',
      slice('web', ['10.0.0.300']),
      'address "10.0.0.300" is neither an IP address nor a host name',
    ],
    [
      'a port of 70000',
      slice('web', ['10.0.0.2'], { ports: [{ name: 'http', port: 70000 }] }),
      'port 70000 is not in 1-65535',
    ],
    ['an endpoint without addresses', slice('web', [{ conditions: {} }]), 'address undefined is neither'],
    ['endpoints that are no list', { ...slice('web', []), endpoints: { a: 1 } }, 'endpoints {"a":1} is no list'],
    ['ports that are no objects', slice('web', ['10.0.0.2'], { ports: ['http'] }), 'a port "http" is no object'],
  ] as const) {
    it(`keeps the last good addresses of a slice with ${title}, says so once and counts it`, async () => {
      server.put('prod/endpointslices', object);
      server.put('prod/endpointslices', { ...object });
      await eventually(() => scene.count('garbage') >= 2);
      assert.equal(web.shown, '10.0.0.1:8080');
      const warnings = scene.warnings.filter((warning) => warning.includes(problem));
      assert.equal(warnings.length, 1, scene.warnings.join('\n'));
      assert.match(warnings[0] ?? '', /^Kubernetes 127\.0\.0\.1:\d+: endpoints of prod: "web-1": .* in use$/);
      server.put('prod/endpointslices', slice('web', ['10.0.0.2']));
      await eventually(() => web.shown === '10.0.0.2:8080');
    });
  }

  it('leaves out the one address that cannot be used, and uses the rest', async () => {
    server.put('prod/endpointslices', slice('web', ['10.0.0.2', 'not an address']));
    await eventually(() => web.shown === '10.0.0.2:8080');
    assert.equal(scene.count('garbage'), 1);
  });

  for (const [title, text] of [
    ['a line that is not JSON', 'hello\n'],
    ['a line that is no object', '42\n'],
    ['an event of an unknown type', '{"type":"RENAMED","object":{}}\n'],
    ['an event without an object', '{"type":"ADDED"}\n'],
    ['an object without a name', '{"type":"ADDED","object":{"metadata":{"resourceVersion":"999"}}}\n'],
    ['an error that is not 410', '{"type":"ERROR","object":{"kind":"Status","code":500,"message":"boom"}}\n'],
  ] as const) {
    it(`lists anew after ${title} in a stream, and keeps the last good state meanwhile`, async () => {
      server.sendRaw('prod/endpointslices', text);
      await eventually(() => server.asked('limit=') === 2 && server.streams() === 1);
      assert.equal(scene.count('garbage'), 1);
      assert.equal(scene.count('errors'), 1);
      assert.equal(web.shown, '10.0.0.1:8080');
      server.put('prod/endpointslices', slice('web', ['10.0.0.2']));
      await eventually(() => web.shown === '10.0.0.2:8080');
    });
  }

  for (const [title, answer, problem] of [
    ['not JSON', (r: ServerResponse) => r.end('<html>welcome</html>'), /not JSON: "<html>welcome<\/html>"/],
    ['empty', (r: ServerResponse) => r.end(), /not JSON: an empty answer/],
    ['no object', (r: ServerResponse) => sendJson(r, 200, [1]), /\[1\] is no object/],
    ['without a version', (r: ServerResponse) => sendJson(r, 200, { items: [] }), /it has no resourceVersion/],
    ['items that are no list', (r: ServerResponse) => sendJson(r, 200, { items: 7 }), /items 7 is no list/],
    [
      'a Status of 200',
      (r: ServerResponse) => sendJson(r, 200, { kind: 'Status', code: 500, message: 'boom' }),
      /status 500 "boom"/,
    ],
  ] as const) {
    it(`keeps the last good state when a list is ${title}, and says so`, async () => {
      server.intercept = (_request, response, url) => {
        if (url.searchParams.get('watch')) sendStatus(response, 410, 'too old');
        else answer(response);
      };
      server.endStreams();
      await eventually(() => scene.warnings.some((warning) => problem.test(warning)));
      assert.equal(web.shown, '10.0.0.1:8080');
      server.intercept = undefined;
      server.put('prod/endpointslices', slice('web', ['10.0.0.2']));
      await eventually(() => web.shown === '10.0.0.2:8080');
    });
  }

  it('reads lists in pages, and begins anew when the rest of one has become too old', async () => {
    for (let i = 0; i < 30; i++) server.put('many/services', service(`s${i}`, { ports: [{ port: 80 }] }));
    server.maxPage = 10;
    let pages = 0;
    server.intercept = (request, response, url) => {
      if (url.searchParams.has('continue') && ++pages === 1) sendStatus(response, 410, 'too old');
      else server.serve(request, response, url);
    };
    const last = scene.watch('/many/80/s29');
    await eventually(() => last.shown === 'empty');
    assert.equal(pages, 3, server.requests.join('\n'));
  });

  it('gives up a list that does not end', async () => {
    let pages = 0;
    server.intercept = (_request, response) => {
      pages += 1;
      sendJson(response, 200, { metadata: { resourceVersion: '1', continue: 'more' }, items: [] });
    };
    const other = scene.watch('/endless/http/web');
    await eventually(() => other.shown.startsWith('neg: '), { timeoutMs: 20_000 });
    assert.match(other.shown, /does not end: 0 objects in 1001 pages/);
    assert.equal(pages, 1001);
  });

  for (const [title, separator] of [
    ['list of 500 MB', ''],
    ['list of 500 MB without a line feed in it', 'x'],
  ] as const) {
    it(`refuses a ${title}, with flat memory`, async () => {
      server.intercept = (_request, response) => flood(response, separator);
      const before = process.memoryUsage().rss;
      const other = scene.watch('/huge/http/web');
      await eventually(() => /neg: .*larger than 67108864 bytes/.test(other.shown), { timeoutMs: 20_000 });
      const grown = (process.memoryUsage().rss - before) / 1e6;
      assert.ok(grown < 400, `${grown} MB more`);
      assert.equal(web.shown, '10.0.0.1:8080');
      assert.ok(scene.count('garbage') >= 1);
    });
  }

  it('refuses a single line of 500 MB in a stream, with flat memory, and keeps the last good state', async () => {
    server.intercept = (request, response, url) => {
      if (!url.searchParams.get('watch')) server.serve(request, response, url);
      else flood(response, 'x');
    };
    server.endStreams();
    await eventually(() => scene.warnings.some((warning) => warning.includes('a line of the answer is larger than')), {
      timeoutMs: 20_000,
    });
    assert.equal(web.shown, '10.0.0.1:8080');
  });

  it('is Neg with the reason when a connection is accepted and never answered', async () => {
    server.intercept = () => {};
    await scene.close();
    scene = makeScene(server.port, { firstAnswerMs: 100 });
    web = scene.watch('/prod/http/web');
    await eventually(() => /^neg: Kubernetes 127\.0\.0\.1:\d+: has not answered for 100 ms/.test(web.shown));
    server.intercept = undefined;
  });

  it('is Neg with the reason when the server cannot be reached at start, and recovers (1.x bug 6)', async () => {
    const { port } = server;
    await scene.close();
    await server.close();
    scene = makeScene(port);
    web = scene.watch('/prod/http/web');
    await eventually(() => /^neg: Kubernetes 127\.0\.0\.1:\d+: GET .*ECONNREFUSED/.test(web.shown));
    server = await startFakeKubeApiserver({ port });
    server.put('prod/endpointslices', slice('web', ['10.0.0.2']));
    await eventually(() => web.shown === '10.0.0.2:8080', { timeoutMs: 10_000 });
  });
});

/** As much as the other side takes, up to 500 MB. */
function flood(response: ServerResponse, letter: string): void {
  const chunk = Buffer.alloc(1 << 20, letter || ' \n');
  let left = 500;
  const more = (): void => {
    while (left-- > 0) {
      if (!response.write(chunk)) {
        response.once('drain', more);
        return;
      }
    }
    response.end();
  };
  more();
}
