import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { FakeNamer } from '../support/fake-namer.js';
import { kindsWith } from '../support/fake-namer-kind.js';
import { ManualClock } from '../support/manual-clock.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { request, Scene } from '../support/scene.js';
import { hang } from '../support/upstream.js';

expectNoOpenHandles();

/** `service` and `client` blocks of `io.l5d.static`, over one upstream that all names are bound to. */
async function start(t: TestContext, service: string, client: string, handler = hang) {
  const scene = new Scene(t);
  const clock = new ManualClock();
  const upstream = await scene.upstream(handler);
  const namer = new FakeNamer('/#/test.fake');
  for (const name of ['/web', '/api', '/slow']) namer.exists(name, `127.0.0.1:${upstream.port}`);
  const gateway = await scene.gateway(
    `
admin: {port: 0}
namers: [{kind: test.fake}]
routers:
- protocol: http
  dtab: /svc => /#/test.fake
  service:
    kind: io.l5d.static
    configs:${service}
  client:
    kind: io.l5d.static
    configs:${client}
  servers: [{port: 0}]`,
    { clock, kinds: kindsWith(namer) },
  );
  /** What a request to `name` is answered after `ms` of waiting. */
  const after = async (name: string, ms: number): Promise<string> => {
    const caller = await scene.client(gateway);
    const { length } = upstream.requests;
    await caller.send(request('GET /', [`Host: ${name}`]));
    await upstream.until('the request', () => upstream.requests.length > length);
    clock.advance(ms - 1);
    assert.equal(gateway.metric('rt', 'http', 'server', '127.0.0.1/0', 'pending'), 1);
    clock.advance(1);
    const { text } = await caller.readResponse();
    caller.close();
    return text;
  };
  return { upstream, gateway, after };
}

test('all entries of io.l5d.static that match apply, in the order of the file, whatever they have captures for', async (t) => {
  const { after } = await start(
    t,
    `
    - {prefix: /, totalTimeoutMs: 5000}
    - {prefix: "/svc/{service}", totalTimeoutMs: 400}
    - {prefix: /svc/api, totalTimeoutMs: 300}
    - {prefix: "/svc/*/v2", totalTimeoutMs: 100}`,
    `
    - {prefix: "/#/{namer}/{service}", requestAttemptTimeoutMs: 350}
    - {prefix: "/#/*/slow", requestAttemptTimeoutMs: 10000}
    - {prefix: "/#/{namer}/other", requestAttemptTimeoutMs: 1}`,
  );
  assert.match(await after('web', 350), /^exceeded 350\.milliseconds to 127\.0\.0\.1:/);
  assert.match(await after('api', 300), /^exceeded 300\.milliseconds to \/svc\/api/);
  assert.match(await after('slow', 400), /^exceeded 400\.milliseconds to \/svc\/slow/);
});

test('of two entries with captures the later wins, also where the earlier one says more', async (t) => {
  const { after } = await start(
    t,
    `
    - {prefix: /svc/web, totalTimeoutMs: 100}
    - {prefix: "/svc/{service}", totalTimeoutMs: 200}`,
    `
    - {prefix: "/#/{namer}/{service}"}`,
  );
  assert.match(await after('web', 200), /^exceeded 200\.milliseconds to \/svc\/web/);
});

test('keys that an entry leaves out come from those before it, and objects are replaced whole', async (t) => {
  const { upstream, gateway, after } = await start(
    t,
    `
    - {prefix: /, responseClassifier: {kind: io.l5d.http.retryableRead5XX}, retries: {budget: {minRetriesPerSec: 0, percentCanRetry: 3}}}
    - {prefix: "/svc/{service}", totalTimeoutMs: 200}
    - {prefix: "/svc/{service}", retries: {backoff: {kind: constant, ms: 1}}}
    - {prefix: /svc/api, retries: {budget: {minRetriesPerSec: 0, percentCanRetry: 0}}}`,
    `
    - {prefix: /, failureAccrual: {kind: none}}
    - {prefix: "/#/{namer}/{service}", requestAttemptTimeoutMs: 50}`,
  );
  const retries = (name: string): number => gateway.metric('rt', 'http', 'service', `svc/${name}`, 'retries', 'total');
  // The classifier of the first entry, the time of the second; no retry, as the budget of the last allows none.
  assert.match(await after('api', 50), /^exceeded 50\.milliseconds/);
  assert.deepEqual([retries('api'), upstream.requests.length], [0, 1]);
});
