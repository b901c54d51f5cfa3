import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { eventually } from '../../support/eventually.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { type JuteReader, JuteWriter } from '../registries/jute.js';
import {
  childrenBody,
  dataBody,
  type FakeRequest,
  type FakeZooKeeper,
  framed,
  GET_CHILDREN,
  GREETING,
  PING,
  startFakeZooKeeper,
} from './fake-zookeeper.js';
import { becomes, memberJson, ZkScene } from './zk-scene.js';

expectNoOpenHandles();

async function start(
  t: TestContext,
  onRequest: (request: FakeRequest) => void,
  greet?: (socket: Socket, greeting: JuteReader) => void,
): Promise<{ readonly server: FakeZooKeeper; readonly scene: ZkScene }> {
  const server = await startFakeZooKeeper(onRequest, greet);
  const scene = new ZkScene(t, server);
  t.after(() => server.close());
  return { server, scene };
}

/** A serverset of one member, at port 1; pings are answered. */
function honest(request: FakeRequest): void {
  if (request.operation === GET_CHILDREN) request.answer(childrenBody('member_0000000000'));
  else if (request.operation === PING) request.answer(new JuteWriter());
  else request.answer(dataBody(memberJson(1)));
}

const BOUND = '/#/s/web /: 127.0.0.1:1';

/** What a server may send to a request instead of an answer, and what is said of it. */
const answers: readonly (readonly [what: string, bytes: Buffer, message: RegExp])[] = [
  ['two bytes', framed(Buffer.from([0, 0])), /an answer ends in the middle of a value/],
  ['a frame of negative length', Buffer.from([0xff, 0xff, 0xff, 0xfc]), /as a length is -4 bytes/],
  ['a frame of 500 MB', Buffer.from([0x1f, 0x40, 0, 0]), /as a length is 524288000 bytes, not 0-4194304/],
  [
    'an HTTP response',
    Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
    /begins with "HTTP".*is it a ZooKeeper server\?/,
  ],
  [
    'an answer that nobody asked for',
    framed(new JuteWriter().int(4711).long(1n).int(0).bytes()),
    /an answer to request 4711, which was not asked/,
  ],
];

for (const [what, bytes, message] of answers) {
  test(`a server that answers ${what} is left, said so and counted; the last good addresses stay`, async (t) => {
    let isHostile = true;
    const { scene, server } = await start(t, (request) => {
      if (isHostile && request.operation === GET_CHILDREN) request.socket.write(bytes);
      else honest(request);
    });
    const namer = scene.serversets();
    const web = await scene.first(namer, '/web');
    assert.match(web.now, /^neg because ZooKeeper 127\.0\.0\.1:\d+: /);
    assert.match(web.now, message);
    assert.ok(scene.count('garbage') > 0);
    isHostile = false;
    await becomes(web, BOUND);
    // And again when something is known.
    isHostile = true;
    const before = server.connections;
    const garbage = scene.count('garbage');
    await scene.first(namer, '/other');
    await eventually(() => server.connections > before && scene.count('garbage') > garbage);
    assert.equal(web.now, BOUND);
  });
}

test('a children list that says it is two billion names long is garbage', async (t) => {
  const { scene } = await start(t, (request) => {
    if (request.operation === GET_CHILDREN) request.answer(new JuteWriter().int(0x7fffffff));
    else honest(request);
  });
  const web = await scene.first(scene.serversets(), '/web');
  assert.match(web.now, /an answer ends in the middle of a value/);
  assert.ok(scene.count('garbage') > 0);
});

test('a greeting that cannot be read is an outage with that reason', async (t) => {
  const { scene } = await start(t, honest, (socket) => socket.write(framed(Buffer.from([0, 0, 0]))));
  const web = await scene.first(scene.serversets(), '/web');
  assert.match(web.now, /no session with any server \(.*an answer ends in the middle of a value\)/);
});

