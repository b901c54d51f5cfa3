import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.js';
import { startFullListener } from '../support/full-listener.js';
import type { TestGateway } from '../support/gateway.js';
import { ManualClock } from '../support/manual-clock.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import type { RawClient } from '../support/raw-client.js';
import { chunk, request, Scene } from '../support/scene.js';
import { hang, type Upstream, type UpstreamHandler } from '../support/upstream.js';

expectNoOpenHandles();

/** A request is given up after this long, unless its caller does so first. */
const LIMIT_MS = 400;

interface Ending {
  readonly name: string;
  /** Keys of the service, beside those of all. */
  readonly service: string;
  readonly fields: (clock: ManualClock) => string[];
  readonly end: (clock: ManualClock, caller: RawClient) => void;
  /** What the caller gets, and the code that is counted. */
  readonly status: number | undefined;
  readonly code: string;
}

const timeIsOver = (clock: ManualClock): void => clock.advance(LIMIT_MS);

const ENDINGS: readonly Ending[] = [
  {
    name: 'the caller goes away',
    service: '',
    fields: () => [],
    end: (_clock, caller) => caller.close(),
    status: undefined,
    code: 'caller-gone',
  },
  {
    name: "the caller's deadline comes",
    service: '',
    fields: (clock) => [`l5d-ctx-deadline: ${clock.epochMs()}000000 ${clock.epochMs() + LIMIT_MS}000000`],
    end: timeIsOver,
    status: 503,
    code: 'request-timed-out',
  },
  {
    name: 'totalTimeoutMs is over',
    service: `totalTimeoutMs: ${LIMIT_MS}`,
    fields: () => [],
    end: timeIsOver,
    status: 503,
    code: 'request-timed-out',
  },
];

/** A gateway before one upstream, or before a port; `begin` sends a request that `ending` will end. */
async function start(
  t: TestContext,
  ending: Ending,
  { handler = hang, port, service = '', client = '' }: StartOptions = {},
) {
  const scene = new Scene(t);
  const clock = new ManualClock();
  const upstream = await scene.upstream(handler);
  const id = `$/inet/127.0.0.1/${port ?? upstream.port}`;
  const gateway = await scene.gateway(
    `
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => /${id}
  service:
    kind: io.l5d.static
    configs:
    - {prefix: /, responseClassifier: {kind: io.l5d.http.retryableIdempotent5XX}${service}}
    - {prefix: /svc/web, ${ending.service}}
  client: {failureAccrual: {kind: none}${client}}
  servers: [{port: 0}]`,
    { clock },
  );
  const ofClient = (...name: string[]): number => gateway.metric('rt', 'http', 'client', id, ...name);
  const begin = async (startLine = 'GET /', body = '', ...fields: string[]): Promise<RawClient> => {
    const caller = await scene.client(gateway);
    await caller.send(request(startLine, ['Host: web', ...ending.fields(clock), ...fields], body));
    return caller;
  };
  return { scene, clock, upstream, gateway, ofClient, begin };
}

interface StartOptions {
  readonly handler?: UpstreamHandler;
  readonly port?: number;
  readonly service?: string;
  readonly client?: string;
}

/** Ends the request: its caller gets what it should, and nothing of it is left in the gateway. */
async function assertGivenUp(ending: Ending, clock: ManualClock, gateway: TestGateway, caller: RawClient) {
  ending.end(clock, caller);
  if (ending.status !== undefined) assert.equal((await caller.readResponse()).status, ending.status);
  const ofServer = (...name: string[]): number => gateway.metric('rt', 'http', 'server', '127.0.0.1/0', ...name);
  await eventually(() => ofServer('failures', ending.code) === 1);
  assert.equal(gateway.metric('rt', 'http', 'service', 'svc/web', 'pending'), 0);
}

function untilReset(upstream: Upstream, connection = 0): Promise<void> {
  return upstream.until('the reset', () => upstream.connections[connection]?.reader.ending === 'reset');
}

for (const ending of ENDINGS) {
  test(`request whose response does not come, and ${ending.name}: the upstream is reset`, async (t) => {
    const { clock, upstream, gateway, begin, ofClient } = await start(t, ending);
    const caller = await begin();
    await upstream.until('the request', () => upstream.requests.length === 1);
    await assertGivenUp(ending, clock, gateway, caller);
    await untilReset(upstream);
    clock.advance(60_000);
    assert.equal(upstream.requests.length, 1);
    assert.deepEqual([ofClient('pending'), ofClient('connections'), ofClient('loadbalancer', 'load')], [0, 0, 0]);
  });

  test(`request whose body is under way, and ${ending.name}: the upstream is reset`, async (t) => {
    const { clock, upstream, gateway, begin } = await start(t, ending);
    const caller = await begin('PUT /', chunk('part'), 'Transfer-Encoding: chunked');
    await upstream.until('the part', () => upstream.connections[0]?.received.includes('part') === true);
    await assertGivenUp(ending, clock, gateway, caller);
    await untilReset(upstream);
  });

  test(`request that waits for its retry, and ${ending.name}: no attempt follows`, async (t) => {
    const { clock, upstream, gateway, begin } = await start(t, ending, {
      handler: (arrived) => arrived.respond(500, 'no'),
      service: ', retries: {backoff: {kind: constant, ms: 1000}}',
    });
    const caller = await begin();
    const retries = (): number => gateway.metric('rt', 'http', 'service', 'svc/web', 'retries', 'total');
    await eventually(() => retries() === 1);
    await assertGivenUp(ending, clock, gateway, caller);
    clock.advance(60_000);
    assert.equal(upstream.requests.length, 1);
  });

  test(`request that waits for a connection of the pool, and ${ending.name}: it is never sent`, async (t) => {
    const { scene, clock, upstream, gateway, begin, ofClient } = await start(t, ending, {
      client: ', hostConnectionPool: {maxSize: 1}',
    });
    const first = await scene.client(gateway);
    await first.send(request('GET /first', ['Host: other']));
    await upstream.until('the first request', () => upstream.requests.length === 1);
    const caller = await begin('GET /second');
    await eventually(() => ofClient('pool_waiters') === 1);
    await assertGivenUp(ending, clock, gateway, caller);
    assert.equal(ofClient('pool_waiters'), 0);
    upstream.requests[0]?.respond(200, 'first');
    assert.equal((await first.readResponse()).text, 'first');
    assert.equal(upstream.requests.length, 1);
  });

  test(`request whose failed response is being read, and ${ending.name}: the upstream is reset, no attempt follows`, async (t) => {
    const { clock, upstream, gateway, begin, ofClient } = await start(t, ending, {
      handler: ({ connection }) => connection.write('HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\npart'),
    });
    const caller = await begin();
    await eventually(() => ofClient('status', '500') === 1);
    await assertGivenUp(ending, clock, gateway, caller);
    await untilReset(upstream);
    clock.advance(60_000);
    assert.equal(upstream.requests.length, 1);
  });

  test(`request whose connection is being made, and ${ending.name}: the connection is given up`, async (t) => {
    const { port } = await startFullListener(t);
    const { clock, gateway, begin, ofClient } = await start(t, ending, { port });
    const caller = await begin();
    await eventually(() => ofClient('connections') === 1);
    await assertGivenUp(ending, clock, gateway, caller);
    await eventually(() => ofClient('connections') === 0);
    assert.equal(ofClient('retries', 'requeues'), 0);
  });
}
