// Blocking query: one query in, Consul's answers to it out, one now and one each time that something has changed.
//
// It rejects when Consul fails, and is begun anew by its watch, without an index: what an index means is lost with whatever
// gave it. Otherwise it ends when it is aborted.

import type { Clock } from '../../src/base/clock.js';
import { sleep } from '../shared/registry-watch.js';
import type { ConsulAnswer, ConsulClient, ConsulQuery } from './client.js';

export interface BlockingQueryOptions {
  readonly client: Pick<ConsulClient, 'ask' | 'block' | 'renewals' | 'seats' | 'waitMs'>;
  readonly query: ConsulQuery;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Says whether there is what was asked for. Throws for an answer that is none: the query then ends so. */
  readonly onAnswer: (answer: ConsulAnswer) => boolean;
}

/** A service that changes all the time must not be asked for all the time. */
const MIN_INTERVAL_MS = 10;

/** Blocking queries in vain in a row, while plain ones are answered, before some rounds are done without. */
const VAIN_LIMIT = 2;
const ROUNDS_WITHOUT = 10;

export async function repeatBlockingQuery(options: BlockingQueryOptions): Promise<void> {
  const leave = options.client.seats.enter();
  try {
    await new BlockingQuery(options).repeat();
  } finally {
    leave();
  }
}

class BlockingQuery {
  readonly #options: BlockingQueryOptions;
  #askedAt = Number.NEGATIVE_INFINITY;
  #inVain = 0;
  #roundsWithout = 0;
  #hasChanged = false;

  constructor(options: BlockingQueryOptions) {
    this.#options = options;
  }

  async repeat(): Promise<void> {
    const { signal, onAnswer } = this.#options;
    for (let answer = await this.#ask(); !signal.aborted; ) {
      answer = await this.#next(answer.index, onAnswer(answer));
    }
  }

  async #next(index: number | undefined, exists: boolean): Promise<ConsulAnswer> {
    const { client, clock, signal } = this.#options;
    const giveBack = index === undefined || this.#roundsWithout > 0 ? undefined : client.seats.take(exists);
    if (index === undefined || giveBack === undefined) {
      this.#roundsWithout = Math.max(0, this.#roundsWithout - 1);
      await sleep(client.seats.pollMs, clock, signal);
      return this.#ask();
    }
    try {
      const answer = await this.#block(index);
      // A lower index is one of a Consul that counts anew: it may be long before it gets as far as the old one.
      if (answer && (answer.index === undefined || answer.index >= index)) return answer;
    } finally {
      giveBack();
    }
    return this.#ask();
  }

  async #ask(): Promise<ConsulAnswer> {
    const { client, query, signal } = this.#options;
    await this.#pace();
    return client.ask(query, signal);
  }

  /**
   * Undefined when it was lost. That alone does not say that Consul is down: it may have as many connections as it takes, or
   * stand behind a proxy that ends idle ones. The plain query that follows tells.
   */
  async #block(index: number): Promise<ConsulAnswer | undefined> {
    const { client, query, clock, signal } = this.#options;
    if (this.#hasChanged) await sleep(client.renewals.take(clock.now()), clock, signal);
    await this.#pace();
    const answer = await client.block(query, index, signal).catch(() => undefined);
    this.#hasChanged = answer !== undefined && answer.index !== index;
    // A cache on the way, perhaps, that does not know what an index is: asked at once again, it would be asked for ever.
    const early = answer?.index === index && clock.now() - this.#askedAt < client.waitMs / 2;
    this.#inVain = answer && !early ? 0 : this.#inVain + 1;
    if (this.#inVain >= VAIN_LIMIT) this.#roundsWithout = ROUNDS_WITHOUT;
    return answer;
  }

  async #pace(): Promise<void> {
    const { clock, signal } = this.#options;
    const early = this.#askedAt + MIN_INTERVAL_MS - clock.now();
    if (early > 0) await sleep(early, clock, signal);
    this.#askedAt = clock.now();
  }
}
