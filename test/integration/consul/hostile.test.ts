// io.l5d.consul before a server that misbehaves: what a real agent cannot be made to do on request.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from '../../support/eventually.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { SkippingClock } from '../../support/skipping-clock.js';
import { type FakeAnswer, FakeConsul, type FakeQuery, instance } from './fake-consul.js';
import { type FollowedName, NamerScene } from './namer-scene.js';

expectNoOpenHandles();

const TOKEN = 'b1gs07f9-secret';

/** Answers the first query with one instance, blocking ones with whatever comes from `next`, and plain ones then too. */
function firstGood(next: (query: FakeQuery) => FakeAnswer | undefined): (query: FakeQuery) => FakeAnswer | undefined {
  let asked = false;
  return (query) => {
    if (asked) return next(query);
    asked = true;
    return { index: 7, body: [instance('10.0.0.1')] };
  };
}

const GOOD = /: 10\.0\.0\.1:80$/;

describe('io.l5d.consul', () => {
  for (const [what, answer, message] of [
    [
      'an answer that is not JSON',
      { index: 8, body: '<html>oops</html>' },
      /instances: not JSON: "<html>oops<\/html>"/,
    ],
    ['an empty answer', { index: 8, body: '' }, /instances: not JSON: an empty answer/],
    ['an answer that is no list', { index: 8, body: { a: 1 } }, /instances: want a list, got \{.*a.*1\}/],
    ['status 500 (1.x bug 20)', { status: 500, body: 'No cluster leader' }, /status 500 "No cluster leader"/],
    ['status 429', { status: 429, body: 'rate limit' }, /status 429 "rate limit"/],
    ['status 403', { status: 403, body: 'Permission denied' }, /status 403 "Permission denied"/],
    ['a redirect', { status: 301, headers: { location: '/v1/kv/a' }, body: '' }, /: status 301;/],
    [
      'no instances because the token may not see them',
      { index: 8, headers: { 'X-Consul-Results-Filtered-By-ACLs': 'true' }, body: [] },
      /the token may not see any of the instances/,
    ],
    [
      'no instances by a server without a leader',
      { index: 8, headers: { 'X-Consul-KnownLeader': 'false' }, body: [] },
      /no instances, said by a server without a leader/,
    ],
  ] as const) {
    it(`keeps the last good state through ${what}, and says and counts it`, async (t) => {
      const consul = await FakeConsul.start(
        t,
        firstGood(() => answer),
      );
      const scene = new NamerScene(t, consul, { token: TOKEN });
      const name = scene.follow('/dc1/web');
      await name.becomes(GOOD);
      await eventually(() => scene.count('errors') >= 3);
      assert.match(name.now, GOOD);
      assert.equal(scene.warnings.length, 1, 'the same failure is a warning once');
      const [warning = ''] = scene.warnings;
      assert.ok(warning.startsWith(`warn ${consul.registry}: dc1/web: `), warning);
      assert.match(warning, message);
      assert.match(warning, /its last answer stays in use$/);

      consul.answer = () => ({ index: 9, body: [instance('10.0.0.2')] });
      await name.becomes(/: 10\.0\.0\.2:80$/);
      expectNoToken(scene, name);
    });

    it(`is Neg with the reason for ${what} as the first answer`, async (t) => {
      const consul = await FakeConsul.start(t, () => answer);
      const scene = new NamerScene(t, consul, { token: TOKEN });
      const name = scene.follow('/dc1/web');
      await name.becomes(/^neg because /);
      assert.match(`${name.now};`, message);
      assert.ok(name.now.includes(consul.registry));
      expectNoToken(scene, name);
    });
  }

  it('counts what is not JSON as garbage', async (t) => {
    const consul = await FakeConsul.start(
      t,
      firstGood(() => ({ index: 8, body: 'x' })),
    );
    const scene = new NamerScene(t, consul);
    scene.follow('/dc1/web');
    await eventually(() => scene.count('garbage') >= 2);
  });

  it('leaves out entries of a list that are no instances', async (t) => {
    const entries = [
      null,
      7,
      'x',
      [],
      {},
      { Service: null },
      { Service: { ID: 1 }, Node: 'x' },
      { ...instance('10.0.0.9'), ServicePort: '80x' },
    ];
    const answer = { index: 8, body: [...entries, instance('10.0.0.1')] };
    const consul = await FakeConsul.start(t, ({ blocking }) => (blocking ? undefined : answer));
    const scene = new NamerScene(t, consul);
    await scene.follow('/dc1/web').becomes(GOOD);
    assert.equal(scene.count('garbage'), entries.length);
    assert.match(scene.warnings.join('\n'), /"10\.0\.0\.9 on n1": port "80x" is not in 1-65535/);
  });

  it('reads answers with fields that it does not know, as newer Consuls have', async (t) => {
    const newer = {
      Node: { ID: '', Node: 'n1', Address: '10.0.0.9', Partition: 'default', PeerName: '', Meta: null },
      Service: {
        ID: 'a',
        Service: 'web',
        Address: '10.0.0.1',
        Port: 80,
        Tags: null,
        Meta: null,
        PeerName: '',
        Locality: {},
      },
      Checks: null,
    };
    const consul = await FakeConsul.start(t, ({ blocking }) => (blocking ? undefined : { index: 8, body: [newer] }));
    const options = { useHealthCheck: true, transferMetadata: true, weights: [{ tag: 'a', weight: 2 }] };
    await new NamerScene(t, consul, options).follow('/dc1/web').becomes(GOOD);
  });

  it('reads no more than 16 MiB of an answer of 500 MB', async (t) => {
    let sent = 0;
    const endless = ({ response }: FakeQuery): undefined => {
      const piece = Buffer.alloc(1 << 20, 0x20);
      response.writeHead(200, { 'X-Consul-Index': '8' });
      response.on('error', () => {});
      const more = (): void => {
        while (sent < 500e6 && !response.destroyed) {
          sent += piece.length;
          if (!response.write(piece)) {
            response.once('drain', more);
            return;
          }
        }
        response.end('[]');
      };
      more();
    };
    const consul = await FakeConsul.start(t, firstGood(endless));
    const scene = new NamerScene(t, consul);
    const name = scene.follow('/dc1/web');
    await name.becomes(GOOD);
    await eventually(() => scene.count('garbage') > 0, { timeoutMs: 10_000 });
    assert.match(scene.warnings.join(), /the answer is larger than 16777216 bytes; its last answer stays in use/);
    assert.ok(sent < 100e6, `${sent} bytes were taken`);
    assert.match(name.now, GOOD);
  });

  it('is Neg with the reason, and not pending, when a connection is accepted and never answered (1.x bug 27)', async (t) => {
    const clock = new SkippingClock();
    const consul = await FakeConsul.start(t, () => undefined);
    const name = new NamerScene(t, consul, { clock }).follow('/dc1/web');
    await eventually(() => consul.queries.length === 1);
    clock.skip(5000);
    await name.becomes(`neg because ${consul.registry}: has not answered for 5000 ms`);
    consul.answer = () => ({ index: 7, body: [instance('10.0.0.1')] });
  });

  it('gives up a query that is held longer than was asked for, and asks anew (1.x bug 21)', async (t) => {
    const consul = await FakeConsul.start(
      t,
      firstGood(() => undefined),
    );
    const scene = new NamerScene(t, consul, { waitMs: 100 });
    const name = scene.follow('/dc1/web');
    await name.becomes(GOOD);
    await eventually(() => consul.queries.length === 2);
    const [, held] = consul.queries;
    assert.equal(held?.parameters.wait, '100ms');
    consul.answer = ({ blocking }) => (blocking ? undefined : { index: 8, body: [instance('10.0.0.2')] });
    await name.becomes(/: 10\.0\.0\.2:80$/, 10_000);
  });

  it('asks anew when the server goes in the middle of an answer', async (t) => {
    const halfAnswer = ({ response }: FakeQuery): undefined => {
      response.writeHead(200, { 'X-Consul-Index': '8', 'Content-Length': '1000' });
      response.write('[{"Node"', () => response.socket?.resetAndDestroy());
    };
    const consul = await FakeConsul.start(t, firstGood(halfAnswer));
    const scene = new NamerScene(t, consul);
    const name = scene.follow('/dc1/web');
    await name.becomes(GOOD);
    await eventually(() => scene.count('errors') > 0);
    consul.answer = () => ({ index: 9, body: [instance('10.0.0.2')] });
    await name.becomes(/: 10\.0\.0\.2:80$/);
  });

  for (const [what, index] of [
    ['no index', undefined],
    ['index 0', 0],
    ['an index that is no number', 'soon'],
  ] as const) {
    it(`asks once a second while answers have ${what}, and waits again once they have one`, async (t) => {
      const clock = new SkippingClock();
      let port = 80;
      let now: number | string | undefined = index;
      const consul = await FakeConsul.start(t, ({ blocking }) =>
        blocking ? undefined : { ...(now !== undefined && { index: now }), body: [instance('10.0.0.1', port)] },
      );
      const scene = new NamerScene(t, consul, { clock });
      const name = scene.follow('/dc1/web');
      await name.becomes(GOOD);
      for (port of [81, 82]) {
        const before = consul.queries.length;
        clock.skip(900);
        assert.equal(consul.queries.length, before);
        clock.skip(100);
        await name.becomes(new RegExp(`:${port}$`));
      }
      now = 7;
      clock.skip(1000);
      await eventually(() => consul.queries.at(-1)?.parameters.index === '7');
      assert.ok(consul.queries.slice(0, -1).every(({ blocking }) => !blocking));
      assert.equal(scene.count('errors'), 0);
    });
  }

  it('starts again without an index when the index goes back', async (t) => {
    const answers: (FakeAnswer | undefined)[] = [
      { index: 700, body: [instance('10.0.0.1')] },
      { index: 3, body: [] },
      { index: 4, body: [instance('10.0.0.2')] },
    ];
    const consul = await FakeConsul.start(t, () => answers.shift());
    const name = new NamerScene(t, consul).follow('/dc1/web');
    await name.becomes(/: 10\.0\.0\.2:80$/);
    await eventually(() => consul.queries.length === 4);
    assert.deepEqual(
      consul.queries.map(({ parameters }) => parameters.index),
      [undefined, '700', undefined, '4'],
    );
  });

  it('asks at most once in 10 ms, however fast the answers change', async (t) => {
    let index = 1;
    const consul = await FakeConsul.start(t, () => ({
      index: index++,
      body: [instance('10.0.0.1', 1 + (index % 60_000))],
    }));
    const scene = new NamerScene(t, consul);
    scene.follow('/dc1/web');
    const startedAt = performance.now();
    await eventually(() => consul.queries.length >= 20);
    const tookMs = performance.now() - startedAt;
    assert.ok(consul.queries.length <= 2 + tookMs / 8, `${consul.queries.length} queries in ${tookMs} ms`);
  });

  it('follows by plain queries, once a second, where blocking ones are lost', async (t) => {
    const clock = new SkippingClock();
    let port = 80;
    const consul = await FakeConsul.start(t, ({ blocking, response }) => {
      if (!blocking) return { index: port, body: [instance('10.0.0.1', port)] };
      response.socket?.resetAndDestroy();
      return undefined;
    });
    const scene = new NamerScene(t, consul, { clock });
    const name = scene.follow('/dc1/web');
    await name.becomes(GOOD);
    // Two are lost, each followed by a plain one at once; then nothing is asked for a second.
    await eventually(() => consul.queries.length === 5);
    clock.skip(900);
    assert.equal(consul.queries.length, 5);
    port = 81;
    clock.skip(100);
    await name.becomes(/:81$/);
    assert.deepEqual(scene.warnings, []);
  });

  it('asks for the agent once, until it is told, and then for no more', async (t) => {
    let selves = 0;
    const consul = await FakeConsul.start(t, ({ path, blocking }) => {
      if (path !== '/v1/agent/self') return blocking ? undefined : { index: 7, body: [instance('10.0.0.1')] };
      selves += 1;
      if (selves < 3) return { status: 500, body: 'not yet' };
      return { body: { Config: { Datacenter: 'east' }, DebugConfig: { DNSDomain: 'example.' }, Member: {} } };
    });
    const scene = new NamerScene(t, consul, { setHost: true });
    await scene.follow('/.local/web').becomes(/\{"authority":"web\.service\.east\.example"\}$/);
    await scene.follow('/dc2/api').becomes(/\{"authority":"api\.service\.dc2\.example"\}$/);
    assert.equal(selves, 3);
    assert.match(scene.warnings.join(), /status 500 "not yet"; setHost needs its DNS domain \(right agent:read\)/);
  });

  it('asks for nothing but the service where Host is not set, also for .local', async (t) => {
    const consul = await FakeConsul.start(t, ({ blocking }) => (blocking ? undefined : { index: 7, body: [] }));
    await new NamerScene(t, consul).follow('/.local/web').becomes('neg');
    assert.deepEqual(consul.queries[0]?.parameters, {});
    assert.ok(consul.queries.every(({ path }) => path === '/v1/catalog/service/web'));
  });

  for (const [what, options, path, parameters] of [
    ['the catalog', {}, '/v1/catalog/service/web', { dc: 'dc1' }],
    ['what passes', { useHealthCheck: true }, '/v1/health/service/web', { dc: 'dc1', passing: 'true' }],
    [
      'all of the health',
      { useHealthCheck: true, healthStatuses: ['passing', 'warning'] },
      '/v1/health/service/web',
      { dc: 'dc1' },
    ],
    ['stale answers', { consistencyMode: 'stale' }, '/v1/catalog/service/web', { dc: 'dc1', stale: 'true' }],
    [
      'consistent answers',
      { consistencyMode: 'consistent' },
      '/v1/catalog/service/web',
      { dc: 'dc1', consistent: 'true' },
    ],
    ['a tag', { includeTag: true }, '/v1/catalog/service/api', { dc: 'dc1', tag: 'web' }],
  ] as const) {
    it(`asks for ${what}`, async (t) => {
      const consul = await FakeConsul.start(t, ({ blocking }) => (blocking ? undefined : { index: 7, body: [] }));
      await new NamerScene(t, consul, { ...options, token: TOKEN }).follow('/dc1/WEB/API').becomes('neg');
      await eventually(() => consul.queries.length === 2);
      const [plain, blocking] = consul.queries;
      assert.equal(plain?.path, path);
      assert.deepEqual(plain?.parameters, parameters);
      assert.deepEqual(blocking?.parameters, { ...parameters, index: '7', wait: '30000ms' });
      assert.equal(plain?.headers['x-consul-token'], TOKEN);
    });
  }
});

function expectNoToken(scene: NamerScene, name: FollowedName): void {
  const said = [...scene.logged, ...name.history, JSON.stringify(scene.namer.state())].join('\n');
  assert.ok(!said.includes(TOKEN), 'the token is in a message');
}
