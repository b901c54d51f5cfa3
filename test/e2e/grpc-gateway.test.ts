// What the gateway itself does to gRPC: its errors as statuses, deadlines, verdicts at the end of a stream, retries.

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { Metadata, type ServerUnaryCall, type ServerWritableStream, type sendUnaryData, status } from '@grpc/grpc-js';
import { eventually } from '../support/eventually.js';
import { drainStream, GrpcCaller, type MethodName, methodPath, startGrpcServer } from '../support/grpc-peers.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { Scene } from '../support/scene.js';

expectNoOpenHandles();

const UNARY = methodPath('Unary');
const LIST = methodPath('List');
const NOTHING = Buffer.alloc(0);

type Unary = (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>, attempt: number) => void;

interface Keys {
  readonly protocol?: 'h2' | 'http';
  readonly dtab?: string;
  readonly server?: string;
  readonly router?: string;
}

async function start(t: TestContext, unary: Unary, keys: Keys = {}, more: Parameters<typeof startGrpcServer>[1] = {}) {
  let attempts = 0;
  const port = await startGrpcServer(t, {
    unary: (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => {
      attempts += 1;
      unary(call, reply, attempts);
    },
    ...(more satisfies Partial<Record<MethodName, unknown>>),
  });
  const isHttp = keys.protocol === 'http';
  const gateway = await new Scene(t).gateway(`
admin: {port: 0}
routers:
- protocol: ${keys.protocol ?? 'h2'}
  label: grpc
  dtab: ${keys.dtab ?? `/svc/* => /$/inet/127.0.0.1/${port}`}
  servers: [{port: 0, ${isHttp ? 'h2: true, ' : ''}${keys.server ?? ''}}]
${isHttp ? '  client: {protocol: h2c}\n' : ''}${keys.router ?? ''}`);
  const service = (...name: string[]): number => gateway.metric('rt', 'grpc', 'service', 'svc/web', ...name);
  return { gateway, caller: new GrpcCaller(t, gateway.port), service, attempts: () => attempts };
}

const succeed: Unary = (_call, reply) => reply(null, Buffer.from('ok'));
const never: Unary = () => {};
const unavailable: Unary = (_call, reply) => reply({ code: status.UNAVAILABLE, details: 'not now' });

function classifier(kind: string, more = ''): string {
  return `  service: {responseClassifier: {kind: io.l5d.h2.grpc.${kind}}${more}}`;
}

for (const protocol of ['h2', 'http'] as const) {
  describe(`errors to gRPC callers of an ${protocol} router`, () => {
    const cases: readonly [what: string, keys: Keys, code: number, message: RegExp][] = [
      [
        'a name that leads nowhere',
        { dtab: '/svc/web => !' },
        status.UNAVAILABLE,
        /^Unable to route request!\n\nservice name/,
      ],
      [
        'an endpoint that is down',
        { dtab: '/svc/* => /$/inet/127.0.0.1/1' },
        status.UNAVAILABLE,
        /^Unable to establish connection to 127\.0\.0\.1:1/,
      ],
      [
        'a request without a name',
        { router: '  identifier: {kind: io.l5d.header.token, header: x-name}' },
        status.UNIMPLEMENTED,
        /^Unknown destination: .* x-name header is absent$/,
      ],
      ['too many hops', { server: 'maxCallDepth: 1' }, status.FAILED_PRECONDITION, /^Maximum number of calls/],
      [
        'a timeout of the service',
        { router: '  service: {totalTimeoutMs: 30}' },
        status.DEADLINE_EXCEEDED,
        /^exceeded 30\.milliseconds to \/svc\/web/,
      ],
      [
        'a timeout behind clearContext',
        { server: 'clearContext: true, timeoutMs: 30' },
        status.DEADLINE_EXCEEDED,
        /^$/,
      ],
    ];
    for (const [what, keys, code, message] of cases) {
      test(`tell of ${what} by a status`, async (t) => {
        const { caller, gateway } = await start(t, never, { ...keys, protocol });
        const metadata = new Metadata();
        metadata.set('via', 'a, b');
        const { error } = await caller.unary(UNARY, NOTHING, { metadata });
        assert.equal(error?.code, code);
        assert.match(error?.details ?? '', message);
        assert.equal(gateway.metric('rt', 'grpc', 'server', '127.0.0.1/0', 'status', '200'), 1);
      });
    }
  });
}

describe('gRPC deadlines', () => {
  test('are passed on, tightened by the timeouts of the router', async (t) => {
    const told: number[] = [];
    const tell: Unary = (call, reply) => {
      told.push(Number(call.getDeadline()));
      succeed(call, reply, 1);
    };
    const { caller } = await start(t, tell, { router: '  service: {totalTimeoutMs: 5000}' });
    const before = Date.now();
    for (const deadlineMs of [60_000, 2000, undefined]) {
      await caller.unary(UNARY, NOTHING, deadlineMs === undefined ? {} : { deadlineMs });
    }
    const left = told.map((deadline) => deadline - before);
    assert.equal(left.length, 3);
    for (const [i, most] of [5000, 2000, 5000].entries()) {
      assert.ok((left[i] as number) > most - 1500 && (left[i] as number) < most + 1500, `${i}: ${told[i]}`);
    }
  });

  test('end the call at the server too, by a reset', async (t) => {
    let cancelled = 0;
    const wait: Unary = (call) => {
      call.on('cancelled', () => {
        cancelled += 1;
      });
    };
    const { caller } = await start(t, wait);
    const { error } = await caller.unary(UNARY, NOTHING, { deadlineMs: 400 });
    assert.equal(error?.code, status.DEADLINE_EXCEEDED);
    await eventually(() => cancelled === 1);
  });
});

describe('gRPC retries', () => {
  test('send a call again that was UNAVAILABLE, and the caller sees nothing of it', async (t) => {
    const failFirst: Unary = (call, reply, attempt) => (attempt < 3 ? unavailable : succeed)(call, reply, attempt);
    const { caller, service, attempts } = await start(t, failFirst, { router: classifier('default') });
    const { error, message } = await caller.unary(UNARY, Buffer.from('again'));
    assert.equal(error, null);
    assert.deepEqual([String(message), attempts()], ['ok', 3]);
    assert.deepEqual([service('retries', 'total'), service('success'), service('failures')], [2, 1, 0]);
  });

  test('send a call again whose status came after messages, as long as these are held back', async (t) => {
    let attempts = 0;
    const list = (call: ServerWritableStream<Buffer, Buffer>): void => {
      attempts += 1;
      call.write(Buffer.from(`from ${attempts}`));
      if (attempts === 1) call.emit('error', { code: status.UNAVAILABLE, details: 'not now' });
      else call.end();
    };
    const { caller } = await start(t, succeed, { router: classifier('default') }, { list });
    const { messages, status: end } = await drainStream(caller.list(LIST, NOTHING));
    assert.deepEqual([messages.map(String), end.code], [['from 2'], status.OK]);
  });

  test('are not made when the messages do not fit into retryBufferSize', async (t) => {
    const list = (call: ServerWritableStream<Buffer, Buffer>): void => {
      call.write(Buffer.alloc(2000));
      call.emit('error', { code: status.UNAVAILABLE, details: 'not now' });
    };
    const { caller, service } = await start(
      t,
      succeed,
      { router: classifier('default', ', retryBufferSize: {responseBytes: 1000}') },
      { list },
    );
    const { messages, status: end } = await drainStream(caller.list(LIST, NOTHING));
    assert.deepEqual([messages.length, end.code], [1, status.UNAVAILABLE]);
    assert.equal(service('retries', 'response_stream_too_long'), 1);
    assert.deepEqual([service('retries', 'total'), service('failures')], [0, 1]);
  });

  test('are not made when the request does not fit into it', async (t) => {
    const { caller, service, attempts } = await start(t, unavailable, {
      router: classifier('default', ', retryBufferSize: {requestBytes: 1000}'),
    });
    const { error } = await caller.unary(UNARY, Buffer.alloc(5000));
    assert.deepEqual([error?.code, attempts()], [status.UNAVAILABLE, 1]);
    assert.equal(service('retries', 'request_stream_too_long'), 1);
  });

  test('do not hold a stream back for longer than classificationTimeoutMs', async (t) => {
    let finish = (): void => {};
    const list = (call: ServerWritableStream<Buffer, Buffer>): void => {
      call.write(Buffer.from('first'));
      finish = () => call.end();
    };
    const { caller, service } = await start(
      t,
      succeed,
      { router: classifier('default', ', classificationTimeoutMs: 20') },
      { list },
    );
    const call = caller.list(LIST, NOTHING);
    const over = drainStream(call);
    await new Promise((resolve) => call.once('data', resolve));
    assert.equal(service('retries', 'classification_timeout'), 1);
    finish();
    assert.equal((await over).status.code, status.OK);
    assert.equal(service('success'), 1);
  });

  test('are not made by default', async (t) => {
    const { caller, attempts } = await start(t, unavailable);
    const { error } = await caller.unary(UNARY, NOTHING);
    assert.deepEqual([error?.code, error?.details, attempts()], [status.UNAVAILABLE, 'not now', 1]);
  });
});

describe('the verdict on a gRPC call', () => {
  test('is told in the trailers where only these have the status, and counted', async (t) => {
    const list = (call: ServerWritableStream<Buffer, Buffer>): void => {
      call.write(Buffer.from('one'));
      call.emit('error', { code: status.DATA_LOSS, details: 'lost' });
    };
    const { caller, service } = await start(t, succeed, { router: classifier('neverRetryable') }, { list });
    const { messages, status: end } = await drainStream(caller.list(LIST, NOTHING));
    assert.deepEqual([messages.map(String), end.code], [['one'], status.DATA_LOSS]);
    assert.deepEqual(end.metadata.get('l5d-success-class'), ['0.0']);
    assert.deepEqual([service('failures'), service('success')], [1, 0]);
  });

  test('is not told behind clearContext', async (t) => {
    const { caller } = await start(t, succeed, { server: 'clearContext: true', router: classifier('neverRetryable') });
    const { head, status: end } = await caller.unary(UNARY, NOTHING);
    assert.deepEqual(head?.get('l5d-success-class'), []);
    assert.deepEqual(end?.metadata.get('l5d-success-class'), []);
  });
});
