import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addrBound, makeAddress } from '../../src/base/addr.js';
import { FakeNamer } from '../support/fake-namer.js';
import { kindsWith } from '../support/fake-namer-kind.js';
import { ManualClock } from '../support/manual-clock.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { get, Scene } from '../support/scene.js';
import { fixed, type Upstream } from '../support/upstream.js';

expectNoOpenHandles();

const ENDPOINTS = 4;
const REQUESTS = 200;

for (const [failing, percent, out] of [
  [2, 100, 2],
  [2, 50, 2],
  [2, 25, 1],
  [2, 0, 0],
  [4, 50, 2],
  [4, 100, 4],
] as const) {
  test(`maxEjectedPercent of ${percent} takes ${out} of ${ENDPOINTS} endpoints out, of which ${failing} fail`, async (t) => {
    const scene = new Scene(t);
    const namer = new FakeNamer('/#/test.fake', {});
    const upstreams: Upstream[] = [];
    for (let i = 0; i < ENDPOINTS; i++) {
      upstreams.push(await scene.upstream(i < failing ? fixed(500, 'bad') : fixed(200, 'good')));
    }
    namer.exists('/web').addr.signal.value = addrBound(upstreams.map(({ port }) => makeAddress('127.0.0.1', port)));
    const gateway = await scene.gateway(
      `
admin: {port: 0}
namers: [{kind: test.fake}]
routers:
- protocol: http
  dtab: /svc => /#/test.fake
  servers: [{port: 0}]
  client: {failureAccrual: {kind: io.l5d.consecutiveFailures, failures: 2, maxEjectedPercent: ${percent}}}`,
      { clock: new ManualClock(), kinds: kindsWith(namer) },
    );
    const metric = (...name: string[]): number => gateway.metric('rt', 'http', 'client', '#/test.fake/web', ...name);
    const client = await scene.client(gateway);
    for (let i = 0; i < REQUESTS; i++) {
      await client.send(get());
      await client.readResponse();
      assert.ok(metric('loadbalancer', 'busy') <= out);
    }
    assert.deepEqual([metric('loadbalancer', 'busy'), metric('failure_accrual', 'removals')], [out, out]);
    assert.equal(metric('failure_accrual', 'ejections_refused') > 0, out < failing);
    // Who is out gets nothing but what took it there, unless all are out.
    const counts = upstreams.map(({ requests }) => requests.length);
    if (out < ENDPOINTS) assert.equal(counts.filter((count) => count === 2).length, out, counts.join(' '));
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      REQUESTS,
    );
  });
}
