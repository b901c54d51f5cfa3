import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GatewayError } from '../../../src/base/errors.js';
import { MetricsScope } from '../../../src/base/metrics.js';
import { RequestMetrics, SharedRequestMetrics, StatusMetrics } from '../../../src/router/request-metrics.js';
import { metricValue } from '../../support/metric-value.js';

describe('request metrics', () => {
  it('count requests, how they ended and how many are under way', () => {
    const scope = new MetricsScope();
    const metrics = new RequestMetrics(scope);
    const values = (): number[] =>
      ['requests', 'success', 'failures', 'pending'].map((name) => metricValue(scope, name));
    for (let i = 0; i < 3; i++) metrics.started();
    assert.deepEqual(values(), [0, 0, 0, 3]);
    metrics.ended(true, 1);
    metrics.ended(false, 2);
    assert.deepEqual(values(), [2, 1, 1, 1]);
    assert.equal(metrics.pending, 1);
  });

  it('record latencies in milliseconds', () => {
    const scope = new MetricsScope();
    const metrics = new RequestMetrics(scope);
    for (const latencyMs of [4, 6]) {
      metrics.started();
      metrics.ended(true, latencyMs);
    }
    scope.roll();
    const snapshot = scope.stat('request_latency_ms').snapshot;
    assert.deepEqual([snapshot?.count, snapshot?.sum, snapshot?.max], [2, 10, 6]);
  });

  it('go on from where those before them in the scope are', () => {
    const scope = new MetricsScope();
    const before = new RequestMetrics(scope);
    before.started();
    before.ended(true, 1);
    before.started();
    before.ended(false, 1);
    const after = new RequestMetrics(scope);
    after.started();
    after.ended(true, 1);
    const values = ['requests', 'success', 'failures'].map((name) => metricValue(scope, name));
    assert.deepEqual(values, [3, 2, 1]);
  });

  it('record latencies of 0 with the others', () => {
    const scope = new MetricsScope();
    const metrics = new RequestMetrics(scope);
    for (const latencyMs of [0, 0, 0, 8, -1, Number.NaN]) {
      metrics.started();
      metrics.ended(true, latencyMs);
    }
    scope.roll();
    const snapshot = scope.stat('request_latency_ms').snapshot;
    assert.deepEqual([snapshot?.count, snapshot?.sum, snapshot?.min, snapshot?.max], [6, 8, 0, 8]);
    assert.deepEqual([snapshot?.quantile(0.5), snapshot?.quantile(1)], [0, 8]);
    // Nothing but zeros, and then nothing.
    metrics.started();
    metrics.ended(true, 0);
    scope.roll();
    assert.equal(scope.stat('request_latency_ms').snapshot?.count, 1);
    assert.equal(scope.stat('request_latency_ms').snapshot?.max, 0);
    scope.roll();
    assert.equal(scope.stat('request_latency_ms').snapshot?.count, 0);
  });

  it('tell failures apart by their code, or by the name of an error that has none', () => {
    const scope = new MetricsScope();
    const metrics = new RequestMetrics(scope);
    for (const error of [new GatewayError('no-hosts', ''), new GatewayError('no-hosts', ''), new RangeError('x')]) {
      metrics.started();
      metrics.ended(false, 1, error);
    }
    assert.equal(metricValue(scope, 'failures'), 3);
    assert.equal(metricValue(scope, 'failures', 'no-hosts'), 2);
    assert.equal(metricValue(scope, 'failures', 'RangeError'), 1);
  });
});

describe('shared request metrics', () => {
  it('are one object per name until the last user lets go, then pruned', () => {
    const scope = new MetricsScope();
    const shared = new SharedRequestMetrics(scope);
    const first = shared.acquire('svc/web');
    assert.equal(shared.acquire('svc/web'), first);
    assert.notEqual(shared.acquire('svc/other'), first);
    shared.release('svc/web');
    assert.deepEqual([...scope.children.keys()], ['svc/web', 'svc/other']);
    shared.release('svc/web');
    assert.deepEqual([...scope.children.keys()], ['svc/other']);
    shared.release('svc/web');
    shared.release('svc/unknown');
    assert.deepEqual([...scope.children.keys()], ['svc/other']);
    assert.notEqual(shared.acquire('svc/web'), first);
  });

  it('let a request that outlives them end without bringing the scope back', () => {
    const scope = new MetricsScope();
    const shared = new SharedRequestMetrics(scope);
    const metrics = shared.acquire('svc/web');
    metrics.started();
    shared.release('svc/web');
    metrics.ended(false, 1, new GatewayError('caller-gone', ''));
    assert.deepEqual([...scope.children.keys()], []);
  });
});

describe('status metrics', () => {
  it('count each status and its hundred, and time the hundred', () => {
    const scope = new MetricsScope();
    const statuses = new StatusMetrics(scope);
    for (const status of [200, 204, 200, 503]) statuses.record(status, 10);
    scope.roll();
    const count = (name: string): number => metricValue(scope, 'status', name);
    assert.deepEqual(['200', '204', '2XX', '503', '5XX'].map(count), [2, 1, 3, 1, 1]);
    assert.equal(metricValue(scope, 'time', '2XX'), 3);
    assert.equal(metricValue(scope, 'time', '5XX'), 1);
    assert.equal(scope.children.get('status')?.children.has('404'), false);
  });
});
