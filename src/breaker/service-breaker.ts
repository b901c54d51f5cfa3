// Service breaker: asked before each request of a logical name and told how it ended; refuses while too many fail.
//
// opossum keeps the window and decides between closed, open and half-open. It is told of a request when that has ended, not when
// it begins: it counts what is under way as no failure, and a service that hangs would look well. So whom to let through,
// and how many at a time, is decided here.

import type { CircuitBreakerConfig } from '../../config/schema/circuit-breaker.js';
import type { Clock } from '../base/clock.js';
import { GatewayError } from '../base/errors.js';
import { makeLogger } from '../base/log.js';
import type { Counter, MetricsScope } from '../base/metrics.js';
import type { Path } from '../base/path.js';
import type { Admission, CircuitState, CircuitWindow, MakeServiceBreaker, Refusal, ServiceBreaker } from './breaker.js';
import { type Circuit, type CircuitListener, Circuits, windowOf } from './circuit.js';

const STATE_NUMBER: Readonly<Record<CircuitState, number>> = { closed: 0, halfOpen: 1, open: 2 };
const NOTHING_COUNTED: CircuitWindow = { requests: 0, failures: 0 };

const log = makeLogger('breaker');

/** The breakers that it makes share one timer. Nothing is started before the first. */
export function makeServiceBreakers(config: CircuitBreakerConfig, clock: Clock): MakeServiceBreaker {
  const circuits = new Circuits(config, clock);
  /** By name, as one name has a breaker for each local dtab it is asked for with, and all of them the same metrics. */
  const living = new Map<string, Set<OpossumBreaker>>();
  return (name, metrics) => {
    const key = name.show();
    const siblings = living.get(key) ?? new Set();
    living.set(key, siblings);
    metrics.gauge(['state'], () => Math.max(0, ...[...siblings].map(({ state }) => STATE_NUMBER[state])));
    const breaker = new OpossumBreaker({
      name: key,
      config,
      circuits,
      clock,
      counters: breakerCounters(metrics),
      closed: () => {
        siblings.delete(breaker);
        if (siblings.size === 0) living.delete(key);
      },
    });
    siblings.add(breaker);
    return breaker;
  };
}

type BreakerCounters = ReturnType<typeof breakerCounters>;

function breakerCounters(metrics: MetricsScope) {
  const counter = (name: string): Counter => metrics.counter(name);
  return {
    opens: counter('opens'),
    closes: counter('closes'),
    halfOpens: counter('half_opens'),
    rejected: counter('rejected'),
    overCapacity: counter('over_capacity'),
    fallbacks: counter('fallbacks'),
  };
}

interface BreakerOptions {
  readonly name: string;
  readonly config: CircuitBreakerConfig;
  readonly circuits: Circuits;
  readonly clock: Clock;
  readonly counters: BreakerCounters;
  readonly closed: () => void;
}

class OpossumBreaker implements ServiceBreaker, CircuitListener {
  readonly #options: BreakerOptions;
  readonly #capacity: number;
  /** Undefined while an operator holds it, and after `close`. */
  #circuit: Circuit | undefined;
  #state: CircuitState = 'closed';
  #forced: 'open' | 'closed' | undefined;
  #isOver = false;
  #underWay = 0;
  /** Counts changes of state. What was admitted before the last of them says nothing of how the service is since. */
  #era = 0;
  /** The request that a half-open circuit waits for, and since when. */
  #probe: Ticket | undefined;
  #probedAt = 0;
  #openedAt = 0;
  /** Why it is open. */
  #why = '';
  /** The last one, given again while it says the same: what is refused must cost little, and an error records its stack. */
  #refusal: Refusal | undefined;

  constructor(options: BreakerOptions) {
    this.#options = options;
    this.#capacity = options.config.capacity ?? Number.POSITIVE_INFINITY;
    this.#circuit = options.circuits.make(this);
  }

  get state(): CircuitState {
    return this.#state;
  }

  get forced(): 'open' | 'closed' | undefined {
    return this.#forced;
  }

  get fallback(): Path | undefined {
    return this.#options.config.fallback;
  }

  get underWay(): number {
    return this.#underWay;
  }

  get window(): CircuitWindow {
    return this.#circuit ? windowOf(this.#circuit) : NOTHING_COUNTED;
  }

