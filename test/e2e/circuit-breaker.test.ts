import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setLogLevel } from '../../src/base/log.js';
import { eventually } from '../support/eventually.js';
import { FakeNamer } from '../support/fake-namer.js';
import { kindsWith } from '../support/fake-namer-kind.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import type { RawResponse } from '../support/raw-client.js';
import { request, Scene } from '../support/scene.js';
import { fixed, hang, type UpstreamHandler } from '../support/upstream.js';

expectNoOpenHandles();
setLogLevel('breaker', 'OFF');

/** Long enough that no test sees it half-open by itself. */
const FOUR = 'volumeThreshold: 4, resetTimeoutMs: 60000';

const failing = fixed(500, 'no');
const good = fixed(200, 'yes');

/** A gateway over the services `web` and `backup`, which says `backup`; `service` is that key of the router. */
async function start(t: TestContext, handler: UpstreamHandler, service: string, router = '') {
  const scene = new Scene(t);
  const [web, backup] = [await scene.upstream(handler), await scene.upstream(fixed(200, 'backup'))];
  const namer = new FakeNamer('/#/test.fake');
  namer.exists('/web', `127.0.0.1:${web.port}`);
  namer.exists('/backup', `127.0.0.1:${backup.port}`);
  const gateway = await scene.gateway(
    `
admin: {port: 0}
namers: [{kind: test.fake}]
routers:
- protocol: http
  dtab: /svc => /#/test.fake
  service: ${service}
  client: {failureAccrual: {kind: none}}
  servers: [{port: 0}]
${router}`,
    { kinds: kindsWith(namer) },
  );
  const ask = (host = 'web', ...fields: string[]): Promise<RawResponse> =>
    scene.ask(gateway, request('GET /', [`Host: ${host}`, ...fields]));
  const admin = async (startLine: string, body = ''): Promise<RawResponse> => {
    const fields = ['Host: 127.0.0.1', 'Content-Type: application/json', `Content-Length: ${body.length}`];
    return scene.ask({ port: gateway.adminPort }, request(startLine, [...fields, 'Connection: close'], body));
  };
  const circuits = async () =>
    JSON.parse((await admin('GET /circuits.json')).text) as Record<string, string | object | null>[];
  const force = (to: string): Promise<RawResponse> =>
    admin('POST /circuits.json', JSON.stringify({ router: 'http', service: '/svc/web', force: to }));
  const count = (...name: string[]): number => gateway.metric('rt', 'http', 'service', 'svc/web', ...name);
  const breaker = (name: string): number => count('circuit_breaker', name);
  return { scene, gateway, web, backup, ask, admin, circuits, force, count, breaker };
}

/** One after the other. */
async function times(n: number, ask: () => Promise<RawResponse>): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < n; i++) statuses.push((await ask()).status);
  return statuses;
}

