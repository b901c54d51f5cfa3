import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Path, pathFromText } from '../../../src/base/path.js';
import { type Identifier, identifyFirst, PathMemo, Unidentified } from '../../../src/identifier/identifier.js';
import { ORIGIN } from '../../support/identify.js';
import { requestHead } from '../../support/requests.js';
import { usedHeap } from '../../support/used-heap.js';

const request = requestHead([]);
const web = pathFromText('web');
const name: Identifier = () => web;
const nobody =
  (reason: string): Identifier =>
  () =>
    new Unidentified(reason);
const notAsked: Identifier = () => assert.fail('asked');

describe('path memo', () => {
  const heads = (count: number): string[] =>
    Array.from({ length: count }, (_, i) => Buffer.alloc(64_000, `head ${i} `).toString('latin1').slice(0, 30));

  it('gives the same path for the same key, and forgets the oldest beyond its limit', () => {
    const memo = new PathMemo(web, { limit: 2 });
    let made = 0;
    const get = (key: string): Path =>
      memo.get(key, (text) => {
        made += 1;
        return pathFromText(text);
      });
    const a = get('a');
    assert.equal(a.show(), '/web/a');
    assert.equal(get('b').show(), '/web/b');
    assert.equal(get('a'), a);
    assert.equal(made, 2);
    get('c');
    assert.equal(get('b').show(), '/web/b');
    assert.equal(made, 3);
    assert.notEqual(get('a'), a);
  });

  it('keeps no head in memory that a key was cut out of', () => {
    const memo = new PathMemo(web);
    const before = usedHeap();
    const fill = (): void => heads(500).forEach((key) => void memo.get(key, (text) => new Path([text])));
    fill();
    const grown = usedHeap() - before;
    assert.ok(grown < 10_000_000, `${grown} bytes more, of 32 MB of heads`);
    assert.equal(memo.get(heads(1)[0] as string, () => assert.fail('forgotten')).size, 2);
  });
});

describe('list of identifiers', () => {
  it('answers with the first name and asks no further', () => {
    assert.equal(identifyFirst([nobody('a'), name, notAsked])(request, ORIGIN), web);
    assert.equal(identifyFirst([name, notAsked])(request, ORIGIN), web);
    assert.equal(identifyFirst([nobody('a'), nobody('b'), name])(request, ORIGIN), web);
  });

  it('answers with the last reason when none identifies', () => {
    const answer = identifyFirst([nobody('first'), nobody('last')])(request, ORIGIN);
    assert.ok(answer instanceof Unidentified);
    assert.equal(answer.reason, 'last');
  });

  it('does not ask later ones after a failure', () => {
    const bad: Identifier = () => {
      throw new Error('bad request');
    };
    assert.throws(() => identifyFirst([nobody('a'), bad, notAsked])(request, ORIGIN), { message: 'bad request' });
  });

  it('of one is that one, and of none is refused', () => {
    assert.equal(identifyFirst([name]), name);
    assert.throws(() => identifyFirst([]), RangeError);
  });
});
