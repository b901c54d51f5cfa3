import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { awaitRoutes, missingRoutes } from '../../src/route-wait.js';
import { ManualClock } from '../support/manual-clock.js';
import { BookSource } from '../support/route-book.js';

function setUp(...pending: (string | undefined)[]) {
  const clock = new ManualClock();
  const sources = pending.map((one, i) => ({ kind: `test.${i}`, source: new BookSource('', one) }));
  let outcome: string | undefined;
  let isGivenUp = false;
  void awaitRoutes('http', sources, 10_000, clock, () => isGivenUp).then(
    () => {
      outcome = 'known';
    },
    (error: Error) => {
      outcome = error.message;
    },
  );
  return {
    sources: sources.map(({ source }) => source),
    linked: sources,
    giveUp: () => {
      isGivenUp = true;
    },
    after: async (ms: number): Promise<string | undefined> => {
      for (let waited = 0; waited < ms; waited += 20) {
        clock.advance(20);
        await new Promise((resolve) => setImmediate(resolve));
      }
      return outcome;
    },
  };
}

describe('wait for the routes of a reload', () => {
  it('starts every source, and ends when the last of them has routes', async () => {
    const { sources, after } = setUp('no list yet', undefined, 'no list yet');
    assert.deepEqual(
      sources.map(({ started }) => started),
      [1, 1, 1],
    );
    assert.equal(await after(1000), undefined);
    for (const source of sources) source.pending = undefined;
    assert.equal(await after(40), 'known');
  });

  it('is none where all have routes', async () => {
    assert.equal(await setUp(undefined).after(20), 'known');
    assert.equal(await setUp().after(20), 'known');
  });

  it('is given up after its time, with what is missing', async () => {
    const { after } = setUp('no answer of 10.0.0.1:443');
    assert.equal(await after(9_980), undefined);
    assert.equal(await after(40), 'after 10000 ms router http has no routes of test.0 yet: no answer of 10.0.0.1:443');
  });

  it('ends with the gateway', async () => {
    const { after, giveUp } = setUp('no list yet');
    giveUp();
    assert.equal(await after(40), 'known');
  });
});

describe('missing routes', () => {
  it('are one sentence for each source that has none', () => {
    const { linked } = setUp('a', undefined, 'b');
    assert.deepEqual(missingRoutes('edge', linked), [
      'router edge has no routes of test.0 yet: a',
      'router edge has no routes of test.2 yet: b',
    ]);
  });
});
