import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Closable } from '../../src/base/closable.js';
import { Parts, type PartsDraft } from '../../src/parts.js';

/** Parts by name, each of which notes when it is closed. */
function scene() {
  const closed: string[] = [];
  const made: string[] = [];
  const part = (name: string): Closable & { readonly name: string } => ({
    name,
    close: async () => {
      // Whoever closes the next one without waiting for this one gets the order wrong.
      await Promise.resolve();
      closed.push(name);
    },
  });
  const parts = new Parts();
  /** A draft that uses a part for each of `words`, which is called like them with the number of its making. */
  const draft = (...words: readonly string[]): { readonly draft: PartsDraft; readonly used: readonly string[] } => {
    const begun = parts.begin();
    const used = words.map(
      (one) =>
        begun.use(one, () => {
          made.push(one);
          return part(`${one}${made.length}`);
        }).name,
    );
    return { draft: begun, used };
  };
  /** Names of what is handed out to be closed. */
  const commit = ({ draft: begun }: { readonly draft: PartsDraft }): readonly string[] =>
    begun.commit().map((gone) => (gone as ReturnType<typeof part>).name);
  return { parts, draft, commit, part, closed };
}

describe('parts', () => {
  test('are used again by a draft that asks for them in the same words', () => {
    const { draft, commit } = scene();
    const first = draft('a', 'b');
    assert.deepEqual(commit(first), []);
    const second = draft('b', 'a', 'c');
    assert.deepEqual(
      [first.used, second.used],
      [
        ['a1', 'b2'],
        ['b2', 'a1', 'c3'],
      ],
    );
    assert.deepEqual(commit(second), []);
  });

  test('that a draft does not ask for are handed out when it is committed, those made last first', () => {
    const { draft, commit, closed } = scene();
    commit(draft('a', 'b', 'c'));
    assert.deepEqual(commit(draft('b', 'd')), ['c3', 'a1']);
    assert.deepEqual(closed, [], 'closing them is for who commits');
    assert.deepEqual(draft('a', 'b', 'd').used, ['a5', 'b2', 'd4'], 'what went is made anew');
  });

  test('listed twice in the same words are two, and stay the same two', () => {
    const { draft, commit } = scene();
    const first = draft('a', 'a', 'b');
    assert.deepEqual(first.used, ['a1', 'a2', 'b3']);
    commit(first);
    const second = draft('a', 'b', 'a', 'a');
    assert.deepEqual(second.used, ['a1', 'b3', 'a2', 'a4']);
    commit(second);
    assert.deepEqual(commit(draft('b', 'a')), ['a4', 'a2']);
  });

  test('tell which of them a draft made', () => {
    const { parts, part } = scene();
    const first = parts.begin();
    const old = first.use('a', () => part('a'));
    assert.ok(first.isNew(old));
    first.commit();
    const second = parts.begin();
    assert.equal(
      second.use('a', () => part('another a')),
      old,
    );
    assert.ok(!second.isNew(old));
    assert.ok(second.isNew(second.use('b', () => part('b'))));
  });

  test('in use stay in use when a draft is abandoned, and what it made is closed, last first', async () => {
    const { draft, commit, closed } = scene();
    commit(draft('a'));
    const refused = draft('a', 'b', 'c');
    await refused.draft.abandon();
    assert.deepEqual(closed, ['c3', 'b2']);
    assert.deepEqual(draft('a', 'b').used, ['a1', 'b4']);
  });

  test('of a draft whose making throws are closed by abandoning it, once', async () => {
    const { parts, draft, closed } = scene();
    const { draft: begun } = draft('a');
    assert.throws(
      () =>
        begun.use('b', () => {
          throw new Error('no such registry');
        }),
      /no such registry/,
    );
    await Promise.all([begun.abandon(), begun.abandon()]);
    await parts.close();
    assert.deepEqual(closed, ['a1']);
  });

  test('are closed all together in the end, one after the other, those asked for last first', async () => {
    const { parts, draft, commit, closed } = scene();
    commit(draft('a', 'b'));
    commit(draft('b', 'c', 'a'));
    await parts.close();
    await parts.close();
    assert.deepEqual(closed, ['a1', 'c3', 'b2']);
  });
});
