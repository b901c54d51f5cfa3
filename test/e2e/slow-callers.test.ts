import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { bytesTaken, pump, stoppedGrowing } from '../support/byte-flow.js';
import { eventually } from '../support/eventually.js';
import { routerTo, type TestGateway } from '../support/gateway.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { ManualClock } from '../support/manual-clock.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { get, request, Scene } from '../support/scene.js';
import type { UpstreamHandler } from '../support/upstream.js';

expectNoOpenHandles();

const KIB = 1024;
const MIB = 1024 * KIB;
/** What a gateway may grow by for a few callers: their buffers, and what its own garbage takes. */
const MOST_GROWTH = 40 * MIB;

/** Answers as many KiB as the target says, without waiting for the body: `/16` is 16 KiB. */
const kibOfTarget: UpstreamHandler = ({ connection, target }) => {
  const length = Number(target.slice(1)) * KIB;
  connection.write(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`);
  pump(connection.socket, length);
};

/** A gateway in this process whose time stands still. */
async function startHere(t: TestContext) {
  const scene = new Scene(t);
  const clock = new ManualClock();
  const upstream = await scene.upstream(kibOfTarget);
  const gateway = await scene.gateway(routerTo(upstream.port), { clock });
  const server = (...name: string[]): number => gateway.metric('rt', 'http', 'server', '127.0.0.1/0', ...name);
  return { scene, clock, upstream, gateway, server };
}

/** A gateway in a process of its own, so that its memory can be asked for, after one request. */
async function startApart(t: TestContext, serverKeys = '') {
  const scene = new Scene(t);
  const upstream = await scene.upstream(kibOfTarget);
  const gateway = await GatewayProcess.start(
    routerTo(upstream.port).replace('{port: 0}]', `{port: 0, ${serverKeys}}]`),
  );
  const sockets: Socket[] = [];
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    await gateway.close();
  });
  assert.equal((await scene.ask(gateway, get('/1'))).bytes.length, KIB);
  const before = await gateway.peakResidentBytes();
  return {
    scene,
    gateway,
    /** Peak resident memory since now. */
    growth: async () => (await gateway.peakResidentBytes()) - before,
    /** A connection of which nothing is read or awaited. */
    open: (): Socket => {
      const target = { port: gateway.port, host: '127.0.0.1', noDelay: true, ...sourceAddress(sockets.length) };
      const socket = connect(target).on('error', () => {});
      sockets.push(socket);
      return socket;
    },
  };
}

/** Thousands of connections of one address to another leave Linux searching long for a port. Others have one loopback address. */
function sourceAddress(i: number): { readonly localAddress?: string } {
  return process.platform === 'linux' ? { localAddress: `127.0.0.${2 + (i % 8)}` } : {};
}

/** Requests of somebody else, one after the other, while `during` has not resolved; at least one. */
async function othersAreServed(
  scene: Scene,
  gateway: { readonly port: number },
  during: Promise<void>,
): Promise<number> {
  const other = await scene.client(gateway);
  let isOver = false;
  const over = during.then(() => {
    isOver = true;
  });
  let served = 0;
  do {
    await other.send(get('/1'));
    assert.equal((await other.readResponse()).bytes.length, KIB);
    served += 1;
  } while (!isOver);
  await over;
  return served;
}

// ---- one byte a second ----

/** Sends a byte a second for as long as the connection is open, at most `limitS`; answers for how long. */
async function trickle(scene: Scene, gateway: TestGateway, clock: ManualClock, first: string, limitS: number) {
  const caller = await scene.client(gateway);
  const received = (): number => gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'received_bytes');
  const before = received();
  await caller.send(first);
  let sent = first.length;
  await eventually(() => received() === before + sent);
  let seconds = 0;
  while (seconds < limitS && caller.reader.unread.length === 0) {
    clock.advance(1000);
    seconds += 1;
    await caller.send('x');
    sent += 1;
    await eventually(() => received() === before + sent || caller.reader.unread.length > 0);
  }
  return { caller, seconds };
}

test('caller that sends a byte a second of its head has 30 seconds', async (t) => {
  const { scene, clock, gateway, upstream, server } = await startHere(t);
  const { caller, seconds } = await trickle(scene, gateway, clock, 'GET /', 100);
  assert.ok(seconds >= 30 && seconds <= 32, `${seconds}`);
  assert.equal((await caller.readResponse()).status, 408);
  assert.equal(await caller.closedByServer(), 'end');
  assert.equal(upstream.requests.length, 0);
  assert.equal(server('read_timeout'), 1);
  await scene.ask(gateway, get('/1'));
});

test('caller that sends a byte a second of its body holds one connection each way, and nobody up', async (t) => {
  const scene = new Scene(t);
  const clock = new ManualClock();
  const upstream = await scene.upstream(async (arrived) => {
    if (arrived.method === 'PUT') await arrived.body();
    arrived.respond(200, arrived.method);
  });
  const gateway = await scene.gateway(routerTo(upstream.port), { clock });
  const body = request('PUT /', ['Host: web', 'Content-Length: 100']);
  const first = await scene.client(gateway);
  await first.send(body);
  // The connect timeout of the upstream must be over before time moves.
  await upstream.until('the upload', () => upstream.requests.length === 1);
  for (let i = 0; i < 99; i++) {
    clock.advance(1000);
    await first.send('x');
    await upstream.until('the byte', () => upstream.connections[0]?.received.endsWith('x'.repeat(i + 1)) === true);
    if (i % 10 === 0) assert.equal((await scene.ask(gateway, get('/other'))).text, 'GET');
  }
  await first.send('x');
  assert.equal((await first.readResponse()).text, 'PUT');
});

// ---- never reads ----

test('caller that pipelines requests and never reads is no longer read, and is reset after a minute', async (t) => {
  const { scene, clock, gateway, upstream, server } = await startHere(t);
  const caller = await scene.client(gateway);
  caller.pause();
  const requests = get('/4').repeat(10_000);
  caller.socket.write(requests);
  await stoppedGrowing(() => upstream.requests.length);
  const served = upstream.requests.length;
  assert.ok(served < 10_000, `${served}`);
  assert.ok(server('received_bytes') < requests.length, 'its requests wait with the kernel');
  assert.equal((await scene.ask(gateway, get('/1'))).bytes.length, KIB);
  clock.advance(61_000);
  assert.equal(server('write_timeout'), 1);
  await eventually(() => server('connections') === 0);
  assert.equal(upstream.requests.length, served + 1);
  caller.close();
});

test('callers that pipeline requests and never read take no memory', async (t) => {
  const { scene, gateway, growth, open } = await startApart(t);
  const callers = Array.from({ length: 20 }, open);
  for (const caller of callers) {
    caller.pause();
    caller.write(get('/4').repeat(20_000));
  }
  const stopped = stoppedGrowing(() => callers.reduce((sum, caller) => sum + bytesTaken(caller), 0));
  const served = await othersAreServed(scene, gateway, stopped);
  t.diagnostic(`${served} requests of another caller; memory grew by ${((await growth()) / MIB).toFixed(1)} MiB`);
  assert.ok((await growth()) < MOST_GROWTH, `${await growth()}`);
});

test('callers that never read a huge response take no memory', async (t) => {
  const { scene, gateway, growth, open } = await startApart(t);
  const callers = Array.from({ length: 20 }, open);
  for (const caller of callers) {
    caller.pause();
    caller.write(get(`/${100 * KIB}`));
  }
  const served = await othersAreServed(scene, gateway, new Promise((resolve) => setTimeout(resolve, 500)));
  t.diagnostic(`${served} requests of another caller; memory grew by ${((await growth()) / MIB).toFixed(1)} MiB`);
  assert.ok((await growth()) < MOST_GROWTH, `${await growth()}`);
});

// ---- 20,000 connections ----

/** Opens `count`, a few hundred at a time; `closed` answers how many of them the server has closed since. */
async function openMany(count: number, open: () => Socket): Promise<{ closed: () => number }> {
  let closed = 0;
  let left = count;
  const lanes = Array.from({ length: 400 }, async () => {
    while (left > 0) {
      left -= 1;
      // Reading is what tells that the server has closed it.
      const socket = open().resume();
      socket.on('close', () => {
        closed += 1;
      });
      await new Promise<void>((resolve) => socket.once('connect', resolve).once('close', resolve));
    }
  });
  await Promise.all(lanes);
  return { closed: () => closed };
}

test('caller that opens many connections at a listener of 1,000: its oldest make room, no request under way does', async (t) => {
  const { scene, gateway, growth, open } = await startApart(t, 'maxConnections: 1000');
  const halfway = await scene.client(gateway);
  await halfway.send('GET /1 HT');
  const { closed } = await openMany(4000, open);
  await eventually(() => closed() === 4000 - 999, { timeoutMs: 5000 });
  await halfway.send('TP/1.1\r\nHost: web\r\n\r\n');
  assert.equal((await halfway.readResponse()).bytes.length, KIB);
  assert.ok((await growth()) < MOST_GROWTH, `${await growth()}`);
});

test('caller that opens 20,000 connections, or as many as there are file descriptors for, holds nobody up', async (t) => {
  const limit = maxOpenFiles();
  // Of each process: some for what is open besides.
  const count = Math.min(20_000 - 100, limit - 500);
  if (limit < 20_500) t.diagnostic(`${count} connections: a process may have ${limit} files open`);
  const { scene, gateway, growth, open } = await startApart(t);
  let closed = (): number => 0;
  const opening = openMany(count, open).then((opened) => {
    closed = opened.closed;
  });
  const served = await othersAreServed(scene, gateway, opening);
  assert.equal(closed(), 0);
  const perConnection = (await growth()) / count / KIB;
  t.diagnostic(
    `${served} requests of another caller; ${perConnection.toFixed(1)} KiB for each of ${count} connections`,
  );
  assert.ok(perConnection < 20, `${perConnection}`);
});

function maxOpenFiles(): number {
  const { userLimits } = process.report.getReport() as unknown as {
    readonly userLimits: { readonly open_files: { readonly soft: number | 'unlimited' } };
  };
  const { soft } = userLimits.open_files;
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : soft;
}

// ---- 100 MB of headers ----

for (const [what, first, status] of [
  ['a header', 'GET / HTTP/1.1\r\nHost: web\r\nX: ', 431],
  ['a request line', 'GET /', 414],
] as const) {
  test(`100 MB of ${what} at full speed: ${status} after the limit, no memory, others are served`, async (t) => {
    const { scene, gateway, growth, open } = await startApart(t);
    const callers = Array.from({ length: 4 }, open);
    const answers = callers.map((caller) => {
      let answer = '';
      caller.on('data', (bytes: Buffer) => {
        answer += bytes.toString('latin1');
      });
      caller.write(first);
      pump(caller, 100_000_000);
      return () => answer;
    });
    const answered = eventually(() => answers.every((answer) => answer().startsWith(`HTTP/1.1 ${status} `)), {
      timeoutMs: 5000,
    });
    const served = await othersAreServed(scene, gateway, answered);
    t.diagnostic(`${served} requests of another caller; memory grew by ${((await growth()) / MIB).toFixed(1)} MiB`);
    assert.ok((await growth()) < MOST_GROWTH, `${await growth()}`);
  });
}
