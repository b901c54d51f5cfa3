import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import {
  GarbageError,
  type RegistryWatch,
  RegistryWatches,
  type WatchReport,
} from '../../../../namers/shared/registry-watch.js';
import { observe, type State } from '../../../../src/base/activity.js';
import { constantBackoff } from '../../../../src/base/backoff.js';
import type { Logger } from '../../../../src/base/log.js';
import { MetricsScope } from '../../../../src/base/metrics.js';
import { seededRandom } from '../../../../src/base/random.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { metricValue } from '../../../support/metric-value.js';

/** One call of `run`, which ends as the test says. */
interface Run {
  readonly report: WatchReport<string>;
  readonly signal: AbortSignal;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

describe('registry watch', () => {
  let clock: ManualClock;
  let metrics: MetricsScope;
  let watches: RegistryWatches;
  let logged: string[];
  let runs: Run[];
  const observers: (() => void)[] = [];

  beforeEach(() => {
    clock = new ManualClock();
    metrics = new MetricsScope();
    logged = [];
    runs = [];
    const say = (level: string) => (message: string) => void logged.push(`${level} ${message}`);
    const log: Logger = { error: say('error'), warn: say('warn'), info: say('info'), debug: say('debug') };
    watches = new RegistryWatches({
      registry: 'Registry 127.0.0.1:1',
      clock,
      random: seededRandom(1),
      log,
      metrics,
      backoff: constantBackoff(100),
    });
  });
  afterEach(async () => {
    for (const stop of observers.splice(0)) stop();
    for (const run of runs) run.resolve();
    await watches.close();
  });

  const watch = (key = 'service web'): RegistryWatch<string> =>
    watches.watch(key, () => ({
      run: (report, signal) =>
        new Promise<void>((resolve, reject) => {
          runs.push({ report, signal, resolve, reject });
          signal.addEventListener('abort', () => resolve());
        }),
      same: (a, b) => a === b,
    }));

  /** What an observer saw, in order; and how to make it leave. */
  const follow = (of: RegistryWatch<string>): { readonly seen: string[]; leave(): void } => {
    const seen: string[] = [];
    const stop = observe(of.value, (now) => void seen.push(show(now)));
    observers.push(stop);
    return { seen, leave: stop };
  };

  /** Promise callbacks that are due have been called after this. */
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const last = (): Run => runs.at(-1) ?? assert.fail('not run yet');
  const count = (name: string): number => metricValue(metrics, 'service', name);

  it('runs nothing before it is observed, and once for all observers', async () => {
    const one = watch();
    await turn();
    assert.equal(runs.length, 0);
    const [a, b] = [follow(one), follow(watch())];
    await turn();
    assert.equal(runs.length, 1);
    last().report.update('x');
    assert.deepEqual(
      [a.seen, b.seen],
      [
        ['pending', 'x'],
        ['pending', 'x'],
      ],
    );
    assert.deepEqual([count('opens'), count('cached'), count('updates')], [1, 1, 1]);
  });

  it('has watches of their own for different keys', async () => {
    follow(watch('a'));
    follow(watch('b'));
    await turn();
    assert.equal(runs.length, 2);
  });

  it('ends the linger time after its last observer left, and begins anew when someone comes back', async () => {
    const one = watch();
    const { leave } = follow(one);
    await turn();
    last().report.update('x');
    leave();
    clock.advance(9999);
    assert.equal(last().signal.aborted, false);
    clock.advance(1);
    assert.equal(last().signal.aborted, true);
    assert.equal(count('closes'), 1);
    assert.deepEqual(watches.state(), {});
    const { seen } = follow(one);
    await turn();
    assert.deepEqual(seen, ['pending']);
    assert.equal(runs.length, 2);
  });

  it('goes on without a break for who comes back within the linger time', async () => {
    const one = watch();
    const { leave } = follow(one);
    await turn();
    last().report.update('x');
    leave();
    clock.advance(5000);
    assert.deepEqual(follow(one).seen, ['x']);
    clock.advance(60_000);
    assert.equal(runs.length, 1);
    assert.equal(last().signal.aborted, false);
  });

  it('tells observers nothing when the answer is the same', async () => {
    const { seen } = follow(watch());
    await turn();
    last().report.update('x');
    last().report.update('x');
    last().report.confirm();
    assert.deepEqual(seen, ['pending', 'x']);
    assert.equal(count('updates'), 1);
  });

  it('is failed after a first failure, names the registry, and knows better when it answers', async () => {
    const { seen } = follow(watch());
    await turn();
    last().reject(new Error('connection refused'));
    await turn();
    assert.deepEqual(seen, ['pending', 'failed Registry 127.0.0.1:1: connection refused']);
    clock.advance(100);
    await turn();
    last().report.update('x');
    assert.equal(seen.at(-1), 'x');
  });

  it('counts as failed when nothing was said for five seconds, and goes on waiting', async () => {
    const { seen } = follow(watch());
    await turn();
    clock.advance(4999);
    assert.deepEqual(seen, ['pending']);
    clock.advance(1);
    assert.match(seen.at(-1) ?? '', /^failed Registry 127\.0\.0\.1:1: has not answered for 5000 ms$/);
    assert.equal(last().signal.aborted, false);
    last().report.update('late');
    assert.equal(seen.at(-1), 'late');
  });

  it('keeps its last answer through failures, counts them, and logs the first of a kind as a warning', async () => {
    const { seen } = follow(watch());
    await turn();
    last().report.update('x');
    for (let i = 0; i < 3; i++) {
      last().reject(new Error('status 500'));
      await turn();
      clock.advance(100);
      await turn();
    }
    assert.deepEqual(seen, ['pending', 'x']);
    assert.equal(count('errors'), 3);
    assert.deepEqual(
      logged.map((line) => line.split(' ')[0]),
      ['warn', 'debug', 'debug'],
    );
    assert.equal(logged[0], 'warn Registry 127.0.0.1:1: service web: status 500; its last answer stays in use');
    last().report.confirm();
    assert.equal(logged.at(-1), 'info Registry 127.0.0.1:1: service web: answers again');
  });

  it('waits as its backoff says after a failure and after an end, and the backoff starts over at an answer', async () => {
    const waits: number[] = [];
    let runsOfBackoff = 0;
    const random = seededRandom(1);
    watches = new RegistryWatches({
      registry: 'R',
      clock,
      random,
      log: { error() {}, warn() {}, info() {}, debug() {} },
      metrics,
      backoff: () => {
        runsOfBackoff += 1;
        let ms = 5;
        return {
          next: () => {
            ms *= 2;
            waits.push(ms);
            return ms;
          },
        };
      },
    });
    follow(watch());
    await turn();
    last().reject(new Error('no'));
    await turn();
    clock.advance(9);
    await turn();
    assert.equal(runs.length, 1);
    clock.advance(1);
    await turn();
    assert.equal(runs.length, 2);
    last().resolve();
    await turn();
    assert.deepEqual(waits, [10, 20]);
    clock.advance(20);
    await turn();
    last().report.confirm();
    last().reject(new Error('no'));
    await turn();
    assert.deepEqual([waits, runsOfBackoff], [[10, 20, 10], 2]);
  });

  it('does not listen to a run that was ended', async () => {
    const one = watch();
    const { leave } = follow(one);
    await turn();
    const { report } = last();
    leave();
    clock.advance(10_000);
    const { seen } = follow(one);
    report.update('old');
    report.complain('old');
    report.changed();
    assert.deepEqual(seen, ['pending']);
    assert.deepEqual([count('updates'), count('garbage')], [0, 0]);
  });

  it('counts garbage, and warns of the same complaint once until it is gone', async () => {
    const { seen } = follow(watch());
    await turn();
    const { report } = last();
    for (const value of ['x', 'y', 'z']) {
      report.complain('"m1": port 70000 is not in 1-65535');
      report.update(value);
    }
    assert.deepEqual(seen, ['pending', 'x', 'y', 'z']);
    assert.equal(count('garbage'), 3);
    assert.deepEqual(logged, ['warn Registry 127.0.0.1:1: service web: "m1": port 70000 is not in 1-65535']);
    report.update('good');
    report.complain('"m1": port 70000 is not in 1-65535');
    assert.equal(logged.length, 2);
  });

  it('counts a run that ends in garbage as both', async () => {
    follow(watch());
    await turn();
    last().reject(new GarbageError('not JSON'));
    await turn();
    assert.deepEqual([count('errors'), count('garbage')], [1, 1]);
  });

  it('does not let a registry full of garbage fill the log', async () => {
    follow(watch());
    await turn();
    for (let i = 0; i < 1000; i++) last().report.complain(`bad ${i}`);
    assert.deepEqual([logged.length, count('garbage')], [100, 1000]);
  });

  it('knows the age of its answer, the updates and the last error', async () => {
    const one = watch();
    follow(one);
    await turn();
    clock.advance(1000);
    assert.equal(watches.ageMs(), 1000);
    assert.deepEqual(one.freshness(), {
      registry: 'Registry 127.0.0.1:1',
      ageMs: undefined,
      updates: 0,
      error: undefined,
    });
    last().report.update('x');
    clock.advance(2500);
    last().reject(new Error('gone'));
    await turn();
    clock.advance(50);
    assert.equal(watches.ageMs(), 2550);
    assert.deepEqual(watches.state(), {
      'service web': {
        state: 'ok',
        ageSeconds: 2.55,
        updates: 1,
        lastError: 'gone',
        lastErrorSecondsAgo: 0.05,
        failing: true,
      },
    });
    assert.deepEqual(one.freshness(), { registry: 'Registry 127.0.0.1:1', ageMs: 2550, updates: 1, error: 'gone' });
    clock.advance(50);
    await turn();
    last().report.confirm();
    assert.deepEqual(one.freshness(), { registry: 'Registry 127.0.0.1:1', ageMs: 0, updates: 1, error: undefined });
  });

  it('has the age of the watch that was confirmed longest ago, and none without watches', async () => {
    assert.equal(watches.ageMs(), undefined);
    follow(watch('a'));
    await turn();
    last().report.update('x');
    clock.advance(300);
    follow(watch('b'));
    await turn();
    last().report.update('x');
    clock.advance(100);
    assert.equal(watches.ageMs(), 400);
  });

  it('closes when every run has ended, and starts nothing after', async () => {
    const one = watch();
    follow(one);
    await turn();
    let closed = false;
    const closing = watches.close().then(() => {
      closed = true;
    });
    assert.equal(last().signal.aborted, true);
    await closing;
    assert.ok(closed);
    for (const stop of observers.splice(0)) stop();
    follow(one);
    await turn();
    assert.equal(runs.length, 1);
    assert.equal(clock.pendingTimers, 0);
  });
});

function show(now: State<string>): string {
  return now.state === 'ok' ? now.value : now.state === 'failed' ? `failed ${now.error.message}` : now.state;
}
