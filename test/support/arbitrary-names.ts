// fast-check arbitraries of paths, name trees and dtabs.

import fc from 'fast-check';
import { type Dentry, Dtab, type PrefixElement, WILDCARD } from '../../src/base/dtab.js';
import { alt, EMPTY, FAIL, leaf, type NameTree, NEG, union } from '../../src/base/name-tree.js';
import { Path } from '../../src/base/path.js';

/** Any bytes, mostly label characters. */
const anyElement = fc.oneof(
  { weight: 3, arbitrary: fc.stringMatching(/^[0-9A-Za-z_:.#$%-]{1,6}$/) },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 4 })
      .map((b) => String.fromCharCode(...b)),
  },
);

export const anyPath: fc.Arbitrary<Path> = fc.array(anyElement, { maxLength: 4 }).map((elements) => new Path(elements));

/** Trees over `leaves` as the grammar makes them: no lone branches, weights of two decimals. */
export function treesOf<T>(leaves: fc.Arbitrary<T>): fc.Arbitrary<NameTree<T>> {
  const weight = fc.integer({ min: 0, max: 1000 }).map((hundredths) => hundredths / 100);
  return fc.letrec<{ tree: NameTree<T> }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      { weight: 4, arbitrary: leaves.map(leaf) },
      { weight: 1, arbitrary: fc.constantFrom<NameTree<T>>(NEG, FAIL, EMPTY) },
      { weight: 2, arbitrary: fc.array(tie('tree'), { minLength: 2, maxLength: 3 }).map(alt) },
      {
        weight: 2,
        arbitrary: fc
          .array(fc.record({ weight, tree: tie('tree') }, { noNullPrototype: true }), { minLength: 2, maxLength: 3 })
          .map(union),
      },
    ),
  })).tree;
}

/** Any bytes anywhere. */
export const anyDtab: fc.Arbitrary<Dtab> = dtabOf({
  prefix: fc.array(fc.oneof(anyElement, fc.constant(WILDCARD)), { maxLength: 4 }),
  leaves: anyPath,
  maxLength: 5,
});

/** Few elements, so that prefixes match and names are found. */
const commonElement = fc.constantFrom('a', 'b', 'c', '#', 'n');

export const commonPath: fc.Arbitrary<Path> = fc
  .array(commonElement, { maxLength: 4 })
  .map((elements) => new Path(elements));

const commonPrefix = fc.array(
  fc.oneof({ weight: 3, arbitrary: commonElement }, { weight: 1, arbitrary: fc.constant(WILDCARD) }),
  { maxLength: 3 },
);

/** Dense enough to match often. Lookups are indexed from 17 dentries on. */
export function commonDtab(maxLength: number): fc.Arbitrary<Dtab> {
  return dtabOf({ prefix: commonPrefix, leaves: commonPath, maxLength });
}

export interface DtabArbitraryOptions {
  readonly prefix: fc.Arbitrary<readonly PrefixElement[]>;
  readonly leaves: fc.Arbitrary<Path>;
  readonly minLength?: number;
  readonly maxLength: number;
}

export function dtabOf({ prefix, leaves, minLength = 0, maxLength }: DtabArbitraryOptions): fc.Arbitrary<Dtab> {
  const dentry: fc.Arbitrary<Dentry> = fc.record({ prefix, dst: treesOf(leaves) }, { noNullPrototype: true });
  return fc.array(dentry, { minLength, maxLength }).map((dentries) => new Dtab(dentries));
}