describe('circuit breaker', () => {
  test('opens at its share of failures: 503 with the reason and Retry-After, and the service is left alone', async (t) => {
    const { ask, web, count, breaker } = await start(t, failing, `{circuitBreaker: {${FOUR}}}`);
    assert.deepEqual(await times(4, ask), [500, 500, 500, 500]);
    const refused = await ask();
    assert.equal(refused.status, 503);
    assert.equal(refused.text, 'The circuit of /svc/web is open: 4 of 4 requests failed.');
    assert.match(refused.header('l5d-err') ?? '', /^The\+circuit\+of\+%2Fsvc%2Fweb\+is\+open/);
    assert.match(refused.header('retry-after') ?? '', /^(59|60)$/);
    assert.equal(refused.header('l5d-retryable'), undefined);
    assert.equal(web.requests.length, 4);
    assert.deepEqual(
      ['state', 'opens', 'rejected', 'closes', 'half_opens', 'over_capacity', 'fallbacks'].map(breaker),
      [2, 1, 1, 0, 0, 0, 0],
    );
    assert.equal(count('failures', 'circuit-open'), 1);
  });

  test('stays closed below it, and over what the classifier calls a success', async (t) => {
    const answers = [500, 404, 500, 404, 404, 500, 404, 404].map((status) => fixed(status, ''));
    let next = 0;
    const { ask, breaker } = await start(
      t,
      (received) => answers[next++ % answers.length]?.(received),
      `{circuitBreaker: {volumeThreshold: 8}}`,
    );
    await times(16, ask);
    assert.deepEqual([breaker('state'), breaker('opens')], [0, 0]);
  });

  test('tries the service again after the reset timeout, and closes when that goes well', async (t) => {
    let left = 4;
    const { ask, web, breaker } = await start(
      t,
      (received) => (left-- > 0 ? failing(received) : good(received)),
      '{circuitBreaker: {volumeThreshold: 4, resetTimeoutMs: 50}}',
    );
    await times(4, ask);
    await eventually(() => breaker('state') === 1);
    assert.equal((await ask()).text, 'yes');
    await eventually(() => breaker('state') === 0);
    assert.deepEqual(await times(5, ask), [200, 200, 200, 200, 200]);
    assert.deepEqual([breaker('half_opens'), breaker('closes'), web.requests.length], [1, 1, 10]);
  });

  test('counts no caller that gave up, and gives its place free', async (t) => {
    const { ask, scene, gateway, web, breaker, count } = await start(
      t,
      hang,
      '{circuitBreaker: {volumeThreshold: 1, capacity: 1}}',
    );
    for (let i = 1; i <= 3; i++) {
      const caller = await scene.client(gateway);
      await caller.send(request('GET /', ['Host: web']));
      await web.until('the request', () => web.requests.length === i);
      const refused = await ask();
      assert.deepEqual([refused.status, refused.header('retry-after')], [503, '1']);
      assert.equal(refused.text, '/svc/web already has 1 requests under way, the capacity of its circuit breaker.');
      caller.socket.destroy();
      await eventually(() => count('failures', 'caller-gone') === i);
    }
    assert.deepEqual([breaker('state'), breaker('over_capacity'), count('failures', 'circuit-full')], [0, 3, 3]);
  });

  test('sends what it refuses to the fallback, by the dtab of the request', async (t) => {
    const { ask, force, web, backup, breaker } = await start(
      t,
      good,
      `{circuitBreaker: {${FOUR}, fallback: /svc/spare}}`,
      '  bindingTimeoutMs: 1000',
    );
    await ask('web', 'l5d-dtab: /svc/spare => /svc/backup');
    await force('open');
    const answer = await ask('web', 'l5d-dtab: /svc/spare => /svc/backup');
    assert.deepEqual([answer.status, answer.text], [200, 'backup']);
    assert.deepEqual([breaker('fallbacks'), breaker('rejected')], [1, 1]);
    assert.deepEqual([web.requests.length, backup.requests.length], [1, 1]);
  });

  test('whose fallback is the service itself ends in the loop error', async (t) => {
    const { ask } = await start(t, failing, `{circuitBreaker: {${FOUR}, fallback: /svc/web}}`);
    await times(4, ask);
    const { status, text } = await ask();
    assert.equal(status, 400);
    assert.match(text, /\/svc\/web -> \/svc\/web/);
  });

  test('is one for each local dtab: who overrides it opens nobody else’s circuit', async (t) => {
    const { ask, circuits, web, breaker } = await start(t, good, `{circuitBreaker: {${FOUR}}}`);
    const nowhere = 'l5d-dtab: /svc/web => /$/inet/127.0.0.1/1';
    assert.deepEqual(await times(4, () => ask('web', nowhere)), [502, 502, 502, 502]);
    assert.equal((await ask('web', nowhere)).status, 503);
    assert.equal((await ask()).status, 200);
    assert.equal(web.requests.length, 1);
    assert.equal(breaker('state'), 2, 'the gauge shows the worst of them');
    const shown = await circuits();
    assert.deepEqual(shown.map(({ localDtab, state }) => [localDtab, state]).sort(), [
      ['', 'closed'],
      ['/svc/web=>/$/inet/127.0.0.1/1', 'open'],
    ]);
  });

  test('begins anew when its name left the binding cache and comes back', async (t) => {
    const { ask, breaker } = await start(t, failing, `{circuitBreaker: {${FOUR}}}`, '  bindingCache: {paths: 1}');
    await times(4, ask);
    assert.equal((await ask()).status, 503);
    assert.equal((await ask('backup')).status, 200);
    assert.equal((await ask()).status, 500);
    assert.equal(breaker('state'), 0);
  });

  test('is given by prefix, and only there', async (t) => {
    const { ask, circuits } = await start(
      t,
      failing,
      `
    kind: io.l5d.static
    configs:
    - {prefix: /svc, circuitBreaker: {${FOUR}}}
    - {prefix: /svc/backup, circuitBreaker: {enabled: false}}`,
    );
    assert.deepEqual(await times(5, ask), [500, 500, 500, 500, 503]);
    assert.equal((await ask('backup')).status, 200);
    assert.deepEqual(
      (await circuits()).map(({ service }) => service),
      ['/svc/web'],
    );
  });
});

describe('circuits.json', () => {
  test('shows the circuit, holds it open or closed, and gives it back', async (t) => {
    const { ask, circuits, force, breaker } = await start(t, failing, `{circuitBreaker: {${FOUR}}}`);
    await times(3, ask);
    assert.deepEqual(await circuits(), [
      {
        router: 'http',
        service: '/svc/web',
        localDtab: '',
        state: 'closed',
        forced: null,
        window: { requests: 3, failures: 3 },
        underWay: 0,
        fallback: null,
      },
    ]);
    assert.equal((await force('open')).status, 200);
    const refused = await ask();
    assert.equal(refused.status, 503);
    assert.equal(refused.text, 'The circuit of /svc/web is open: forced open through the admin port.');
    assert.equal(breaker('state'), 2);
    await force('closed');
    assert.deepEqual(await times(10, ask), Array(10).fill(500));
    assert.deepEqual(
      (await circuits()).map(({ state, forced }) => [state, forced]),
      [['closed', 'closed']],
    );
    await force('auto');
    assert.deepEqual(await times(5, ask), [500, 500, 500, 500, 503]);
  });

  test('says what it does not know', async (t) => {
    const { admin } = await start(t, good, `{circuitBreaker: {${FOUR}}}`);
    const unused = await admin('POST /circuits.json?router=http&service=/svc/web&force=open');
    assert.equal(unused.status, 404);
    assert.match(unused.text, /"\/svc\/web", which has no circuit breaker in the router "http"/);
    assert.equal((await admin('POST /circuits.json?router=http&service=/svc/web&force=shut')).status, 400);
  });
});
