import assert from 'node:assert/strict';
import { before, type TestContext, test } from 'node:test';
import { seededRandom } from '../../src/base/random.js';
import { askAll, type HostileAnswer, type HostileTransport, show } from '../support/hostile-callers.js';
import { judge, type Verdict } from '../support/hostile-oracle.js';
import { CASE_FIELD, type HostileRequest, hostileRequest } from '../support/hostile-requests.js';
import { type IsolationWorld, type Reached, SERVED_BY, startIsolationWorld } from '../support/isolation-world.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { TestCertificates } from '../support/test-certificates.js';

expectNoOpenHandles();

/** Half a minute on one core when all of them are asked. */
const REQUESTS = Number(process.env.ISOLATION_REQUESTS ?? (process.env.LINKGATE_LONG_TESTS === '1' ? 100_000 : 10_000));
/** Of one connection, unless the gateway closes it. */
const BATCH = 64;
/** Each of these may be malformed: what the gateway makes of those behind it is part of the property. */
const WILD_EACH = { 'http/1.1': 12, h2: 3 } as const;
/** Connections at a time. */
const LANES = 8;
/** ISOLATION_SEED runs what a failure has printed once more. */
const SEED = Number(process.env.ISOLATION_SEED ?? Date.now() % 1_000_000);

const certificates = new TestCertificates();
before(async () => void (await certificates.ca));

interface Case {
  readonly id: number;
  readonly request: HostileRequest;
  readonly verdict: Verdict;
}

interface Batch {
  readonly protocol: HostileRequest['protocol'];
  readonly transport: HostileTransport;
  readonly cases: readonly Case[];
}

function batchOf(first: number, count: number, world: IsolationWorld): Batch {
  const random = seededRandom(SEED * 1_000_003 + first);
  const isTls = random() < 0.2;
  // What is malformed ends a connection of HTTP/1.1, and over TLS the next one takes longer than all else.
  const protocol = random() < (isTls ? 0.2 : 0.5) ? 'http/1.1' : 'h2';
  const { serverNames, ports, targets, published } = world;
  const serverName = isTls ? serverNames[Math.floor(random() * serverNames.length)] : undefined;
  const cases = Array.from({ length: count }, (_, i) => {
    const request = hostileRequest(protocol, first + i, i % WILD_EACH[protocol] === 0, targets, random);
    return { id: first + i, request, verdict: judge(request, published, serverName) };
  });
  return { protocol, transport: { port: isTls ? ports.tls : ports.external, serverName }, cases };
}

/** Says what is wrong; and how to see it again. */
function failed({ id, request, verdict }: Case, what: string, reached: readonly Reached[] = []): never {
  const heads = reached.map(({ backend, head }) => `\n  ${backend} got ${JSON.stringify(head)}`).join('');
  assert.fail(
    `ISOLATION_SEED=${SEED}, request ${id}: ${what}\n  ${show(request)}\n  wanted ${JSON.stringify(verdict)}${heads}`,
  );
}

function checkAnswer(one: Case, answer: HostileAnswer | undefined): void {
  if (answer && /^l5d-/m.test(answer.fields)) failed(one, `callers outside get l5d-*: ${answer.fields}`);
  const servedBy = answer && new RegExp(`^${SERVED_BY}: (.*)$`, 'm').exec(answer.fields)?.[1];
  const { verdict } = one;
  const isServed = verdict.type !== 'nowhere' && answer?.status === 200 && servedBy === `${verdict.backend} ${one.id}`;
  if (isServed) return;
  if (verdict.type === 'reaches') failed(one, `was answered ${answer?.status}, served by ${servedBy}: ${answer?.body}`);
  if (servedBy !== undefined || (answer && answer.status < 400))
    failed(one, `was served by ${servedBy}: ${answer?.status}`);
}

/** What no backend must be told, whoever it is. */
const LEAKS = [
  /^l5d-(?!dst-|ctx-trace|ctx-deadline|reqid|sample)/im,
  /^(?:dtab-local|x-http-host-override|x-original-host|x-original-url|x-rewrite-url):/im,
  /spoofed/,
  /^[A-Z]+ (?!\/|\*)/,
  /^[A-Z]+ [^?\n]*(?:\/\.\.|\/\.\/|\/\/|%2f|%5c|%00|\\)/i,
];

