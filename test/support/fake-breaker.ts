// FakeBreaker: a service breaker that refuses when a test says so, and remembers what it was told.

import { GatewayError } from '../../src/base/errors.js';
import { parsePath } from '../../src/base/name-grammar.js';
import type { Admission, Refusal, ServiceBreaker } from '../../src/breaker/breaker.js';

export class FakeBreaker implements ServiceBreaker {
  state: 'closed' | 'open' = 'closed';
  readonly forced = undefined;
  readonly fallback;
  readonly window = { requests: 0, failures: 0 };
  /** What `ended` was called with, in order. */
  readonly outcomes: (boolean | undefined)[] = [];
  admitted = 0;
  fallbacks = 0;

  constructor(fallback?: string) {
    this.fallback = fallback === undefined ? undefined : parsePath(fallback);
  }

  get underWay(): number {
    return this.admitted - this.outcomes.length;
  }

  admit(): Admission | Refusal {
    // Any code would do: what it means is the breaker's business.
    if (this.state === 'open') return { admitted: false, error: new GatewayError('over-capacity', 'circuit is open') };
    this.admitted += 1;
    return { admitted: true, ended: (success) => void this.outcomes.push(success) };
  }

  fellBack(): void {
    this.fallbacks += 1;
  }

  force(): void {}
  close(): void {}
}
