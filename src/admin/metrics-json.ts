// /admin/metrics.json: the metrics tree goes in, JSON in pieces comes out, flat or nested.
//
// Counters and gauges are live; a stat shows its last completed minute, so nothing before the first one is over.

import type { Metric, MetricsScope } from '../base/metrics.js';
import { readGauge } from '../base/read-gauge.js';
import type { AdminHandler, AdminResponse, AdminSource } from './handler.js';

/** Metrics written before the event loop turns: about a millisecond when all are stats. */
const METRICS_PER_STEP = 100;

export function metricsHandler(source: AdminSource): AdminHandler {
  return {
    path: '/admin/metrics.json',
    category: 'ui',
    methods: ['GET'],
    description: 'All metrics. ?pretty=true indents and sorts, ?tree=true nests, ?q=rt/http picks a subtree.',
    exampleQuery: '?pretty=true',
    handle: ({ query }) => metricsResponse(source.metrics, query),
  };
}

export function metricsResponse(metrics: MetricsScope, query: URLSearchParams): AdminResponse {
  const contentType = 'application/json';
  const q = query.get('q');
  const root = q === null ? metrics : findScope(metrics, q);
  if (!root) return { status: 404, contentType, body: JSON.stringify({ error: `No such subtree: ${q}` }) };
  const pretty = isTrue(query.get('pretty'));
  return {
    status: 200,
    contentType,
    body: isTrue(query.get('tree')) ? treeJson(root, pretty) : flatJson(root, pretty),
  };
}

/**
 * The scope that `q` names. A component may itself hold slashes (`client/#/io.l5d.fs/web`), so each slash of `q` may or
 * may not end one.
 */
function findScope(scope: MetricsScope, q: string): MetricsScope | undefined {
  const whole = scope.children.get(q);
  if (whole) return whole;
  for (let slash = q.indexOf('/'); slash >= 0; slash = q.indexOf('/', slash + 1)) {
    const child = scope.children.get(q.slice(0, slash));
    const found = child && findScope(child, q.slice(slash + 1));
    if (found) return found;
  }
  return undefined;
}

/** `{"rt/http/server/…/requests":1,…}`; names are relative to `root`. */
function* flatJson(root: MetricsScope, pretty: boolean): Generator<string> {
  const [indent, colon] = pretty ? ['\n  ', ': '] : ['', ':'];
  let piece = '{';
  let separator = '';
  let written = 0;
  for (const { name, metric } of pretty ? yield* sorted(metricsBelow(root)) : metricsBelow(root)) {
    for (const [key, value] of fieldsOf(metric, name, name)) {
      piece += `${separator}${indent}${JSON.stringify(key)}${colon}${value}`;
      separator = ',';
    }
    written += 1;
    if (written % METRICS_PER_STEP === 0) {
      yield piece;
      piece = '';
    }
  }
  yield `${piece}${pretty && separator !== '' ? '\n' : ''}}`;
}

interface NamedMetric {
  readonly name: string;
  readonly metric: Metric;
}

/** As `MetricsScope.walk`, but it can pause: one metric at a time. */
function* metricsBelow(root: MetricsScope): Generator<NamedMetric> {
  if (root.metric) yield { name: '', metric: root.metric };
  const stack = [{ prefix: '', children: root.children.entries() }];
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const next = top.children.next();
    if (next.done) {
      stack.pop();
      continue;
    }
    const [component, scope] = next.value;
    const name = top.prefix + component;
    if (scope.metric) yield { name, metric: scope.metric };
    if (scope.children.size > 0) stack.push({ prefix: `${name}/`, children: scope.children.entries() });
  }
}

/** Gives way while it gathers; the sorting itself cannot, but only people ask for it. */
function* sorted(metrics: Iterable<NamedMetric>): Generator<string, readonly NamedMetric[]> {
  const all: NamedMetric[] = [];
  for (const metric of metrics) {
    all.push(metric);
    if (all.length % METRICS_PER_STEP === 0) yield '';
  }
  return all.sort((a, b) => compareNames(a.name, b.name));
}

/** `{"rt":{"http":{…{"requests":{"counter":1}}}}}`. A node may hold a metric and children at once. */
function* treeJson(root: MetricsScope, pretty: boolean): Generator<string> {
  let piece = '';
  let nodes = 0;
  function* write(scope: MetricsScope, depth: number): Generator<string> {
    const [indent, colon] = pretty ? [`\n${'  '.repeat(depth + 1)}`, ': '] : ['', ':'];
    let separator = '';
    piece += '{';
    const { metric } = scope;
    for (const [key, value] of metric ? fieldsOf(metric, metric.type, 'stat') : []) {
      piece += `${separator}${indent}${JSON.stringify(key)}${colon}${value}`;
      separator = ',';
    }
    const children = pretty ? [...scope.children].sort(([a], [b]) => compareNames(a, b)) : scope.children;
    for (const [component, child] of children) {
      piece += `${separator}${indent}${JSON.stringify(component)}${colon}`;
      separator = ',';
      yield* write(child, depth + 1);
    }
    piece += pretty && separator !== '' ? `\n${'  '.repeat(depth)}}` : '}';
    nodes += 1;
    if (nodes % METRICS_PER_STEP === 0) {
      yield piece;
      piece = '';
    }
  }
  yield* write(root, 0);
  yield piece;
}

/** The JSON fields of one metric, values ready to be written: counters and gauges under `name`, stats under `stat.p50`, … */
function fieldsOf(metric: Metric, name: string, stat: string): readonly (readonly [string, number])[] {
  switch (metric.type) {
    case 'counter':
      return [[name, metric.counter.value]];
    case 'gauge': {
      const value = readGauge(metric.gauge);
      // JSON has no NaN and no infinity, and one such gauge must not make the whole document unreadable.
      return Number.isFinite(value) ? [[name, value]] : [];
    }
    case 'stat': {
      const minute = metric.stat.snapshot;
      if (!minute) return [];
      if (minute.count === 0) return [[`${stat}.count`, 0]];
      return [
        [`${stat}.count`, minute.count],
        [`${stat}.max`, minute.max],
        [`${stat}.min`, minute.min],
        [`${stat}.p50`, minute.quantile(0.5)],
        [`${stat}.p90`, minute.quantile(0.9)],
        [`${stat}.p95`, minute.quantile(0.95)],
        [`${stat}.p99`, minute.quantile(0.99)],
        [`${stat}.p9990`, minute.quantile(0.999)],
        [`${stat}.p9999`, minute.quantile(0.9999)],
        [`${stat}.sum`, minute.sum],
        [`${stat}.avg`, minute.avg],
      ];
    }
    default:
      return metric satisfies never;
  }
}

/** By code unit, as Java compares strings; a locale's order would differ between machines. */
function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What Finagle takes for a true parameter. */
function isTrue(parameter: string | null): boolean {
  return parameter !== null && ['true', 't', '1'].includes(parameter.toLowerCase());
}
