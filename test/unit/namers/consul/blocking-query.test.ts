import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type BlockingQueryOptions, repeatBlockingQuery } from '../../../../namers/consul/blocking-query.js';
import type { ConsulAnswer, ConsulQuery } from '../../../../namers/consul/client.js';
import { Renewals, Seats } from '../../../../namers/consul/connections.js';
import { settled } from '../../../support/fake-host-resolver.js';
import { ManualClock } from '../../../support/manual-clock.js';

const QUERY: ConsulQuery = { path: '/v1/catalog/service/web', parameters: {}, datacenter: 'dc1' };

/** A client whose queries wait until the test answers them. */
class FakeClient {
  readonly seats = new Seats(2);
  readonly waitMs = 30_000;
  readonly renewals = new Renewals();
  /** `plain`, or the index that is waited on. */
  readonly asked: (string | number)[] = [];
  #answer: (answer: ConsulAnswer | Error) => void = () => {};

  ask(_query: ConsulQuery, signal: AbortSignal): Promise<ConsulAnswer> {
    return this.#asked('plain', signal);
  }

  block(_query: ConsulQuery, index: number, signal: AbortSignal): Promise<ConsulAnswer> {
    return this.#asked(index, signal);
  }

  /** Answers the last query with that index, or fails it. */
  async answer(index: number | Error | undefined): Promise<void> {
    const said =
      index instanceof Error ? index : { status: 200, body: Buffer.alloc(0), header: () => undefined, index };
    this.#answer(said);
    await settled();
  }

  #asked(what: string | number, signal: AbortSignal): Promise<ConsulAnswer> {
    if (signal.aborted) return Promise.reject(new Error('aborted'));
    this.asked.push(what);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => this.#answer(new Error('aborted'));
      signal.addEventListener('abort', onAbort);
      this.#answer = (answer) => {
        signal.removeEventListener('abort', onAbort);
        if (answer instanceof Error) reject(answer);
        else resolve(answer);
      };
    });
  }
}

describe('repeatBlockingQuery', () => {
  let clock: ManualClock;
  let client: FakeClient;
  let abort: AbortController;
  let answers: number;
  let running: Promise<void>;

  const begin = async (options: Partial<BlockingQueryOptions> = {}): Promise<void> => {
    const onAnswer = (): boolean => {
      answers += 1;
      return true;
    };
    running = repeatBlockingQuery({ client, query: QUERY, clock, signal: abort.signal, onAnswer, ...options });
    running.catch(() => {});
    await settled();
  };
  const later = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await settled();
  };

  beforeEach(() => {
    clock = new ManualClock();
    client = new FakeClient();
    abort = new AbortController();
    answers = 0;
  });
  afterEach(async () => {
    abort.abort();
    await running.catch(() => {});
    assert.equal(client.seats.taken, 0, 'a seat was kept');
    assert.equal(client.seats.watches, 0);
    assert.equal(clock.pendingTimers, 0);
  });

  it('asks plainly, then waits on the index of each answer', async () => {
    await begin();
    for (const index of [5, 9, 12]) {
      await client.answer(index);
      await later(10);
    }
    assert.deepEqual(client.asked, ['plain', 5, 9, 12]);
    assert.equal(answers, 3);
  });

  it('does not ask again within 10 ms', async () => {
    await begin();
    await client.answer(5);
    await later(9);
    assert.deepEqual(client.asked, ['plain']);
    await later(1);
    assert.deepEqual(client.asked, ['plain', 5]);
  });

  it('asks at once after an answer that took longer than that', async () => {
    await begin();
    clock.advance(30);
    await client.answer(5);
    assert.deepEqual(client.asked, ['plain', 5]);
  });

  it('asks plainly, and does not use the answer, when the index goes back', async () => {
    await begin();
    await client.answer(500);
    await later(10);
    await client.answer(3);
    await later(10);
    assert.equal(answers, 1);
    await client.answer(4);
    await later(10);
    assert.deepEqual(client.asked, ['plain', 500, 'plain', 4]);
  });

  it('asks once a second after answers without an index', async () => {
    await begin();
    await client.answer(undefined);
    await later(999);
    assert.deepEqual(client.asked, ['plain']);
    await later(1);
    await client.answer(5);
    await later(1000);
    assert.deepEqual(client.asked, ['plain', 'plain', 5]);
  });

  it('rejects with the failure of a plain query, to be begun anew without an index', async () => {
    await begin();
    await client.answer(5);
    await later(10);
    await client.answer(new Error('reset'));
    await later(10);
    await client.answer(new Error('refused'));
    await assert.rejects(running, /refused/);
    assert.deepEqual(client.asked, ['plain', 5, 'plain']);
  });

  it('rejects with what the answer is refused with', async () => {
    await begin({
      onAnswer: () => {
        throw new Error('not JSON');
      },
    });
    await client.answer(5);
    await assert.rejects(running, /not JSON/);
  });

  it('does ten rounds without waiting when two blocking queries in a row were lost, and then waits again', async () => {
    await begin();
    for (let lost = 0; lost < 2; lost++) {
      await client.answer(5);
      await later(10);
      await client.answer(new Error('lost'));
      await later(10);
    }
    assert.deepEqual(client.asked, ['plain', 5, 'plain', 5, 'plain']);
    for (let round = 0; round < 10; round++) {
      await client.answer(5);
      await later(1000);
      assert.equal(client.asked.at(-1), 'plain');
    }
    await client.answer(5);
    await later(10);
    assert.equal(client.asked.at(-1), 5);
  });

  it('does ten rounds without waiting when Consul, or what stands before it, does not wait either', async () => {
    await begin();
    for (const index of [5, 5, 5]) {
      await client.answer(index);
      await later(10);
    }
    assert.deepEqual(client.asked, ['plain', 5, 5]);
    await later(990);
    assert.deepEqual(client.asked, ['plain', 5, 5, 'plain']);
  });

  it('goes on waiting when nothing has changed for the whole wait', async () => {
    await begin();
    await client.answer(5);
    await later(10);
    for (let round = 0; round < 5; round++) {
      await later(30_000);
      await client.answer(5);
    }
    assert.deepEqual(client.asked, ['plain', 5, 5, 5, 5, 5, 5]);
  });

  it('asks once a second while there is no seat, and waits once there is one', async () => {
    const giveBack = [client.seats.take(true), client.seats.take(true)];
    await begin();
    await client.answer(5);
    await later(1000);
    await client.answer(5);
    for (const one of giveBack) one?.();
    await later(1000);
    await client.answer(5);
    await later(10);
    assert.deepEqual(client.asked, ['plain', 'plain', 'plain', 5]);
  });

  for (const [what, answers] of [
    ['asks', []],
    ['waits for its next turn', [undefined]],
    ['waits for a change', [5]],
  ] as const) {
    it(`ends when it is aborted while it ${what}, and asks no more`, async () => {
      await begin();
      for (const index of answers) {
        await client.answer(index);
        await later(10);
      }
      const { length } = client.asked;
      abort.abort();
      await running.catch(() => {});
      assert.equal(client.asked.length, length);
    });
  }
});
