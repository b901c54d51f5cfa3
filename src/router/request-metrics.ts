// Request metrics: what is counted of requests in the scopes of servers, services and clients.

import { GatewayError } from '../base/errors.js';
import type { Countable, Counter, MetricsScope, Stat } from '../base/metrics.js';
import type { RetryBudget } from '../retry/retry.js';

/** `requests`, `success`, `failures`, `failures/<code>`, `pending` and `request_latency_ms` of one scope. */
export class RequestMetrics {
  pending = 0;
  // Here and not in objects of their own: of a thousand names none of those is in a cache of the processor.
  #successes = 0;
  #failures = 0;
  readonly #latencyMs: Stat;
  readonly #scope: MetricsScope;

  constructor(scope: MetricsScope) {
    this.#scope = scope;
    scope.reads('requests', () => this.count);
    scope.reads('success', () => this.#successes);
    scope.reads('failures', () => this.#failures);
    this.#latencyMs = scope.stat('request_latency_ms');
    scope.gauge(['pending'], () => this.pending);
  }

  /** Of requests that have ended. */
  get count(): number {
    return this.#successes + this.#failures;
  }

  started(): void {
    this.pending += 1;
  }

  /**
   * `latencyMs` up to the head of the response, as Finagle measures it: streams may last for hours. `error` where there
   * was no whole response; also some that are answered with an error are no failures.
   */
  ended(success: boolean, latencyMs: number, error?: Error): void {
    this.pending -= 1;
    this.#latencyMs.add(latencyMs);
    if (success) {
      this.#successes += 1;
      return;
    }
    this.#failures += 1;
    if (error) this.#scope.counter('failures', error instanceof GatewayError ? error.code : error.name).inc();
  }
}

/** `retries/…` of one logical name: requests sent again because the classifier said so. */
export class RetryMetrics {
  readonly total: Counter;
  /** Of every request, also of those that needed none; but only for others is there something to add. */
  readonly perRequest: Stat;
  readonly budgetExhausted: Counter;
  readonly #scope: MetricsScope;

  constructor(scope: MetricsScope, budget: RetryBudget, requests: Countable) {
    this.#scope = scope;
    this.total = scope.counter('total');
    this.perRequest = scope.stat('per_request');
    this.perRequest.zeroUnlessAdded(requests);
    this.budgetExhausted = scope.counter('budget_exhausted');
    scope.gauge(['budget'], () => budget.balance);
  }

  /** Why a request was not retried, which is rare: `request_stream_too_long`, `response_stream_too_long`, … */
  count(why: string): void {
    this.#scope.counter(why).inc();
  }
}

/** RequestMetrics below one scope by name, shared by all who use a name and pruned when the last of them lets go. */
export class SharedRequestMetrics {
  readonly #scope: MetricsScope;
  readonly #byName = new Map<string, { readonly metrics: RequestMetrics; users: number }>();

  constructor(scope: MetricsScope) {
    this.#scope = scope;
  }

  acquire(name: string): RequestMetrics {
    let entry = this.#byName.get(name);
    if (!entry) {
      entry = { metrics: new RequestMetrics(this.#scope.scope(name)), users: 0 };
      this.#byName.set(name, entry);
    }
    entry.users += 1;
    return entry.metrics;
  }

  release(name: string): void {
    const entry = this.#byName.get(name);
    if (!entry) return;
    entry.users -= 1;
    if (entry.users > 0) return;
    this.#byName.delete(name);
    this.#scope.prune(name);
  }
}

interface StatusCounters {
  readonly code: Counter;
  readonly group: Counter;
  readonly timeMs: Stat;
}

/** `status/<code>`, `status/<N>XX` and `time/<N>XX`, made as each status is first seen. */
export class StatusMetrics {
  readonly #scope: MetricsScope;
  readonly #counters: (StatusCounters | undefined)[] = [];

  constructor(scope: MetricsScope) {
    this.#scope = scope;
  }

  record(status: number, timeMs: number): void {
    let counters = this.#counters[status];
    if (!counters) {
      const group = `${Math.floor(status / 100)}XX`;
      counters = {
        code: this.#scope.counter('status', String(status)),
        group: this.#scope.counter('status', group),
        timeMs: this.#scope.stat('time', group),
      };
      this.#counters[status] = counters;
    }
    counters.code.inc();
    counters.group.inc();
    counters.timeMs.add(timeMs);
  }
}
