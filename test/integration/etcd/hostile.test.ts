import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { eventually } from '../../support/eventually.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { SkippingClock } from '../../support/skipping-clock.js';
import { EtcdScene } from './etcd-scene.js';
import {
  type Answer,
  entry,
  type FakeEtcd,
  frameHead,
  putEvent,
  rangeAnswer,
  refusal,
  respond,
  startFakeEtcd,
  watchMessage,
} from './fake-etcd.js';

expectNoOpenHandles();

/** With `/services/shop/1` registered, and the namer that has seen it. */
async function serving(t: TestContext) {
  const etcd = await startFakeEtcd(t);
  etcd.range = rangeAnswer(5, entry('/services/shop/1', '10.0.0.1:80'));
  const clock = new SkippingClock();
  const scene = new EtcdScene(t, { endpoints: [etcd.url], clock });
  const shop = scene.follow('shop');
  await shop.sees('/shop: 10.0.0.1:80');
  return { etcd, clock, scene, shop };
}

const LIMIT = 32 * 1024 * 1024;

describe('etcd namer before a server that is none', () => {
  const bad: [what: string, answer: Answer, message: string, isGarbage: boolean][] = [
    [
      'an answer of 500 MB',
      (_, stream) => {
        respond(stream);
        stream.write(frameHead(500_000_000));
      },
      `Range: an answer of 500000000 bytes is larger than the limit of ${LIMIT}`,
      true,
    ],
    [
      'a compressed answer',
      (_, stream) => {
        respond(stream);
        stream.write(frameHead(1, 1));
      },
      'Range: the answer is compressed, which nobody asked for',
      true,
    ],
    [
      'what is not protobuf',
      (reply, stream) => {
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        reply(Buffer.from('<html>'));
        stream.end();
      },
      'the answer is not a protobuf message',
      true,
    ],
    [
      'a page of the Web',
      (_, stream) => {
        stream.respond({ ':status': 404, 'content-type': 'text/html' });
        stream.end('<html>');
      },
      'Range: the server does not speak gRPC: status 404 "text/html"',
      true,
    ],
    ['success without a message', refusal(0, ''), 'Range: the answer holds no message', true],
    [
      'an end without a status',
      (reply, stream) => {
        reply(Buffer.alloc(0));
        stream.on('wantTrailers', () => stream.close());
        stream.end();
      },
      'Range: the server ended the call without a status',
      false,
    ],
    [
      'a refusal',
      refusal(13, 'etcdserver: %22no space%22 100% full'),
      'Range: etcdserver: %22no space%22 100% full',
      false,
    ],
    ['a refusal without a word', refusal(2, ''), 'Range: status 2', false],
    ['a refusal of a thousand words', refusal(2, 'words'.repeat(1000)), `Range: ${'words'.repeat(20)}…`, false],
  ];
  for (const [what, answer, message, isGarbage] of bad) {
    it(`says that it got ${what}, and recovers`, async (t) => {
      const etcd = await startFakeEtcd(t);
      etcd.range = answer;
      const scene = new EtcdScene(t, { endpoints: [etcd.url] });
      const shop = scene.follow('shop');
      await shop.sees(`neg because etcd ${etcd.url.slice(7)}: ${message}`);
      assert.equal(scene.count('garbage') > 0, isGarbage);
      etcd.range = rangeAnswer(5, entry('/services/shop/1', '10.0.0.1:80'));
      await shop.sees('/shop: 10.0.0.1:80');
    });

    it(`keeps what it knows when it later gets ${what}`, async (t) => {
      const { etcd, clock, scene, shop } = await serving(t);
      etcd.range = answer;
      clock.skip(1000);
      await eventually(() => scene.failing !== undefined);
      assert.deepEqual(shop.seen, ['pending', '/shop: 10.0.0.1:80']);
      assert.ok(scene.count('errors') > 0);
      await scene.close();
      await eventually(() => etcd.connections === 0);
    });
  }

  it('does not ask for page after page of a list that never ends', async (t) => {
    const etcd = await startFakeEtcd(t);
    etcd.range = rangeAnswer(5, entry('/services/a/1', 'h:1'), [3, true]);
    const scene = new EtcdScene(t, { endpoints: [etcd.url] });
    await scene.follow('shop').sees(/: Range: the keys of the answer are not in order$/);
    assert.ok(scene.count('garbage') > 0);
  });

  it('gives up on a connection that is accepted and never answered, and tries the next server meanwhile', async (t) => {
    const silent = await listening(t, createServer());
    const etcd = await startFakeEtcd(t);
    etcd.range = rangeAnswer(5, entry('/services/shop/1', '10.0.0.1:80'));
    const clock = new SkippingClock();
    const alone = new EtcdScene(t, { endpoints: [silent.url], clock });
    const shop = alone.follow('shop');
    await eventually(() => silent.connections > 0);
    clock.skip(3000);
    await shop.sees(`neg because etcd ${silent.url.slice(7)}: Range: no answer after 3000 ms`);
    const both = new EtcdScene(t, { endpoints: [silent.url, etcd.url], clock });
    const second = both.follow('shop');
    await eventually(() => silent.connections > 1);
    clock.skip(3000);
    await second.sees('/shop: 10.0.0.1:80');
    assert.deepEqual(second.seen, ['pending', '/shop: 10.0.0.1:80']);
  });

  it('says what each of several servers does wrong', async (t) => {
    const [one, two] = [await startFakeEtcd(t), await startFakeEtcd(t)];
    one.range = refusal(13, 'no space');
    two.range = rangeAnswer(5, entry('/services/a/1', 'h:1'), [3, true]);
    const hosts = [one, two].map(({ url }) => url.slice(7));
    const scene = new EtcdScene(t, { endpoints: [one.url, two.url] });
    await scene
      .follow('shop')
      .sees(
        `neg because etcd ${hosts.join(',')}: ${hosts[0]}: Range: no space; ${hosts[1]}: Range: the keys of the answer are not in order`,
      );
    assert.ok(scene.count('garbage') > 0);
  });

  it('says that a server of HTTP/1 is no etcd', async (t) => {
    const web = await listening(
      t,
      createHttpServer((_, response) => response.end('hello')),
    );
    const scene = new EtcdScene(t, { endpoints: [web.url] });
    await scene.follow('shop').sees(/^neg because etcd 127.0.0.1:\d+: Range: .+/);
  });
});

