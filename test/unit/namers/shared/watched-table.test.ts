import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { computed } from '@preact/signals-core';
import { RegistryWatches } from '../../../../namers/shared/registry-watch.js';
import { type TableReport, WatchedTable } from '../../../../namers/shared/watched-table.js';
import { observe, type State } from '../../../../src/base/activity.js';
import { constantBackoff } from '../../../../src/base/backoff.js';
import type { Logger } from '../../../../src/base/log.js';
import { MetricsScope } from '../../../../src/base/metrics.js';
import { seededRandom } from '../../../../src/base/random.js';
import { eventually } from '../../../support/eventually.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { metricValue } from '../../../support/metric-value.js';

interface Row {
  readonly text: string;
}

interface Run {
  readonly report: TableReport<Row>;
  readonly signal: AbortSignal;
  readonly reject: (error: Error) => void;
}

describe('watched table', () => {
  let clock: ManualClock;
  let metrics: MetricsScope;
  let watches: RegistryWatches;
  let table: WatchedTable<Row>;
  let logged: string[];
  let runs: Run[];
  const observers: (() => void)[] = [];

  beforeEach(() => {
    clock = new ManualClock();
    metrics = new MetricsScope();
    logged = [];
    runs = [];
    const say = (message: string): void => void logged.push(message);
    const log: Logger = { error: say, warn: say, info: say, debug: () => {} };
    const random = seededRandom(1);
    const registry = 'Registry 127.0.0.1:1';
    watches = new RegistryWatches({ registry, clock, random, log, metrics, backoff: constantBackoff(100) });
    table = new WatchedTable<Row>(watches, {
      key: '/services/',
      run: (report, signal) =>
        new Promise<void>((resolve, reject) => {
          runs.push({ report, signal, reject });
          signal.addEventListener('abort', () => resolve());
        }),
      same: (a, b) => a.text === b.text,
    });
  });
  afterEach(async () => {
    for (const stop of observers.splice(0)) stop();
    await watches.close();
  });

  /** What an observer of the row saw, in order. */
  const follow = (key: string): { readonly seen: string[]; leave(): void } => {
    const seen: string[] = [];
    const leave = observe(table.row(key).value, (now) => void seen.push(show(now)));
    observers.push(leave);
    return { seen, leave };
  };
  const show = (now: State<Row | undefined>): string =>
    now.state === 'ok' ? (now.value?.text ?? 'absent') : now.state;
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const rows = (texts: Readonly<Record<string, string>>): Map<string, Row> =>
    new Map(Object.entries(texts).map(([key, text]) => [key, { text }]));
  const last = (): Run => runs.at(-1) ?? assert.fail('not run yet');
  const count = (name: string): number => metricValue(metrics, 'service', name);

  it('is watched once for all rows, from the first observer on', async () => {
    table.row('a');
    await turn();
    assert.equal(runs.length, 0);
    follow('a');
    follow('b');
    await turn();
    assert.equal(runs.length, 1);
    assert.equal(count('opens'), 1);
  });

  it('has all rows pending until the first list, and those that are not in it absent', async () => {
    const [a, b] = [follow('a'), follow('b')];
    await turn();
    last().report.replace(rows({ a: '1' }));
    assert.deepEqual(
      [a.seen, b.seen],
      [
        ['pending', '1'],
        ['pending', 'absent'],
      ],
    );
    assert.equal(count('updates'), 1);
  });

  it('has all rows failed while the registry has never answered', async () => {
    const a = follow('a');
    await turn();
    last().reject(new Error('refused'));
    await turn();
    assert.deepEqual(a.seen, ['pending', 'failed']);
    clock.advance(100);
    await turn();
    last().report.replace(rows({ a: '1' }));
    assert.equal(a.seen.at(-1), '1');
  });

  it('tells the observers of the rows that changed, and no others', async () => {
    const [a, b, c] = [follow('a'), follow('b'), follow('c')];
    await turn();
    last().report.replace(rows({ a: '1', b: '2' }));
    last().report.change(rows({ a: '3' }));
    last().report.change(
      new Map([
        ['b', undefined],
        ['c', { text: '4' }],
      ]),
    );
    assert.deepEqual(a.seen, ['pending', '1', '3']);
    assert.deepEqual(b.seen, ['pending', '2', 'absent']);
    assert.deepEqual(c.seen, ['pending', 'absent', '4']);
    assert.equal(count('updates'), 3);
    assert.deepEqual([...table.rows().keys()], ['a', 'c']);
  });

  it('says nothing of a change to what there was before', async () => {
    const a = follow('a');
    await turn();
    last().report.replace(rows({ a: '1' }));
    clock.advance(1000);
    last().report.change(rows({ a: '1' }));
    last().report.change(new Map([['b', undefined]]));
    assert.deepEqual(a.seen, ['pending', '1']);
    assert.equal(count('updates'), 1);
    assert.equal(table.row('a').freshness().ageMs, 0, 'it is confirmed all the same');
  });

  it('tells changes that came together as one', async () => {
    const [a, b] = [table.row('a').value, table.row('b').value];
    const seen: string[] = [];
    observers.push(
      observe(
        computed(() => `${show(a.value)} ${show(b.value)}`),
        (both) => void seen.push(both),
      ),
    );
    await turn();
    last().report.replace(rows({ a: '1', b: '1' }));
    last().report.change(rows({ a: '2', b: '2' }));
    assert.deepEqual(seen, ['pending pending', '1 1', '2 2']);
  });

  it('takes a new list for all that there is, and keeps what is the same', async () => {
    const [a, b, c] = [follow('a'), follow('b'), follow('c')];
    await turn();
    last().report.replace(rows({ a: '1', b: '2' }));
    const row = table.rows().get('a');
    last().report.replace(rows({ a: '1', c: '3' }));
    assert.deepEqual(a.seen, ['pending', '1']);
    assert.deepEqual(b.seen, ['pending', '2', 'absent']);
    assert.deepEqual(c.seen, ['pending', 'absent', '3']);
    assert.equal(table.rows().get('a'), row);
    assert.equal(count('updates'), 2);
    last().report.replace(rows({ a: '1', c: '3' }));
    assert.equal(count('updates'), 2);
  });

  it('keeps all rows through failures (1.x bug 20), and those after them see what changed meanwhile', async () => {
    const a = follow('a');
    await turn();
    last().report.replace(rows({ a: '1' }));
    last().reject(new Error('gone'));
    await turn();
    assert.equal(table.row('a').freshness().error, 'gone');
    clock.advance(100);
    await turn();
    assert.deepEqual(a.seen, ['pending', '1']);
    last().report.replace(rows({ a: '2' }));
    assert.deepEqual(a.seen, ['pending', '1', '2']);
  });

  it('ends with the last observer and its linger, forgets all, and begins anew with the next', async () => {
    const a = follow('a');
    const b = follow('b');
    await turn();
    last().report.replace(rows({ a: '1' }));
    a.leave();
    clock.advance(20_000);
    assert.equal(last().signal.aborted, false);
    b.leave();
    clock.advance(9999);
    assert.equal(last().signal.aborted, false);
    clock.advance(1);
    assert.equal(last().signal.aborted, true);
    assert.equal(table.rows().size, 0);
    const stale = last().report;
    const again = follow('a');
    await turn();
    stale.replace(rows({ a: 'stale' }));
    stale.change(rows({ a: 'stale' }));
    assert.deepEqual(again.seen, ['pending']);
    last().report.replace(rows({}));
    assert.deepEqual(again.seen, ['pending', 'absent'], 'what was known before does not come back');
  });

  it('goes from its last word to pending when it is closed under observers, with nothing between', async () => {
    const a = follow('a');
    await turn();
    last().report.replace(rows({ a: '1' }));
    await watches.close();
    assert.deepEqual(a.seen, ['pending', '1', 'pending']);
  });

  it('gives one row for a key for as long as anyone holds it', () => {
    assert.equal(table.row('a'), table.row('a'));
    assert.notEqual(table.row('a'), table.row('b'));
  });

  it('tells a row that only its value holds on to, and lets go of those that nobody holds', async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const a = follow('a');
    const forgotten = new WeakRef(table.row('some name of a scanner'));
    await turn();
    gc();
    await eventually(() => forgotten.deref() === undefined);
    last().report.replace(rows({ a: '1' }));
    last().report.change(rows({ a: '2' }));
    assert.deepEqual(a.seen, ['pending', '1', '2']);
  });

  it('counts complaints, and logs one and the same once until a list without it', async () => {
    follow('a');
    await turn();
    const { report } = last();
    for (const text of ['1', '2', '3']) {
      report.complain('"a": bad');
      report.change(rows({ a: text }));
    }
    assert.equal(count('garbage'), 3);
    assert.deepEqual(logged, ['Registry 127.0.0.1:1: /services/: "a": bad']);
  });
});
