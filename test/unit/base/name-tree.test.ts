import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseNameTree } from '../../../src/base/name-grammar.js';
import {
  alt,
  evalNameTree,
  leaf,
  mapNameTree,
  type NameTree,
  showNameTree,
  simplifyNameTree,
  union,
} from '../../../src/base/name-tree.js';
import { treesOf } from '../../support/arbitrary-names.js';

describe('showNameTree', () => {
  for (const [text, shown] of [
    ['0.7*/a&0.3*/b|/c', '0.70*/a & 0.30*/b | /c'],
    ['/a & 2*/b', '/a & 2.00*/b'],
    ['1.00*/a & 1*/b', '/a & /b'],
    ['.333*/a & /b', '0.33*/a & /b'],
    ['.125*/a & .285*/b', '0.13*/a & 0.29*/b'],
    ['.005*/a & .0000001*/b', '0.01*/a & 0.00*/b'],
    ['0*/a & 1000000000000000000000000*/b', '0.00*/a & 999999999999999983222784.00*/b'],
    ['(/a | /b) & /c', '(/a | /b) & /c'],
    ['0.5*(/a & /b) & /c', '0.50*(/a & /b) & /c'],
    ['(/a | /b) | /c', '(/a | /b) | /c'],
    ['(/a & /b) | /c', '/a & /b | /c'],
    ['! | ~ | $', '! | ~ | $'],
    ['(/a)', '/a'],
  ] as const) {
    test(`shows ${text} as ${shown}`, () => assert.equal(showNameTree(parseNameTree(text)), shown));
  }
});

describe('simplifyNameTree', () => {
  for (const [text, simple] of [
    ['~ | /a | ~ | /b', '/a | /b'],
    ['~ | /a | ! | /b', '/a | !'],
    ['! | /a', '!'],
    ['~ | ~', '~'],
    ['/a | ~', '/a'],
    ['$ | /a', '$ | /a'],
    ['! & /a & ~ & $', '/a & $'],
    ['! & ~', '~'],
    ['0.3*/a & ~', '/a'],
    ['(~ | ~) | (/a | ~)', '/a'],
    ['0.3*(~ | /a) & 0.7*(! & /b)', '0.30*/a & 0.70*/b'],
    ['/a', '/a'],
    ['!', '!'],
    ['~', '~'],
    ['$', '$'],
  ] as const) {
    test(`makes ${text} into ${simple}`, () => {
      assert.equal(showNameTree(simplifyNameTree(parseNameTree(text))), simple);
    });
  }

  test('has nothing left to do the second time', () => {
    fc.assert(
      fc.property(treesOf(fc.nat(3)), (tree) => {
        const simple = simplifyNameTree(tree);
        assert.deepEqual(simplifyNameTree(simple), simple);
      }),
      { numRuns: 200 },
    );
  });
});

describe('evalNameTree', () => {
  const values = (text: string): readonly string[] | undefined => {
    const set = evalNameTree(mapNameTree(parseNameTree(text), (path) => path.show()));
    return set && [...set].sort();
  };
  for (const [text, expected] of [
    ['/a', ['/a']],
    ['~ | /a | /b', ['/a']],
    ['/a & /b & /a', ['/a', '/b']],
    ['/a & ~ & !', ['/a']],
    ['~ & !', undefined],
    ['(~ & !) | /a', ['/a']],
    ['! | /a', undefined],
    ['~ | ~', undefined],
    ['$ | /a', []],
    ['$', []],
    ['$ & /a', ['/a']],
    ['!', undefined],
    ['~', undefined],
  ] as const) {
    test(`takes ${text} for ${expected ? `{${expected.join(', ')}}` : 'none'}`, () =>
      assert.deepEqual(values(text), expected));
  }
});

test('a tree of no branch is Neg and a lone branch stands for itself', () => {
  const lone: NameTree<number> = leaf(1);
  assert.deepEqual(alt([]), { type: 'neg' });
  assert.deepEqual(union([]), { type: 'neg' });
  assert.equal(alt([lone]), lone);
  assert.equal(union([{ weight: 0.5, tree: lone }]), lone);
});
