// Circuit: opossum's breaker as it is used here. Outcomes of ended requests in; opened, half-open and closed are told.

import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import type CircuitBreaker from 'opossum';
import type { CircuitBreakerConfig } from '../../config/schema/circuit-breaker.js';
import type { Clock, TimerHandle } from '../base/clock.js';

/** Called with the outcome of a request. */
export type Circuit = CircuitBreaker<[success: boolean], void>;

export interface CircuitListener {
  opened(): void;
  halfOpened(): void;
  /** After a probe succeeded. */
  closed(): void;
}

const BUCKETS = 10;

const SUCCEEDED = Promise.resolve();
const FAILED = new Error('failed');
/** opossum counts what its action does. Thrown, a failure is counted before `fire` returns; a success one microtask later. */
const outcome = (success: boolean): Promise<void> => {
  if (!success) throw FAILED;
  return SUCCEEDED;
};

/**
 * opossum opens above its threshold, and we open at it. The share is a quotient of whole numbers times 100 and may come out
 * this much lower than it is.
 */
const ROUNDING = 1e-9;

let opossum: typeof CircuitBreaker | undefined;
/** Loaded with the first circuit: a gateway without any does not pay 10 ms and 3 MB at its start. */
function loadOpossum(): typeof CircuitBreaker {
  opossum ??= createRequire(import.meta.url)('opossum') as typeof CircuitBreaker;
  return opossum;
}

/** Makes circuits with one set of keys. One timer moves the windows of all of them on, and runs only while there are any. */
export class Circuits {
  readonly #config: CircuitBreakerConfig;
  readonly #clock: Clock;
  readonly #all = new Set<Circuit>();
  readonly #rotation = new EventEmitter().setMaxListeners(Number.POSITIVE_INFINITY);
  #timer: TimerHandle | undefined;

  constructor(config: CircuitBreakerConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
  }

  /** A closed one, with nothing counted. To be given back with `drop`. */
  make(listener: CircuitListener): Circuit {
    const { errorPercent, windowMs, volumeThreshold, resetTimeoutMs } = this.#config;
    const circuit: Circuit = new (loadOpossum())(outcome, {
      timeout: false,
      errorThresholdPercentage: errorPercent - ROUNDING,
      rollingCountTimeout: windowMs,
      rollingCountBuckets: BUCKETS,
      volumeThreshold,
      resetTimeout: resetTimeoutMs,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      rotateBucketController: this.#rotation,
    });
    circuit.on('open', () => listener.opened());
    circuit.on('halfOpen', () => listener.halfOpened());
    circuit.on('close', () => listener.closed());
    for (const bucket of circuit.status.window) bucket.latencyTimes = NO_LATENCIES;
    this.#all.add(circuit);
    if (!this.#timer) this.#scheduleRotation();
    return circuit;
  }

  /** It calls its listener no more, and has no timer. */
  drop(circuit: Circuit): void {
    circuit.shutdown();
    this.#all.delete(circuit);
    if (this.#all.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #scheduleRotation(): void {
    this.#timer = this.#clock.after(this.#config.windowMs / BUCKETS, () => {
      this.#rotation.emit('rotate');
      for (const { status } of this.#all) (status.window[0] as CircuitBreaker.Bucket).latencyTimes = NO_LATENCIES;
      this.#scheduleRotation();
    });
  }
}

/** Requests that ended within the window, and how many of them failed. */
export function windowOf({ stats }: Circuit): { readonly requests: number; readonly failures: number } {
  return { requests: stats.fires, failures: stats.failures };
}

/** opossum keeps the time of every request of the window, even where it makes no percentiles of them: 8 bytes each. */
class Forgetful extends Array<number> {
  override push(): number {
    return 0;
  }
}
const NO_LATENCIES = new Forgetful();
