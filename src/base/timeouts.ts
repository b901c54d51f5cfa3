// Timeouts: durations and calls in; the calls out when their time has come, by a timer or by whoever sees that timers are late.
//
// One timer for all timeouts of one duration, as most end before their time. Timers run between two turns of the event loop, which in
// an overload are long: `runDue` makes the calls that are due within a turn.

import type { Clock, TimerHandle } from './clock.js';

export class Timeouts {
  readonly #clock: Clock;
  readonly #lists = new Map<number, TimeoutList>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `callback` once, `ms` after what began `elapsedMs` ago. For durations of the configuration: each has a list of its own. */
  after(ms: number, elapsedMs: number, callback: () => void): TimerHandle {
    let list = this.#lists.get(ms);
    if (!list) {
      list = new TimeoutList(this.#clock, () => this.#lists.delete(ms));
      this.#lists.set(ms, list);
    }
    return list.add(this.#clock.now() + ms - elapsedMs, callback);
  }

  runDue(now: number): void {
    for (const list of this.#lists.values()) list.runDue(now);
  }
}

/** In a ring around its list, the next that is due first. */
class Timeout implements TimerHandle {
  readonly dueAt: number;
  readonly callback: () => void;
  previous: Timeout = this;
  next: Timeout = this;

  constructor(dueAt: number, callback: () => void) {
    this.dueAt = dueAt;
    this.callback = callback;
  }

  putAfter(previous: Timeout): void {
    this.previous = previous;
    this.next = previous.next;
    this.next.previous = this;
    previous.next = this;
  }

  cancel(): void {
    this.previous.next = this.next;
    this.next.previous = this.previous;
    this.previous = this;
    this.next = this;
  }
}

class TimeoutList {
  readonly #clock: Clock;
  readonly #emptied: () => void;
  readonly #ring = new Timeout(Number.NEGATIVE_INFINITY, () => {});
  #timer: TimerHandle | undefined;
  /** When the timer ends. What it was set for may be over by then. */
  #timerAt = Number.POSITIVE_INFINITY;

  /** `emptied`: nothing waits here any more. */
  constructor(clock: Clock, emptied: () => void) {
    this.#clock = clock;
    this.#emptied = emptied;
  }

  add(dueAt: number, callback: () => void): TimerHandle {
    const timeout = new Timeout(dueAt, callback);
    // Nearly always the last: what had waited before is due a little earlier than some that came before it.
    let previous = this.#ring.previous;
    while (previous.dueAt > dueAt) previous = previous.previous;
    timeout.putAfter(previous);
    if (dueAt < this.#timerAt) this.#schedule(dueAt);
    return timeout;
  }

  runDue(now: number): void {
    for (let first = this.#ring.next; first.dueAt <= now && first !== this.#ring; first = this.#ring.next) {
      first.cancel();
      first.callback();
    }
  }

  #schedule(dueAt: number): void {
    this.#timer?.cancel();
    this.#timerAt = dueAt;
    this.#timer = this.#clock.after(dueAt - this.#clock.now(), () => {
      this.#timer = undefined;
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.runDue(this.#clock.now());
      const first = this.#ring.next;
      if (first === this.#ring) this.#emptied();
      // One of the calls may have set it.
      else if (first.dueAt < this.#timerAt) this.#schedule(first.dueAt);
    });
  }
}
