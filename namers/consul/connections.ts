// Connections: who wants to ask Consul goes in, who may now comes out, so that one gateway never takes all the connections that
// an agent allows one address (`limits.http_max_conns_per_client`, 200; the 201st is closed at once).
//
// A blocking query holds a connection for as long as nothing changes. So there are seats for some of them, and who finds none
// asks again and again instead; plain queries take turns on a few connections of their own, which no blocking query can take.

/** Together 160 of the 200: the rest is for other programs on this machine, which count as the same address at a local agent. */
const SEATS = 112;
const TURNS = 48;

/** Of these for one datacenter: one that is cut off leaves its questions hanging, and others must still be answered. */
const TURNS_OF_ONE_DATACENTER = 16;

/** Between two questions of a watch without a seat. */
const POLL_MS = 1000;

/** Questions per second of all watches without a seat together. */
const POLLS_PER_SECOND = 100;

export class Seats {
  readonly #seats: number;
  #taken = 0;
  #watches = 0;

  constructor(seats = SEATS) {
    this.#seats = seats;
  }

  /** Blocking queries that are under way. */
  get taken(): number {
    return this.#taken;
  }

  /** Watches that run, with a seat or without. */
  get watches(): number {
    return this.#watches;
  }

  /** How long a watch without a seat is to wait before it asks again: the more there are, the longer. */
  get pollMs(): number {
    const without = Math.max(0, this.#watches - this.#seats);
    return Math.max(POLL_MS, (without * 1000) / POLLS_PER_SECOND);
  }

  /** Counts a watch in; the caller counts it out by the returned function. */
  enter(): () => void {
    this.#watches += 1;
    return () => {
      this.#watches -= 1;
    };
  }

  /**
   * Undefined when there is no seat; else the function that gives it back. Names that do not exist get at most half of all
   * seats: any caller can make up any number of them.
   */
  take(exists: boolean): (() => void) | undefined {
    if (this.#taken >= (exists ? this.#seats : this.#seats / 2)) return undefined;
    this.#taken += 1;
    return () => {
      this.#taken -= 1;
    };
  }
}

/** Questions again after a change, a second and at once, of all watches of a namer together. */
const RENEWALS_PER_SECOND = 100;
const RENEWALS_AT_ONCE = 50;

/**
 * A change costs a question and its answer, so a registry in which everything changes all the time could keep the gateway from its
 * requests. Beyond the limit watches wait their turn, and Consul folds what changes meanwhile into one answer.
 */
export class Renewals {
  /** When the next one is due; far in the past for as long as there are few. */
  #due = Number.NEGATIVE_INFINITY;

  /** Milliseconds to wait before asking again, 0 as a rule. `now` is `clock.now()`. */
  take(now: number): number {
    const intervalMs = 1000 / RENEWALS_PER_SECOND;
    const due = Math.max(this.#due, now - RENEWALS_AT_ONCE * intervalMs);
    this.#due = due + intervalMs;
    return Math.max(0, due - now);
  }
}

const GIVEN_UP = 'no longer wanted';

interface Waiting {
  readonly datacenter: string;
  readonly begin: () => void;
}

export class Turns {
  readonly #turns: number;
  readonly #turnsOfOne: number;
  readonly #waiting = new Set<Waiting>();
  readonly #running = new Map<string, number>();
  #total = 0;

  constructor(turns = TURNS, turnsOfOne = TURNS_OF_ONE_DATACENTER) {
    this.#turns = turns;
    this.#turnsOfOne = turnsOfOne;
  }

  /** Does `work` as soon as there is a turn; first come, first served. Rejects without doing it once `signal` is aborted. */
  async take<T>(datacenter: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (signal.aborted) throw new Error(GIVEN_UP);
    if (this.#isFull(datacenter)) await this.#wait(datacenter, signal);
    else this.#begin(datacenter);
    try {
      return await work();
    } finally {
      this.#end(datacenter);
    }
  }

  #isFull(datacenter: string): boolean {
    return this.#total >= this.#turns || (this.#running.get(datacenter) ?? 0) >= this.#turnsOfOne;
  }

  #wait(datacenter: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const give = (): void => {
        this.#waiting.delete(waiting);
        reject(new Error(GIVEN_UP));
      };
      const begin = (): void => {
        this.#waiting.delete(waiting);
        signal.removeEventListener('abort', give);
        this.#begin(datacenter);
        resolve();
      };
      const waiting: Waiting = { datacenter, begin };
      this.#waiting.add(waiting);
      signal.addEventListener('abort', give, { once: true });
    });
  }

  #begin(datacenter: string): void {
    this.#total += 1;
    this.#running.set(datacenter, (this.#running.get(datacenter) ?? 0) + 1);
  }

  #end(datacenter: string): void {
    this.#total -= 1;
    const left = (this.#running.get(datacenter) ?? 0) - 1;
    if (left > 0) this.#running.set(datacenter, left);
    else this.#running.delete(datacenter);
    for (const waiting of this.#waiting) {
      if (this.#total >= this.#turns) return;
      if (!this.#isFull(waiting.datacenter)) waiting.begin();
    }
  }
}
