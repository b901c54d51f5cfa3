// Telemeter io.l5d.prometheus: the metrics tree goes in, a page in Prometheus' text format comes out.
//
// Names and labels are Linkerd's, so that dashboards made for it go on working. The format wants all lines of one metric
// together (prometheus.io/docs/instrumenting/exposition_formats), but the tree has them scattered over its scopes: the
// page is gathered by metric name first and written afterwards, both in small steps.

import { z } from 'zod';
import type { HistogramSnapshot } from '../base/histogram.js';
import { defineKind } from '../base/kind.js';
import type { Metric, MetricsScope } from '../base/metrics.js';
import { readGauge } from '../base/read-gauge.js';
import { placeBelow, rootPlace, showLabels, withLabel } from './prometheus-names.js';
import type { Telemeter, TelemeterContext, TelemeterPage } from './telemeter.js';

const DEFAULT_PATH = '/admin/metrics/prometheus';

/** With the version, because a scraper may refuse to guess the format of a bare `text/plain`. */
const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Between the smallest value, which Linkerd calls quantile 0, and the largest, quantile 1. */
const QUANTILES = [0.5, 0.9, 0.95, 0.99, 0.999, 0.9999];

/** Scopes looked at before the event loop turns: well under a millisecond. */
const SCOPES_PER_STEP = 200;
/** Characters written before it turns. */
const PIECE_LENGTH = 32 * 1024;

export const prometheusTelemeter = defineKind({
  kind: 'io.l5d.prometheus',
  description: 'Serves all metrics on the admin port for a Prometheus server to scrape.',
  config: z.strictObject({
    path: z
      .string()
      .regex(/^\/[!-"$->@-~]*$/, 'want a path of the admin port that begins with "/" and has no "?", "#" or space')
      .default(DEFAULT_PATH)
      .describe('Path of the page on the admin port.'),
    prefix: z.string().default('').describe('Text put in front of every metric name, e.g. "linkerd_".'),
  }),
  make: ({ path, prefix }, { metrics }: TelemeterContext): Telemeter => ({
    pages: [makePrometheusPage(metrics, path, prefix)],
    close: () => {},
  }),
});

/** The page of the metrics below `metrics`, served at `path`; every name begins with `prefix`. */
export function makePrometheusPage(metrics: MetricsScope, path: string, prefix: string): TelemeterPage {
  return {
    path,
    contentType: CONTENT_TYPE,
    description: 'All metrics in the text format of Prometheus.',
    render: () => renderPrometheus(metrics, prefix),
  };
}

/**
 * One scope's part of a metric. The lines are written last of all: thousands of scopes come to megabytes of them, and
 * text that outlives a few turns of the event loop is copied by the garbage collector while traffic waits.
 */
type Entry =
  | { readonly kind: 'value'; readonly labels: string; readonly metric: Exclude<Metric, { type: 'stat' }> }
  | { readonly kind: 'count' | 'sum' | 'avg'; readonly labels: string; readonly minute: HistogramSnapshot }
  | { readonly kind: 'quantiles'; readonly labels: string; readonly minute: HistogramSnapshot };

/** The exposition in pieces of some 32 kB; empty pieces while it gathers. */
export function* renderPrometheus(metrics: MetricsScope, prefix: string): Generator<string> {
  const families = new Map<string, Entry[]>();
  yield* gather(metrics, prefix, families);
  let piece = '';
  for (const [name, entries] of families) {
    for (const entry of withoutRepeats(entries)) {
      piece += showEntry(name, entry);
      if (piece.length >= PIECE_LENGTH) {
        yield piece;
        piece = '';
      }
    }
  }
  if (piece !== '') yield piece;
}

/** Fills `families` from the tree, depth first. A stack, not recursion, so that it can pause anywhere. */
function* gather(metrics: MetricsScope, prefix: string, families: Map<string, Entry[]>): Generator<string> {
  const stack = [{ at: rootPlace(prefix), children: metrics.children.entries() }];
  let scopes = 0;
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const next = top.children.next();
    if (next.done) {
      stack.pop();
      continue;
    }
    const [component, scope] = next.value;
    const at = placeBelow(top.at, component);
    if (scope.metric) addEntries(families, at.name, showLabels(at), scope.metric);
    if (scope.children.size > 0) stack.push({ at, children: scope.children.entries() });
    scopes += 1;
    if (scopes % SCOPES_PER_STEP === 0) yield '';
  }
}

function addEntries(families: Map<string, Entry[]>, name: string, labels: string, metric: Metric): void {
  if (metric.type !== 'stat') {
    addEntry(families, name, { kind: 'value', labels, metric });
    return;
  }
  const minute = metric.stat.snapshot;
  if (!minute || minute.count === 0) return;
  addEntry(families, `${name}_count`, { kind: 'count', labels, minute });
  addEntry(families, `${name}_sum`, { kind: 'sum', labels, minute });
  addEntry(families, `${name}_avg`, { kind: 'avg', labels, minute });
  addEntry(families, name, { kind: 'quantiles', labels, minute });
}

function addEntry(families: Map<string, Entry[]>, name: string, entry: Entry): void {
  const entries = families.get(name);
  if (entries) entries.push(entry);
  else families.set(name, [entry]);
}

/** Two scopes may come to one series (`a-b` and `a_b`), which a scraper refuses: the first stays. */
function* withoutRepeats(entries: readonly Entry[]): Generator<Entry> {
  const seen = new Set<string>();
  for (const entry of entries) {
    // Of one name, quantiles have a label more than anything else.
    const series = entry.kind === 'quantiles' ? `${entry.labels}, quantile` : entry.labels;
    if (seen.has(series)) continue;
    seen.add(series);
    yield entry;
  }
}

function showEntry(name: string, entry: Entry): string {
  const { labels } = entry;
  if (entry.kind !== 'quantiles') return showLine(name, labels, entryValue(entry));
  const { minute } = entry;
  const quantile = (q: string, value: number): string => showLine(name, withLabel(labels, 'quantile', q), value);
  const between = QUANTILES.map((q) => quantile(String(q), minute.quantile(q)));
  return `${quantile('0', minute.min)}${between.join('')}${quantile('1', minute.max)}`;
}

function entryValue(entry: Exclude<Entry, { kind: 'quantiles' }>): number {
  if (entry.kind !== 'value') return entry.minute[entry.kind];
  return entry.metric.type === 'counter' ? entry.metric.counter.value : readGauge(entry.metric.gauge);
}

function showLine(name: string, labels: string, value: number): string {
  return labels === '' ? `${name} ${showValue(value)}\n` : `${name}{${labels}} ${showValue(value)}\n`;
}

function showValue(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}