describe('etcd namer whose watch goes wrong', () => {
  const bad: [what: string, answer: Answer, failure: RegExp][] = [
    [
      'is canceled because the history is gone',
      (reply) => reply(watchMessage(5, [3, true], [4, true], [5, 9])),
      /^Watch: the changes before revision 9 were compacted away$/,
    ],
    [
      'is canceled',
      (reply) => reply(watchMessage(5, [3, true], [4, true], [6, 'etcdserver: permission denied'])),
      /^Watch: canceled: etcdserver: permission denied$/,
    ],
    ['is canceled without a word', (reply) => reply(watchMessage(5, [4, true])), /^Watch: canceled: no reason given$/],
    ['is not protobuf', (reply) => reply(Buffer.from('<html>')), /^Watch: the answer is not a protobuf message$/],
    ['is refused', refusal(14, 'etcdserver: no leader'), /^Watch: etcdserver: no leader$/],
    ['ends well, which it should not', refusal(0, ''), /^Watch: the server ended the watch$/],
    ['is reset', (_, stream) => stream.close(2), /^Watch: Stream closed with error code NGHTTP2_INTERNAL_ERROR$/],
    [
      'is on a connection that the server ends',
      (_, stream) => stream.session?.destroy(),
      /^Watch: the server ends the connection \(GOAWAY 0\)$/,
    ],
  ];
  for (const [what, answer, failure] of bad) {
    it(`lists and watches again when it ${what}`, async (t) => {
      const etcd = await startFakeEtcd(t);
      etcd.watch = answer;
      const scene = new EtcdScene(t, { endpoints: [etcd.url] });
      const shop = scene.follow('shop');
      await eventually(() => failure.test(scene.failing ?? ''));
      assert.deepEqual(shop.seen, ['pending', 'neg']);
      etcd.range = rangeAnswer(6, entry('/services/shop/1', '10.0.0.1:80'));
      etcd.watch = (reply) => {
        reply(watchMessage(6, [3, true]));
        reply(watchMessage(7, putEvent('/services/shop/2', '10.0.0.2:80')));
      };
      await shop.sees('/shop: 10.0.0.1:80 10.0.0.2:80');
      assert.equal(scene.failing, undefined);
    });
  }

  it('waits longer and longer between lists that no watch follows', async (t) => {
    const etcd = await startFakeEtcd(t);
    let lists = 0;
    const list = etcd.range;
    etcd.range = (reply, stream) => {
      lists += 1;
      list(reply, stream);
    };
    etcd.watch = refusal(14, 'etcdserver: no leader');
    const clock = new SkippingClock();
    const scene = new EtcdScene(t, { endpoints: [etcd.url], clock });
    scene.follow('shop');
    for (let run = 1; run <= 5; run++) {
      await eventually(() => lists === run && scene.count('errors') === run);
      clock.skip(15);
      assert.equal(lists, run);
      clock.skip(100 * 2 ** (run - 1));
    }
  });

  it('does not believe a watch that stays behind what the store is at (1.x bugs 4, 5)', async (t) => {
    const { etcd, clock, scene } = await serving(t);
    etcd.range = rangeAnswer(8, entry('/services/shop/1', '10.0.0.2:80'));
    // Never says anything after its creation.
    for (let i = 0; i < 8; i++) {
      const before = scene.count('errors');
      if (before > 0) break;
      clock.skip(1000);
      await beat(etcd);
    }
    await eventually(() => scene.count('errors') > 0);
    assert.match(scene.logged[0] ?? '', /Watch: has been behind for \d+ ms; its last answer stays in use/);
    await scene.follow('shop').sees('/shop: 10.0.0.2:80');
  });

  it('goes on through an election, and leaves a server that has no leader for longer', async (t) => {
    const { etcd, clock, scene, shop } = await serving(t);
    const list = etcd.range;
    etcd.range = refusal(14, 'etcdserver: leader changed');
    clock.skip(1000);
    await beat(etcd);
    assert.equal(scene.count('errors'), 0);
    etcd.range = list;
    clock.skip(1000);
    await beat(etcd);
    await eventually(() => (scene.namer.ageMs() ?? 0) < 1000);
    etcd.range = refusal(14, 'etcdserver: no leader');
    for (let i = 0; i < 8 && scene.count('errors') === 0; i++) {
      clock.skip(1000);
      await beat(etcd);
    }
    await eventually(() => scene.failing === 'Range: etcdserver: no leader');
    assert.deepEqual(shop.seen, ['pending', '/shop: 10.0.0.1:80']);
  });

  it('does not believe a server whose revision goes back under the watch', async (t) => {
    const { etcd, clock, scene, shop } = await serving(t);
    etcd.range = rangeAnswer(3, entry('/services/shop/1', '10.0.0.9:80'));
    clock.skip(1000);
    await shop.sees('/shop: 10.0.0.9:80');
    assert.match(scene.logged.join('\n'), /its revision went back to 3; its last answer stays in use/);
    assert.match(scene.logged.join('\n'), /the revision of etcd went back from 5 to 3/);
  });
});

/** Until the next range has been asked for and answered. */
async function beat(etcd: FakeEtcd): Promise<void> {
  const { range } = etcd;
  let answered = false;
  etcd.range = (reply, stream) => {
    stream.on('close', () => {
      answered = true;
    });
    range(reply, stream);
  };
  await eventually(() => answered);
  etcd.range = range;
}

async function listening(t: TestContext, server: Server) {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    if (!server.listenerCount('request')) socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return sockets.size;
    },
  };
}
