import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Dentry, Dtab, EMPTY_DTAB, showDentry, showDtab, WILDCARD } from '../../../src/base/dtab.js';
import { parseDtab, parsePath } from '../../../src/base/name-grammar.js';
import { alt, mapNameTree, type NameTree, showNameTree } from '../../../src/base/name-tree.js';
import type { Path } from '../../../src/base/path.js';
import { commonDtab, commonPath } from '../../support/arbitrary-names.js';

describe('dtab lookup', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['', '/a', '~'],
    ['/a=>/b', '/a', '/b'],
    ['/a=>/b', '/a/x/y', '/b/x/y'],
    ['/a=>/b', '/ab', '~'],
    ['/a=>/b', '/A', '~'],
    ['/a/b=>/c', '/a', '~'],
    ['/=>/c', '/a/b', '/c/a/b'],
    ['/=>/c', '/', '/c'],
    ['/a=>/', '/a', '/'],
    ['/a/*/b=>/c', '/a/x/b/y', '/c/y'],
    ['/a/*/b=>/c', '/a/b', '~'],
    ['/*/*=>/c', '/a/b', '/c'],
    ['/*/*=>/c', '/a', '~'],
    ['/\\x2a=>/c', '/a', '~'],
    ['/\\x2a=>/c', '/\\x2a', '/c'],
    ['/a=>~', '/a', '~'],
    ['/a=>~ ; /a=>~', '/a', '~ | ~'],
    ['/a=>/b | ! | $ & ~', '/a/x', '/b/x | ! | $ & ~'],
    ['/a=>/1 ; /a=>/2 ; /a=>/3', '/a', '/3 | /2 | /1'],
    ['/a/b=>/long ; /a=>/short', '/a/b', '/short/b | /long'],
    ['/a=>/short ; /a/b=>/long', '/a/b', '/long | /short/b'],
    ['/a=>/1 ; /*=>/2 ; /=>/3 ; /b=>/4', '/a', '/3/a | /2 | /1'],
    ['/a=>/x|/y ; /a=>/z', '/a', '/z | (/x | /y)'],
  ];
  // The index answers from 17 dentries on: the same table behind dentries that never match must say the same.
  const ballast = Array.from({ length: 20 }, (_, i) => `/never/${i}=>!`).join(';');
  for (const [table, path, tree] of cases) {
    test(`of ${path} in ${table || 'an empty dtab'} is ${tree}`, () => {
      assert.equal(showNameTree(parseDtab(table).lookup(parsePath(path))), tree);
      assert.equal(showNameTree(parseDtab(`${ballast};${table}`).lookup(parsePath(path))), tree);
      assert.equal(showNameTree(parseDtab(ballast).concat(parseDtab(table)).lookup(parsePath(path))), tree);
    });
  }

  test('agrees with a plain walk over the dentries', () => {
    fc.assert(
      fc.property(commonDtab(40), commonPath, (dtab, path) => {
        assert.deepEqual(dtab.lookup(path), naiveLookup(dtab.dentries, path));
      }),
      { numRuns: 300 },
    );
  });

  test('tells which dentry made which tree', () => {
    const dtab = parseDtab('/a=>/1 ; /b=>/2 ; /a/x=>/3');
    const matches = dtab.lookupDentries(parsePath('/a/x/y'));
    assert.deepEqual(
      matches.map(({ dentry, rest }) => [showDentry(dentry), rest.show()]),
      [
        ['/a/x=>/3', '/y'],
        ['/a=>/1', '/x/y'],
      ],
    );
    assert.equal(matches[0]?.dentry, dtab.dentries[2]);
  });

  test('withstands a prefix and a path of 100,000 elements', () => {
    const dtab = parseDtab(`${'/*'.repeat(100_000)} => /deep ; ${'/n=>/m;'.repeat(20)}`);
    assert.equal(showNameTree(dtab.lookup(parsePath('/a'.repeat(100_000)))), '/deep');
  });
});

describe('dtab concatenation', () => {
  test('puts the other dtab last, so that it wins', () => {
    const joined = parseDtab('/a=>/1;/b=>/2').concat(parseDtab('/a=>/3'));
    assert.equal(showDtab(joined), '/a=>/1;/b=>/2;/a=>/3');
    assert.equal(showNameTree(joined.lookup(parsePath('/a'))), '/3 | /1');
  });

  test('with the empty dtab is the same dtab', () => {
    const dtab = parseDtab('/a=>/1');
    assert.equal(dtab.concat(EMPTY_DTAB), dtab);
    assert.equal(EMPTY_DTAB.concat(dtab), dtab);
    assert.equal(EMPTY_DTAB.isEmpty, true);
    assert.equal(dtab.isEmpty, false);
  });

  test('of any dtabs in any grouping looks up like one dtab', () => {
    fc.assert(
      fc.property(
        fc.array(commonDtab(20), { minLength: 1, maxLength: 6 }),
        fc.nat(5),
        commonPath,
        (dtabs, at, path) => {
          const join = (list: readonly Dtab[]): Dtab => list.reduce((a, b) => a.concat(b), EMPTY_DTAB);
          const joined = join(dtabs.slice(0, at)).concat(join(dtabs.slice(at)));
          const dentries = dtabs.flatMap((dtab) => dtab.dentries);
          assert.deepEqual(joined.dentries, dentries);
          assert.deepEqual(joined.lookup(path), naiveLookup(dentries, path));
        },
      ),
      { numRuns: 100 },
    );
  });

  test('of a small dtab to a big one does not read the big one again', () => {
    let reads = 0;
    const counted: Dentry[] = Array.from({ length: 1000 }, (_, i) => ({
      get prefix() {
        reads += 1;
        return ['svc', String(i)];
      },
      dst: { type: 'neg' },
    }));
    const base = new Dtab(counted);
    base.lookup(parsePath('/svc/7'));
    const toIndex = reads;
    assert.ok(toIndex >= 1000);
    for (let i = 0; i < 10; i++) {
      const effective = base.concat(parseDtab('/svc/7=>/mine'));
      assert.equal(showNameTree(effective.lookup(parsePath('/svc/7'))), '/mine | ~');
    }
    assert.ok(reads - toIndex < 50, `${reads - toIndex} further reads`);
  });
});

function naiveLookup(dentries: readonly Dentry[], path: Path): NameTree<Path> {
  const trees: NameTree<Path>[] = [];
  for (const { prefix, dst } of dentries.toReversed()) {
    if (prefix.length > path.size) continue;
    if (prefix.some((element, i) => element !== WILDCARD && element !== path.elements[i])) continue;
    trees.push(mapNameTree(dst, (leaf) => leaf.concat(path.drop(prefix.length))));
  }
  return alt(trees);
}