function checkReached(one: Case, reached: readonly Reached[] = []): void {
  const { verdict } = one;
  if (verdict.type === 'nowhere') {
    if (reached.length > 0) failed(one, 'reached a backend', reached);
    return;
  }
  if (reached.some(({ backend }) => backend !== verdict.backend)) failed(one, 'reached another backend', reached);
  if (reached.length > 1 || (verdict.type === 'reaches' && reached.length === 0)) {
    failed(one, `reached its backend ${reached.length} times`, reached);
  }
  const leak = LEAKS.find((pattern) => reached.some(({ head }) => pattern.test(head)));
  if (leak) failed(one, `told its backend what it must not: ${leak}`, reached);
}

async function run(t: TestContext, world: IsolationWorld): Promise<Record<Verdict['type'], number>> {
  const counts = { reaches: 0, may: 0, nowhere: 0 };
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < REQUESTS) {
      const count = Math.min(BATCH, REQUESTS - next);
      const batch = batchOf(next, count, world);
      next += count;
      const requests = batch.cases.map(({ request }) => request);
      const answers = await askAll(batch.protocol, requests, batch.transport);
      for (const [i, one] of batch.cases.entries()) {
        checkAnswer(one, answers[i]);
        counts[one.verdict.type] += 1;
      }
      for (const one of batch.cases) {
        checkReached(one, world.reached.get(one.id));
        world.reached.delete(one.id);
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  t.diagnostic(`ISOLATION_SEED=${SEED}: ${JSON.stringify(counts)}`);
  return counts;
}

test('nothing that callers outside can send reaches an internal backend, and what is published is served', async (t) => {
  const world = await startIsolationWorld(t, certificates);
  const counts = await run(t, world);
  // What came late, twice, or was sent by nobody.
  const [stray] = world.reached;
  assert.equal(
    stray,
    undefined,
    `ISOLATION_SEED=${SEED}: reached a backend behind its answer: ${JSON.stringify(stray)}`,
  );
  // Neither side of the property holds for want of requests.
  assert.ok(counts.reaches > REQUESTS / 10 && counts.nowhere > REQUESTS / 10, JSON.stringify(counts));
});

test('a host that is inside and one that does not exist get the same bytes, whatever else is asked for', async (t) => {
  const world = await startIsolationWorld(t, certificates);
  const random = seededRandom(SEED);
  const { external, tls } = world.ports;
  const transports = [
    { port: external, serverName: undefined },
    { port: tls, serverName: '' },
    { port: tls, serverName: 'shop.example.com' },
    { port: tls, serverName: 'routed.example.net' },
    { port: tls, serverName: 'admin.internal' },
  ];
  for (const transport of transports) {
    for (const protocol of ['http/1.1', 'h2'] as const) {
      for (const inside of ['admin.internal', 'billing.example.com', 'hidden.example.com', 'intra.example.net']) {
        const targets = {
          ...world.targets,
          published: [inside],
          internal: [inside],
          unknown: [inside],
          addresses: [inside],
        };
        const requests = Array.from({ length: 32 }, (_, i) => hostileRequest(protocol, i, false, targets, random));
        const answers = await askAll(protocol, requests, transport);
        // Of the same length, and with nothing in it that is in a name inside.
        const stranger = inside.replace(/[a-z0-9]/g, 'z');
        const twins = JSON.parse(
          JSON.stringify(requests)
            .replaceAll(inside, stranger)
            .replaceAll(inside.toUpperCase(), stranger.toUpperCase()),
        );
        assert.deepEqual(await askAll(protocol, twins, transport), answers);
        assert.ok(answers.filter((answer) => answer?.status === 404).length > 16);
      }
    }
  }
  assert.equal(world.reached.size, 0);
});

test('callers inside reach by the same dtab what callers outside do not', async (t) => {
  const world = await startIsolationWorld(t, certificates);
  const hosts = Object.keys(world.internal);
  const requests = hosts.map(
    (host, id): HostileRequest => ({
      protocol: 'http/1.1',
      method: 'GET',
      target: '/',
      version: 'HTTP/1.1',
      fields: [
        ['Host', host],
        [CASE_FIELD, String(id)],
      ],
      body: '',
    }),
  );
  const inside = await askAll('http/1.1', requests, { port: world.ports.internal, serverName: undefined });
  assert.deepEqual(
    inside.map((answer) => answer?.body),
    Object.values(world.internal),
  );
  const outside = await askAll('http/1.1', requests, { port: world.ports.external, serverName: undefined });
  assert.deepEqual(
    outside.map((answer) => answer?.body || answer?.status),
    hosts.map((host) => (host === 'shop.example.com' ? 'shop' : 404)),
  );
});