test('half an answer before a reset does not spoil the next connection', async (t) => {
  const { scene, server } = await start(t, (request) => {
    if (request.connection > 0 || request.operation !== GET_CHILDREN) {
      honest(request);
      return;
    }
    request.socket.write(Buffer.from([0, 0, 0, 40, 1, 2, 3]), () => request.socket.resetAndDestroy());
  });
  const web = scene.follow(scene.serversets(), '/web');
  await becomes(web, BOUND);
  assert.equal(server.connections, 2);
  assert.equal(scene.count('errors'), 0, 'one lost connection is no error');
});

test('a server that ends every connection at the first request is told of, and is not asked in a circle', async (t) => {
  const { scene, server } = await start(t, (request) => {
    request.socket.end();
  });
  const web = await scene.first(scene.serversets(), '/web');
  assert.match(web.now, /^neg because .*the server closed the connection/);
  const before = server.connections;
  const startedAt = performance.now();
  await eventually(() => performance.now() - startedAt > 500);
  assert.ok(server.connections - before < 10, `${server.connections - before} connections in half a second`);
});

test('a server that greets and answers nothing else is left after two thirds of the session timeout', async (t) => {
  const { scene, server } = await start(t, () => {});
  const startedAt = performance.now();
  const web = await scene.first(scene.serversets(), '/web');
  // Two connections of two thirds of a second each.
  assert.ok(performance.now() - startedAt < 3000);
  assert.match(web.now, /no sign of life for 333 ms/);
  assert.ok(server.connections >= 2);
});

test('a server that drips a frame byte by byte is left as one that is silent', async (t) => {
  let dripping: NodeJS.Timeout | undefined;
  const { scene } = await start(t, (request) => {
    if (request.operation !== GET_CHILDREN) return;
    request.socket.write(Buffer.from([0, 0, 1, 0]));
    clearInterval(dripping);
    dripping = setInterval(() => request.socket.write(Buffer.from([0])), 20);
  });
  t.after(() => clearInterval(dripping));
  const web = await scene.first(scene.serversets(), '/web');
  assert.match(web.now, /no sign of life/);
});

test('members that vanish between the list and the reading are left out', async (t) => {
  const { scene } = await start(t, (request) => {
    if (request.operation === GET_CHILDREN) request.answer(childrenBody('member_0000000000', 'member_0000000001'));
    else if (request.operation === PING) request.answer(new JuteWriter());
    else if (request.xid === 2) request.fail(-101);
    else request.answer(dataBody(memberJson(1)));
  });
  const web = await scene.first(scene.serversets(), '/web');
  assert.equal(web.now, BOUND);
  assert.deepEqual(scene.warnings, []);
});

test('a server that knows no removal of watches is not asked again, as it ends the session then', async (t) => {
  let removals = 0;
  const { scene } = await start(t, (request) => {
    if (request.operation === 18) {
      removals += 1;
      request.fail(-6);
      request.socket.end();
    } else honest(request);
  });
  const namer = scene.serversets({ lingerMs: 0 });
  const stays = await scene.first(namer, '/stays');
  for (const name of ['a', 'b', 'c']) {
    const closes = scene.count('closes');
    const followed = await scene.first(namer, `/${name}`);
    followed.stop();
    await eventually(() => scene.count('closes') === closes + 1);
    await scene.first(namer, `/after-${name}`);
  }
  assert.equal(removals, 1);
  assert.equal(stays.now, '/#/s/stays /: 127.0.0.1:1');
});

test('a server that lost transactions, and so refuses the session for ever, is given a new one', async (t) => {
  const sockets: Socket[] = [];
  const server = await startFakeZooKeeper(honest, (socket, greeting) => {
    sockets.push(socket);
    greeting.int();
    const lastTransaction = greeting.long();
    if (lastTransaction > 0n) socket.end();
    else socket.write(GREETING);
  });
  t.after(() => server.close());
  const scene = new ZkScene(t, server, { sessionTimeoutMs: 300 });
  const namer = scene.serversets();
  const web = await scene.first(namer, '/web');
  assert.equal(web.now, BOUND);
  for (const socket of sockets) socket.destroy();
  await eventually(() => /"expirations":1/.test(JSON.stringify(namer.state())), { timeoutMs: 5000 });
  assert.ok(sockets.length > 2);
  await eventually(() => (namer.ageMs() ?? Number.NaN) < 100);
  assert.equal(web.now, BOUND);
});
