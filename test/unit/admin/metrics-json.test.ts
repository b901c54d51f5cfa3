import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MetricsScope } from '../../../src/base/metrics.js';
import { askAdmin } from '../../support/ask-admin.js';
import { fakeAdminSource } from '../../support/fake-admin-source.js';

const get = (metrics: MetricsScope, query = '') =>
  askAdmin(fakeAdminSource({ metrics }), `GET /admin/metrics.json${query}`);

function someMetrics(): MetricsScope {
  const metrics = new MetricsScope();
  metrics.counter('foo', 'bar', 'bass').add(2);
  metrics.counter('foo', 'bar', 'bas').add(1);
  metrics.gauge(['x', 'y'], () => 1.5);
  return metrics;
}

describe('metrics.json', () => {
  test('is flat, with live counters and gauges', async () => {
    const metrics = someMetrics();
    assert.equal((await get(metrics)).text, '{"foo/bar/bass":2,"foo/bar/bas":1,"x/y":1.5}');
    metrics.counter('foo', 'bar', 'bas').inc();
    assert.equal(JSON.parse((await get(metrics)).text)['foo/bar/bas'], 2);
    assert.equal((await get(metrics)).contentType, 'application/json');
  });

  test('is an empty object without metrics, whatever the form', async () => {
    for (const query of ['', '?pretty=true', '?tree=true', '?tree=true&pretty=true']) {
      assert.equal((await get(new MetricsScope(), query)).text, '{}', query);
    }
  });

  test('leaves a stat out until a minute is complete, then shows that minute', async () => {
    const metrics = new MetricsScope();
    const stat = metrics.stat('a', 'ms');
    stat.add(1);
    assert.equal((await get(metrics)).text, '{}');
    metrics.roll();
    stat.add(99);
    assert.equal(
      (await get(metrics)).text,
      '{"a/ms.count":1,"a/ms.max":1,"a/ms.min":1,"a/ms.p50":1,"a/ms.p90":1,"a/ms.p95":1,"a/ms.p99":1,"a/ms.p9990":1,"a/ms.p9999":1,"a/ms.sum":1,"a/ms.avg":1}',
    );
  });

  test('shows only the count of a stat for a minute without values', async () => {
    const metrics = new MetricsScope();
    metrics.stat('ms');
    metrics.roll();
    assert.equal((await get(metrics)).text, '{"ms.count":0}');
  });

  test('tells quantiles of a distribution apart', async () => {
    const metrics = new MetricsScope();
    for (let i = 1; i <= 10_000; i++) metrics.stat('ms').add(i);
    metrics.roll();
    const shown = JSON.parse((await get(metrics)).text);
    for (const [key, want] of [
      ['p50', 5000],
      ['p90', 9000],
      ['p95', 9500],
      ['p99', 9900],
      ['p9990', 9990],
      ['p9999', 9999],
    ] as const) {
      assert.ok(Math.abs(shown[`ms.${key}`] - want) / want < 0.035, `${key} is ${shown[`ms.${key}`]}`);
    }
    assert.deepEqual(
      [shown['ms.min'], shown['ms.max'], shown['ms.avg'], shown['ms.sum']],
      [1, 10_000, 5000.5, 50_005_000],
    );
  });

  test('with pretty=true is indented and sorted', async () => {
    assert.equal(
      (await get(someMetrics(), '?pretty=true')).text,
      '{\n  "foo/bar/bas": 1,\n  "foo/bar/bass": 2,\n  "x/y": 1.5\n}',
    );
  });

  test('takes true, t and 1 for true, in any case, and nothing else', async () => {
    for (const yes of ['true', 'TRUE', 't', '1']) {
      assert.match((await get(someMetrics(), `?pretty=${yes}`)).text, /\n/, yes);
    }
    for (const no of ['false', 'yes', '0', '']) {
      assert.doesNotMatch((await get(someMetrics(), `?pretty=${no}`)).text, /\n/, no);
    }
  });

  test('with tree=true nests, a node being metric and scope at once', async () => {
    const metrics = new MetricsScope();
    metrics.counter('failures').add(3);
    metrics.counter('failures', 'Reset').add(2);
    metrics.gauge(['load'], () => 0.5);
    metrics.stat('ms').add(1);
    metrics.roll();
    const text = (await get(metrics, '?tree=true')).text;
    assert.ok(
      text.startsWith(
        '{"failures":{"counter":3,"Reset":{"counter":2}},"load":{"gauge":0.5},"ms":{"stat.count":1,"stat.max":1,',
      ),
      text,
    );
    assert.equal(JSON.parse(text).ms['stat.p9999'], 1);
  });

  test('with tree=true and pretty=true is the document that JSON.stringify would indent', async () => {
    const text = (await get(someMetrics(), '?tree=true&pretty=true')).text;
    const sorted = { foo: { bar: { bas: { counter: 1 }, bass: { counter: 2 } } }, x: { y: { gauge: 1.5 } } };
    assert.equal(text, JSON.stringify(sorted, undefined, 2));
  });

  test('with q shows a subtree, its names relative to it', async () => {
    assert.equal((await get(someMetrics(), '?q=foo/bar')).text, '{"bass":2,"bas":1}');
    assert.equal((await get(someMetrics(), '?q=foo/bar&tree=1')).text, '{"bass":{"counter":2},"bas":{"counter":1}}');
  });

  test('with q finds components that hold slashes', async () => {
    const metrics = new MetricsScope();
    metrics.counter('client', '#/io.l5d.fs', 'decoy');
    metrics.counter('client', '#/io.l5d.fs/web', 'requests').add(7);
    assert.equal((await get(metrics, '?q=client/%23/io.l5d.fs/web')).text, '{"requests":7}');
    assert.equal((await get(metrics, '?q=client/%23/io.l5d.fs/web/requests&tree=true')).text, '{"counter":7}');
  });

  test('with q of nothing that exists is 404 with a JSON error', async () => {
    for (const q of ['a/b', 'foo/bar/', 'foo/ba', '', 'constructor']) {
      const { status, contentType, text } = await get(someMetrics(), `?q=${q}`);
      assert.equal(status, 404, q);
      assert.equal(contentType, 'application/json');
      assert.deepEqual(JSON.parse(text), { error: `No such subtree: ${q}` });
    }
  });

  test('leaves out a gauge that JSON cannot hold or that throws, and stays readable', async () => {
    const metrics = new MetricsScope();
    metrics.gauge(['nan'], () => Number.NaN);
    metrics.gauge(['inf'], () => Number.POSITIVE_INFINITY);
    metrics.gauge(['throws'], () => {
      throw new Error('no');
    });
    metrics.gauge(['good'], () => 1);
    assert.equal((await get(metrics)).text, '{"good":1}');
    assert.deepEqual(JSON.parse((await get(metrics, '?tree=true')).text).good, { gauge: 1 });
  });

  test('escapes names', async () => {
    const metrics = new MetricsScope();
    metrics.counter('a"b\\c\n').inc();
    assert.deepEqual(JSON.parse((await get(metrics)).text), { 'a"b\\c\n': 1 });
  });

  test('of thousands of metrics is one document in every form', async () => {
    const metrics = new MetricsScope();
    for (let i = 0; i < 2000; i++) metrics.counter('rt', 'http', 'service', `svc/${i}`, 'requests').add(i);
    for (const query of ['', '?pretty=true']) {
      const shown = JSON.parse((await get(metrics, query)).text);
      assert.equal(Object.keys(shown).length, 2000);
      assert.equal(shown['rt/http/service/svc/1999/requests'], 1999);
    }
    const tree = JSON.parse((await get(metrics, '?tree=true')).text);
    assert.deepEqual(tree.rt.http.service['svc/1999'], { requests: { counter: 1999 } });
  });
});
