import assert from 'node:assert/strict';
import { test } from 'node:test';
import { effect, type Signal, signal } from '@preact/signals-core';
import { searchResidual } from '../../../../namers/zookeeper/residual-search.js';
import { ok, PENDING, type State } from '../../../../src/base/activity.js';
import { parsePath } from '../../../../src/base/name-grammar.js';
import { leaf, type NameTree, NEG, negBecause } from '../../../../src/base/name-tree.js';
import type { Path } from '../../../../src/base/path.js';
import type { Name } from '../../../../src/naming/namer.js';

const found = (path: Path, residual: Path): State<NameTree<Name>> =>
  ok(leaf<Name>({ type: 'path', path: path.concat(parsePath('/--')).concat(residual) }));

function search(path: string) {
  const asked = new Map<string, Signal<State<NameTree<Name>>> & { found: State<NameTree<Name>> }>();
  const tree = searchResidual(parsePath(path), (some, residual) => {
    const answer = Object.assign(signal<State<NameTree<Name>>>(PENDING), { found: found(some, residual) });
    asked.set(some.show(), answer);
    return answer;
  });
  let now = '';
  const stop = effect(() => {
    const { value } = tree;
    now = value.state !== 'ok' ? value.state : show(value.value);
  });
  return {
    asked: () => [...asked.keys()],
    /** Undefined: it is there. */
    answer: (some: string, state?: State<NameTree<Name>>) => {
      const answer = asked.get(some);
      assert.ok(answer, `${some} was not asked`);
      answer.value = state ?? answer.found;
    },
    now: () => now,
    stop,
  };
}

function show(tree: NameTree<Name>): string {
  if (tree.type === 'neg') return `neg ${tree.reasons?.map(({ message }) => message).join() ?? ''}`.trim();
  return tree.type === 'leaf' && tree.value.type === 'path' ? tree.value.path.show() : tree.type;
}

test('the whole path is asked first, shorter ones only when it is not there', () => {
  const { asked, answer, now, stop } = search('/a/b/c');
  assert.deepEqual(asked(), ['/a/b/c']);
  answer('/a/b/c', ok(NEG));
  answer('/a/b');
  assert.deepEqual(asked(), ['/a/b/c', '/a/b']);
  assert.equal(now(), '/a/b/--/c');
  stop();
});

test('a longer path takes over when it comes to be, and gives back when it goes', () => {
  const { answer, now, stop } = search('/a/b');
  answer('/a/b', ok(NEG));
  answer('/a');
  answer('/a/b');
  assert.equal(now(), '/a/b/--');
  answer('/a/b', ok(NEG));
  assert.equal(now(), '/a/--/b');
  stop();
});

test('nothing at all is Neg, and the root is never asked', () => {
  const { asked, answer, now, stop } = search('/a');
  answer('/a', ok(NEG));
  assert.equal(now(), 'neg');
  assert.deepEqual(asked(), ['/a']);
  stop();
  assert.equal(search('/').now(), 'neg');
});

test('what has never been answered does not hide what is known of a shorter path, and is told when there is none', () => {
  const { answer, now, stop } = search('/a/b');
  answer('/a/b', ok(negBecause(new Error('down'))));
  answer('/a');
  assert.equal(now(), '/a/--/b');
  answer('/a', ok(negBecause(new Error('down too'))));
  assert.equal(now(), 'neg down');
  stop();
});

test('a path of hundreds of elements costs no more than twenty watches', () => {
  const { asked, answer, stop } = search('/a'.repeat(300));
  for (let size = 20; size > 0; size--) answer('/a'.repeat(size), ok(NEG));
  assert.equal(asked().length, 20);
  stop();
});
