import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MetricsScope } from '../../../src/base/metrics.js';
import { seededRandom } from '../../../src/base/random.js';
import { prometheusTelemeter, renderPrometheus } from '../../../src/telemeter/prometheus.js';
import { ManualClock } from '../../support/manual-clock.js';
import { parseExposition } from '../../support/prometheus-exposition.js';

function exposition(metrics: MetricsScope, prefix = ''): string {
  const text = [...renderPrometheus(metrics, prefix)].join('');
  parseExposition(text);
  return text;
}

/** The lines for one counter in the scope `components`. */
function linesOf(...components: string[]): string {
  const metrics = new MetricsScope();
  metrics.counter(...components).add(3);
  return exposition(metrics);
}

describe('Prometheus names', () => {
  const rows: readonly (readonly [what: string, scope: readonly string[], line: string])[] = [
    ['join scopes with colons', ['foo', 'bar', 'bas'], 'foo:bar:bas 3'],
    ['put the router label into rt', ['rt', 'http', 'originator'], 'rt:originator{rt="http"} 3'],
    [
      'put a service path into service',
      ['rt', 'http', 'service', 'svc/web', 'retries', 'total'],
      'rt:service:retries:total{rt="http", service="svc/web"} 3',
    ],
    [
      'put a bound id into client',
      ['rt', 'http', 'client', '#/io.l5d.fs/web', 'loadbalancer', 'size'],
      'rt:client:loadbalancer:size{rt="http", client="#/io.l5d.fs/web"} 3',
    ],
    [
      'put ip and port into server',
      ['rt', 'http', 'server', '127.0.0.1/4140', 'requests'],
      'rt:server:requests{rt="http", server="127.0.0.1/4140"} 3',
    ],
    [
      'put the path below a client into service',
      ['rt', 'http', 'client', '#/io.l5d.fs/web', 'service', 'svc/web', 'requests'],
      'rt:client:service:requests{rt="http", client="#/io.l5d.fs/web", service="svc/web"} 3',
    ],
    [
      'keep the total of failures without exception',
      ['rt', 'http', 'server', '0.0.0.0/80', 'failures'],
      'rt:server:failures{rt="http", server="0.0.0.0/80"} 3',
    ],
    [
      'put the class of a failure into exception',
      ['rt', 'http', 'server', '0.0.0.0/80', 'failures', 'io.Timeout'],
      'rt:server:failures{rt="http", server="0.0.0.0/80", exception="io.Timeout"} 3',
    ],
    [
      'join nested exceptions with a colon',
      ['rt', 'http', 'client', '#/a', 'failures', 'Outer', 'Inner', 'Root'],
      'rt:client:failures{rt="http", client="#/a", exception="Outer:Inner:Root"} 3',
    ],
    [
      'find failures below other scopes',
      ['rt', 'http', 'client', '#/a', 'service_creation', 'failures', 'Refused'],
      'rt:client:service_creation:failures{rt="http", client="#/a", exception="Refused"} 3',
    ],
    [
      'find failures of a service below a client',
      ['rt', 'http', 'client', '#/a', 'service', 'svc/a', 'failures', 'Reset'],
      'rt:client:service:failures{rt="http", client="#/a", service="svc/a", exception="Reset"} 3',
    ],
    [
      'call exn exceptions',
      ['rt', 'http', 'server', '0.0.0.0/80', 'exn', 'java.io.IOException'],
      'rt:server:exceptions{rt="http", server="0.0.0.0/80", exception="java.io.IOException"} 3',
    ],
    [
      'label ages by namer',
      ['namer_state_age_seconds', 'io.l5d.consul'],
      'namer_state_age_seconds{namer="io.l5d.consul"} 3',
    ],
    [
      'replace what a name may not hold',
      ['namer', '#/io.l5d.k8s', 'watch-errors'],
      'namer:__io_l5d_k8s:watch_errors 3',
    ],
    ['keep underscores', ['a', 'request_latency_ms'], 'a:request_latency_ms 3'],
    ['keep rt ordinary below another scope', ['x', 'rt', 'http', 'client', 'a', 'n'], 'x:rt:http:client:a:n 3'],
    [
      'keep service ordinary below a service',
      ['rt', 'r', 'service', 's', 'service', 'n'],
      'rt:service:service:n{rt="r", service="s"} 3',
    ],
    ['do not begin with a digit', ['9lives'], '_9lives 3'],
    [
      'do not take a scope for a property of objects',
      ['rt', 'constructor', 'toString'],
      'rt:toString{rt="constructor"} 3',
    ],
  ];
  for (const [what, scope, line] of rows) {
    test(what, () => assert.equal(linesOf(...scope), `${line}\n`));
  }

  test('begin with the prefix, without a separator', () => {
    const metrics = new MetricsScope();
    metrics.counter('rt', 'http', 'server', '0.0.0.0/80', 'requests').inc();
    assert.equal(exposition(metrics, 'linkerd_'), 'linkerd_rt:server:requests{rt="http", server="0.0.0.0/80"} 1\n');
  });

  test('escape backslash, quote and line feed in labels so that they can be read back', () => {
    const path = 'svc/\\x61"b\nc\\n';
    const [sample] = parseExposition(linesOf('rt', 'http', 'service', path, 'requests'));
    assert.equal(sample?.labels.service, path);
  });
});

