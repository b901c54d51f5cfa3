// The states of one endpoint that every accrual policy shares: requests and their outcomes come in, availability goes out.
//
//   alive ── the rule says so ──▶ dead for backoff[0] ── time is up ──▶ due ── started ──▶ probing
//     ▲                                  dead for backoff[i + 1] ◀── failed ─────────────────┤
//     └── succeeded: the backoff starts over ────────────────────────────────────────────────┘
//
// With `maxEjectedPercent` an endpoint also stays alive when its cluster can spare no more, and is alive again at once when
// the cluster has shrunk.
//
// Requests carry no mark, so while a probe is out the outcome of a request sent before it counts as the probe's, as in
// Finagle: it is fresh evidence about the same endpoint.

import type { Backoff, BackoffSequence } from '../base/backoff.js';
import type { AccrualListener } from './accrual.js';
import type { Ejectable, EjectionLimit } from './ejection-limit.js';

/** What tells policies apart: when failures are too many. Asked only while the endpoint is alive. */
export interface DeathRule {
  /** Counts a failure. True: the endpoint is dead. */
  failed(now: number): boolean;
  succeeded(now: number): void;
  /** The endpoint is alive again after a probe: what was counted before counts no longer. */
  revived(now: number): void;
}

export class DeadAliveProbe implements Ejectable {
  readonly #rule: DeathRule;
  readonly #backoff: Backoff;
  readonly #listener: AccrualListener;
  readonly #limit: EjectionLimit | undefined;
  #state: 'alive' | 'dead' | 'probing' = 'alive';
  #deadUntil = 0;
  #waits: BackoffSequence | undefined;

  /** `limit`: of the cluster; undefined when all its endpoints may be dead. */
  constructor(rule: DeathRule, backoff: Backoff, listener: AccrualListener, limit?: EjectionLimit) {
    this.#rule = rule;
    this.#backoff = backoff;
    this.#listener = listener;
    this.#limit = limit;
  }

  get isOut(): boolean {
    return this.#state !== 'alive';
  }

  isAvailable(now: number): boolean {
    return this.#state === 'alive' || (this.#state === 'dead' && now >= this.#deadUntil);
  }

  started(now: number): void {
    // A dead endpoint that is not due gets requests too, when all others are dead: those are no probes.
    if (this.#state !== 'dead' || now < this.#deadUntil) return;
    this.#state = 'probing';
    this.#listener.probed();
  }

  succeeded(now: number): void {
    if (this.#state === 'alive') {
      this.#rule.succeeded(now);
    } else if (this.#state === 'probing') {
      this.#waits = undefined;
      this.#rule.revived(now);
      this.readmit();
    }
  }

  failed(now: number): void {
    if (this.#state === 'probing') {
      this.#die(now);
    } else if (this.#state === 'alive' && this.#rule.failed(now)) {
      if (this.#limit === undefined || this.#limit.mayEject(this)) this.#die(now);
      else this.#listener.ejectionRefused();
    }
  }

  ignored(): void {
    // Dead and due at once: `#deadUntil` lies in the past.
    if (this.#state === 'probing') this.#state = 'dead';
  }

  /** What the rule has counted, and the backoff, stay as they are: without a probe nothing shows that it is well. */
  readmit(): void {
    this.#state = 'alive';
    this.#listener.revived();
  }

  #die(now: number): void {
    this.#waits ??= this.#backoff();
    const forMs = this.#waits.next();
    this.#state = 'dead';
    this.#deadUntil = now + forMs;
    this.#listener.removed(forMs);
  }
}