  admit(): Admission | Refusal {
    if (this.#state !== 'closed' && !this.#mayProbe()) return this.#refuseOpen();
    if (this.#underWay >= this.#capacity) return this.#refuseFull();
    this.#underWay += 1;
    const ticket = new Ticket(this, this.#era);
    if (this.#state === 'halfOpen') {
      this.#probe = ticket;
      this.#probedAt = this.#options.clock.now();
    }
    return ticket;
  }

  fellBack(): void {
    this.#options.counters.fallbacks.inc();
  }

  force(to: 'open' | 'closed' | undefined): void {
    if (this.#isOver) return;
    this.#forced = to;
    this.#why = 'forced open through the admin port';
    this.#begin(to ?? 'closed', to === undefined);
    log.warn(to ? `circuit forced ${to}` : 'circuit no longer forced', { service: this.#options.name });
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#forced = undefined;
    this.#begin('closed', false);
    this.#options.closed();
  }

  // ---- of tickets ----

  ended(ticket: Ticket, era: number, success: boolean | undefined): void {
    this.#underWay -= 1;
    if (era !== this.#era) return;
    // Of a probe whose caller gave up nothing was learnt: the next request is one.
    if (ticket === this.#probe) this.#probe = undefined;
    // Rejects with the failure that it was told of.
    if (success !== undefined) this.#circuit?.fire(success).catch(ignore);
  }

  // ---- of the circuit ----

  opened(): void {
    const { name, config, counters } = this.#options;
    const { requests, failures } = this.window;
    const wasProbed = this.#state === 'halfOpen';
    this.#why = wasProbed ? 'it was tried and still fails' : `${failures} of ${requests} requests failed`;
    this.#enter('open');
    counters.opens.inc();
    log.warn(wasProbed ? 'circuit open again' : 'circuit open', {
      service: name,
      ...(wasProbed ? {} : { failures, requests, windowMs: config.windowMs }),
      resetTimeoutMs: config.resetTimeoutMs,
    });
  }

  halfOpened(): void {
    this.#enter('halfOpen');
    this.#options.counters.halfOpens.inc();
  }

  closed(): void {
    // A new window: with the failures of the old one the next failure would open it again.
    this.#begin('closed', true);
    this.#options.counters.closes.inc();
    log.info('circuit closed', { service: this.#options.name });
  }

  /** With nothing counted; `followsRequests` false: nothing will be. */
  #begin(state: CircuitState, followsRequests: boolean): void {
    const { circuits } = this.#options;
    const before = this.#circuit;
    this.#circuit = followsRequests ? circuits.make(this) : undefined;
    if (before) circuits.drop(before);
    this.#enter(state);
  }

  #enter(state: CircuitState): void {
    this.#state = state;
    this.#era += 1;
    this.#probe = undefined;
    if (state === 'open') this.#openedAt = this.#options.clock.now();
  }

  /** A probe that hangs must not keep the circuit half-open: after `resetTimeoutMs` another one is let through. */
  #mayProbe(): boolean {
    if (this.#state !== 'halfOpen') return false;
    const { clock, config } = this.#options;
    return this.#probe === undefined || clock.now() - this.#probedAt >= config.resetTimeoutMs;
  }

  // ---- refused ----

  #refuseOpen(): Refusal {
    const { name, config, clock, counters } = this.#options;
    counters.rejected.inc();
    if (this.#state === 'halfOpen') {
      return this.#refuse('circuit-open', `The circuit of ${name} is half-open: one request is trying the service.`, 0);
    }
    const sinceMs = this.#forced ? 0 : clock.now() - this.#openedAt;
    const message = `The circuit of ${name} is open: ${this.#why}.`;
    return this.#refuse('circuit-open', message, config.resetTimeoutMs - sinceMs);
  }

  #refuseFull(): Refusal {
    const { name, counters } = this.#options;
    counters.overCapacity.inc();
    const message = `${name} already has ${this.#capacity} requests under way, the capacity of its circuit breaker.`;
    return this.#refuse('circuit-full', message, 0);
  }

  #refuse(code: 'circuit-open' | 'circuit-full', message: string, waitMs: number): Refusal {
    const retryAfterMs = Math.max(1, Math.ceil(waitMs / 1000)) * 1000;
    const last = this.#refusal?.error;
    if (!this.#refusal || last?.message !== message || last.retryAfterMs !== retryAfterMs) {
      this.#refusal = { admitted: false, error: new GatewayError(code, message, { retryAfterMs }) };
    }
    return this.#refusal;
  }
}

function ignore(): void {}

class Ticket implements Admission {
  readonly admitted = true;
  readonly #breaker: OpossumBreaker;
  readonly #era: number;

  constructor(breaker: OpossumBreaker, era: number) {
    this.#breaker = breaker;
    this.#era = era;
  }

  ended(success: boolean | undefined): void {
    this.#breaker.ended(this, this.#era, success);
  }
}