describe('Prometheus values', () => {
  test('show a stat only for the last completed minute, with quantiles 0 and 1 for its ends', () => {
    const metrics = new MetricsScope();
    const stat = metrics.stat('foo', 'bar');
    stat.add(1);
    assert.equal(exposition(metrics), '');
    metrics.roll();
    assert.equal(
      exposition(metrics),
      [
        'foo:bar_count 1',
        'foo:bar_sum 1',
        'foo:bar_avg 1',
        'foo:bar{quantile="0"} 1',
        'foo:bar{quantile="0.5"} 1',
        'foo:bar{quantile="0.9"} 1',
        'foo:bar{quantile="0.95"} 1',
        'foo:bar{quantile="0.99"} 1',
        'foo:bar{quantile="0.999"} 1',
        'foo:bar{quantile="0.9999"} 1',
        'foo:bar{quantile="1"} 1',
        '',
      ].join('\n'),
    );
    stat.add(2);
    stat.add(4);
    metrics.roll();
    const samples = parseExposition(exposition(metrics));
    const value = (name: string, quantile?: string): string | undefined =>
      samples.find((sample) => sample.name === name && sample.labels.quantile === quantile)?.value;
    assert.deepEqual(
      [
        value('foo:bar_count'),
        value('foo:bar_sum'),
        value('foo:bar_avg'),
        value('foo:bar', '0'),
        value('foo:bar', '1'),
      ],
      ['2', '6', '3', '2', '4'],
    );
    metrics.roll();
    assert.equal(exposition(metrics), '');
  });

  test('put quantile after the labels of the scope', () => {
    const metrics = new MetricsScope();
    metrics.stat('rt', 'http', 'service', 'svc/web', 'request_latency_ms').add(5);
    metrics.roll();
    assert.match(
      exposition(metrics),
      /^rt:service:request_latency_ms\{rt="http", service="svc\/web", quantile="0.5"\} 5$/m,
    );
  });

  test('show NaN and infinities as the format spells them, a throwing gauge as NaN', () => {
    const metrics = new MetricsScope();
    metrics.gauge(['a'], () => Number.NaN);
    metrics.gauge(['b'], () => Number.POSITIVE_INFINITY);
    metrics.gauge(['c'], () => Number.NEGATIVE_INFINITY);
    metrics.gauge(['d'], () => {
      throw new Error('no');
    });
    metrics.gauge(['e'], () => 0.25);
    assert.equal(exposition(metrics), 'a NaN\nb +Inf\nc -Inf\nd NaN\ne 0.25\n');
  });
});

describe('Prometheus page', () => {
  test('keeps all lines of one metric together although the tree has them apart', () => {
    const metrics = new MetricsScope();
    for (const service of ['a', 'b']) {
      for (const name of ['requests', 'success']) metrics.counter('rt', 'http', 'service', service, name).inc();
    }
    assert.deepEqual(
      parseExposition(exposition(metrics)).map(({ name }) => name),
      ['rt:service:requests', 'rt:service:requests', 'rt:service:success', 'rt:service:success'],
    );
  });

  test('shows the first of two scopes that come to the same series', () => {
    const metrics = new MetricsScope();
    metrics.counter('a-b').add(1);
    metrics.counter('a_b').add(2);
    assert.equal(exposition(metrics), 'a_b 1\n');
  });

  test('of 2,000 scopes comes in short pieces and gives way while it gathers', () => {
    const metrics = new MetricsScope();
    for (let i = 0; i < 2000; i++) {
      const scope = metrics.scope('rt', 'http', 'client', `#/io.l5d.fs/web-${i}`);
      for (const name of ['requests', 'success', 'failures']) scope.counter(name).inc();
      scope.stat('request_latency_ms').add(i);
    }
    metrics.roll();
    const pieces = [...renderPrometheus(metrics, '')];
    const firstWritten = pieces.findIndex((piece) => piece !== '');
    assert.ok(firstWritten >= 40, `gave way ${firstWritten} times while it gathered`);
    assert.ok(Math.max(...pieces.map((piece) => piece.length)) < 34_000);
    assert.equal(parseExposition(pieces.join('')).length, 2000 * (3 + 11));
  });
});

describe('telemeter io.l5d.prometheus', () => {
  const make = (config: unknown, metrics = new MetricsScope()) =>
    prometheusTelemeter.make(prometheusTelemeter.config.parse(config) as { path: string; prefix: string }, {
      metrics,
      clock: new ManualClock(),
      random: seededRandom(1),
    });

  test('serves Linkerd’s path in text format 0.0.4 when nothing is configured', () => {
    const [page] = make({}).pages;
    assert.equal(page?.path, '/admin/metrics/prometheus');
    assert.equal(page?.contentType, 'text/plain; version=0.0.4; charset=utf-8');
  });

  test('serves the configured path with the configured prefix', () => {
    const metrics = new MetricsScope();
    metrics.counter('a').inc();
    const [page] = make({ path: '/metrics', prefix: 'l5d:' }, metrics).pages;
    assert.equal(page?.path, '/metrics');
    assert.equal([...(page?.render() ?? [])].join(''), 'l5d:a 1\n');
  });

  for (const bad of [
    { path: 'metrics' },
    { path: '/a?b' },
    { path: '/a b' },
    { path: '' },
    { prefix: 1 },
    { pathh: '/a' },
  ]) {
    test(`refuses ${JSON.stringify(bad)}`, () =>
      assert.equal(prometheusTelemeter.config.safeParse(bad).success, false));
  }
});

describe('exposition checker', () => {
  for (const bad of [
    'a 1',
    '9a 1\n',
    'a{b=1} 1\n',
    'a{b="\\t"} 1\n',
    'a{b="1" c="2"} 1\n',
    'a  1\n',
    'a x\n',
    'a 1\na 2\n',
    'a{x="1"} 1\nb 1\na{x="2"} 1\n',
    'a{x="1",x="1"} 1\n',
  ]) {
    test(`refuses ${JSON.stringify(bad)}`, () => assert.throws(() => parseExposition(bad)));
  }
});
