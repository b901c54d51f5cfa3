import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MetricsScope } from '../../../src/base/metrics.js';
import { CallerSocket } from '../../../src/server/caller-socket.js';
import { Http1Connection } from '../../../src/server/http1-connection.js';
import { Http1Context } from '../../../src/server/http1-context.js';
import type { Http1ServerOptions } from '../../../src/server/http1-options.js';
import type { Exchange } from '../../../src/service/exchange.js';
import { Headers } from '../../../src/service/headers.js';
import { makeResponseHead } from '../../../src/service/message.js';
import { FakeSocket } from '../../support/fake-socket.js';
import { ManualClock } from '../../support/manual-clock.js';
import { metricValue } from '../../support/metric-value.js';

const NEVER = Number.NEGATIVE_INFINITY;
const REQUEST = 'GET / HTTP/1.1\r\nHost: web\r\n\r\n';

/** One connection of a fake socket; what it serves waits in `exchanges`. */
function start(options: Partial<Http1ServerOptions> = {}) {
  const exchanges: Exchange[] = [];
  const gone: string[] = [];
  const metrics = new MetricsScope();
  let isClosed = false;
  const context = new Http1Context(
    {
      ip: '10.0.0.2',
      port: 80,
      maxConnections: 5,
      maxInitialLineBytes: 4096,
      maxHeaderBytes: 8192,
      clock: new ManualClock(),
      metrics,
      serve: (exchange) => {
        exchange.listener = { callerGone: (error) => gone.push(error.message), resume: () => {} };
        exchanges.push(exchange);
      },
      refuse: (error) => ({ head: makeResponseHead(400, error.code, new Headers(), 0), body: Buffer.alloc(0) }),
      ...options,
    },
    () => {
      isClosed = true;
    },
  );
  const socket = new FakeSocket();
  const accepted = { socket: socket.asSocket, connectionId: 1, openedAt: 0, sentBytes: context.metrics.bytesSent };
  const connection = new Http1Connection(new CallerSocket(accepted), context);
  /** So many sweeps of a second. */
  const sweep = (times: number): void => {
    for (let i = 0; i < times; i++) {
      context.now += 1000;
      connection.sweep(NEVER);
    }
  };
  const metric = (...name: string[]): number => metricValue(metrics, ...name);
  return { context, connection, socket, exchanges, gone, sweep, metric, isClosed: () => isClosed };
}

/** Answers with a body of so many bytes. */
function answer(exchange: Exchange | undefined, length = 2, fields = new Headers()): void {
  assert.ok(exchange);
  exchange.head(makeResponseHead(200, 'OK', fields, length));
  exchange.data(Buffer.alloc(length, 'x'));
  exchange.end(undefined);
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

// The first answer leaves by the short way past the stream's queue, the second through it.
for (const length of [2, 100_000]) {
  const body = 'x'.repeat(length);

  test(`server connection ends after the last of ${length} bytes is taken, however long that takes`, async () => {
    const { socket, exchanges, sweep, isClosed } = start({ writeTimeoutMs: 3_600_000 });
    socket.hold();
    socket.receive(REQUEST.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    answer(exchanges[0], length);
    await turn();
    sweep(600);
    assert.equal(socket.destroyed, false);
    assert.equal(socket.wasEnded, false);
    socket.takeOn();
    await turn();
    assert.ok(socket.taken.endsWith(`\r\n\r\n${body}`));
    assert.equal(socket.wasEnded, true);
    // Now it waits for the caller to close, and not for long.
    sweep(1);
    assert.equal(socket.destroyed, false);
    sweep(1);
    await turn();
    assert.equal(isClosed(), true);
    assert.equal(socket.wasReset, false);
  });

  test(`server connection that drains lets the last of ${length} bytes go out`, async () => {
    const { connection, context, socket, exchanges } = start();
    socket.hold();
    socket.receive(REQUEST);
    answer(exchanges[0], length);
    context.draining = true;
    connection.drain();
    await turn();
    assert.equal(socket.destroyed, false);
    socket.takeOn();
    await turn();
    assert.ok(socket.taken.endsWith(`\r\n\r\n${body}`));
    assert.equal(socket.wasEnded, true);
  });

  test(`server connection is not idle while any of ${length} bytes is held, and can be found when it is`, async () => {
    const { connection, context, socket, exchanges, sweep } = start({ writeTimeoutMs: 3_600_000 });
    socket.hold();
    socket.receive(REQUEST);
    answer(exchanges[0], length);
    await turn();
    assert.equal(context.idle.takeOldest(), undefined);
    sweep(700);
    assert.equal(socket.destroyed, false);
    socket.takeOn();
    await turn();
    context.now += 1;
    socket.receive(REQUEST);
    answer(exchanges[1]);
    await turn();
    assert.equal(context.idle.takeOldest(), connection);
    assert.equal(context.idle.takeOldest(), undefined);
    // A sweep finds what was passed over.
    sweep(1);
    assert.equal(context.idle.takeOldest(), connection);
  });

  test(`server connection whose caller takes none of ${length} bytes is reset, the response ended or not`, async () => {
    for (const isClosing of [false, true]) {
      const { socket, exchanges, sweep, metric, isClosed } = start();
      socket.hold();
      socket.receive(isClosing ? REQUEST.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n') : REQUEST);
      answer(exchanges[0], length);
      await turn();
      sweep(60);
      assert.equal(socket.destroyed, false);
      sweep(1);
      await turn();
      assert.equal(socket.wasReset, true);
      assert.equal(isClosed(), true);
      assert.equal(metric('write_timeout'), 1);
    }
  });
}

test('server connection tells the exchange under way that its caller takes nothing', () => {
  const { socket, exchanges, gone, sweep } = start();
  socket.hold();
  socket.receive(REQUEST);
  exchanges[0]?.head(makeResponseHead(200, 'OK', new Headers(), 1_000_000));
  assert.equal(exchanges[0]?.data(Buffer.alloc(100_000)), false);
  sweep(61);
  assert.deepEqual(gone, ['the caller took no byte of its response for 60000 ms']);
  assert.equal(socket.wasReset, true);
});

test('server connection drops what was left of a request while it drains, then closes', async () => {
  const { connection, context, socket, exchanges, sweep } = start();
  socket.receive('POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 10\r\n\r\n12345');
  answer(exchanges[0]);
  await turn();
  context.draining = true;
  connection.drain();
  assert.equal(socket.destroyed, false);
  socket.receive('67890');
  sweep(1);
  assert.equal(socket.destroyed, true);
  assert.equal(socket.wasReset, false);
});

test('server connection takes the limits of heads as they are when it counts', () => {
  const { context, socket, exchanges, gone } = start({ maxHeaderBytes: 100 });
  socket.receive('GET / HTTP/1.1\r\nHost: web\r\n');
  context.configure({ ...context.options, maxHeaderBytes: 1000 });
  socket.receive(`X: ${'x'.repeat(900)}\r\n\r\n`);
  assert.equal(exchanges.length, 1);
  answer(exchanges[0]);
  context.configure({ ...context.options, maxHeaderBytes: 50 });
  socket.receive(`GET / HTTP/1.1\r\nHost: web\r\nX: ${'x'.repeat(50)}\r\n\r\n`);
  assert.match(socket.taken, /HTTP\/1\.1 400 headers-too-large\r\n/);
  assert.deepEqual(gone, []);
});
