import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { signal } from '@preact/signals-core';
import { ok } from '../../../src/base/activity.js';
import {
  ADDR_NEG,
  ADDR_PENDING,
  type Addr,
  addrBound,
  addrFailed,
  type Bound,
  makeAddress,
} from '../../../src/base/addr.js';
import type { Dentry } from '../../../src/base/dtab.js';
import { parseDtab, parsePath } from '../../../src/base/name-grammar.js';
import { leaf, NEG } from '../../../src/base/name-tree.js';
import { drawDelegation } from '../../../src/cli/draw-delegation.js';
import type { DelegateTree } from '../../../src/naming/delegate-tree.js';

function dentry(text: string): Dentry {
  return parseDtab(text).dentries[0] ?? assert.fail(text);
}

function bound(id: string, residual: string, addr: Addr): Bound {
  return { id: parsePath(id), residual: parsePath(residual), addr: signal(addr) };
}

function leafAt(path: string, end: Bound): DelegateTree {
  return { type: 'leaf', path, dentry: undefined, bound: end };
}

/** The lines above the closing one. */
function drawn(tree: DelegateTree, colours = false): string {
  return drawDelegation(tree, ok(NEG), colours).split('\n\n')[0] ?? '';
}

describe('drawing', () => {
  test('says what each end is', () => {
    const rule = dentry('/a => /x');
    const tree: DelegateTree = {
      type: 'alt',
      path: '/a',
      dentry: undefined,
      alt: [
        { type: 'neg', path: '/b', dentry: rule },
        { type: 'neg', path: '~', dentry: dentry('/a => ~') },
        { type: 'exception', path: '/c', dentry: undefined, message: 'Unknown namer: c for path: /c' },
        { type: 'fail', path: '!', dentry: undefined },
        { type: 'empty', path: '/d', dentry: undefined },
      ],
    };
    assert.equal(
      drawn(tree),
      `  /a  (the first that exists)
├── /b  (no such name)          ← /a => /x
├── ~  (no such name, by rule)  ← /a => ~
├── /c  (error: Unknown namer: c for path: /c)
├── !  (fails on purpose: nothing after it is tried)
└── /d  (exists without endpoints: nothing after it is tried)`,
    );
  });

  test('names a rule once for all that comes of it', () => {
    const rule = dentry('/a => 2 * /b & 0.5 * /c');
    const tree: DelegateTree = {
      type: 'union',
      path: '/a',
      dentry: rule,
      union: [
        { weight: 2, tree: { type: 'neg', path: '/b', dentry: rule } },
        { weight: 0.5, tree: { type: 'neg', path: '/c', dentry: rule } },
      ],
    };
    assert.equal(
      drawn(tree),
      `  /a  (split by weight)  ← /a => 2.00*/b & 0.50*/c
├── 2 * /b  (no such name)
└── 0.5 * /c  (no such name)`,
    );
  });

  test('keeps the arrows of short lines together beside a long one', () => {
    const tree: DelegateTree = {
      type: 'delegate',
      path: '/a',
      dentry: dentry('/x => /a'),
      delegate: { type: 'neg', path: `/${'b'.repeat(70)}`, dentry: dentry('/a => /b') },
    };
    assert.equal(drawn(tree), `  /a  ← /x => /a\n└── /${'b'.repeat(70)}  (no such name)  ← /a => /b`);
  });

  const ends: readonly (readonly [what: string, addr: Addr, lines: string])[] = [
    [
      'addresses',
      addrBound([makeAddress('10.0.0.1', 80), makeAddress('::1', 81, 2.5)]),
      '10.0.0.1:80\n  [::1]:81 * 2.5',
    ],
    ['no address', addrBound([]), 'no endpoints'],
    ['a name that ended', ADDR_NEG, 'no such host or service: no endpoints'],
    [
      'a failure',
      addrFailed(new Error('Cannot look up host "x": ETIMEOUT')),
      'no endpoints: Cannot look up host "x": ETIMEOUT',
    ],
    ['what is not known yet', ADDR_PENDING, 'endpoints not known yet'],
  ];
  for (const [what, addr, lines] of ends) {
    test(`shows ${what} below a leaf`, () => {
      assert.equal(drawn(leafAt('/#/a', bound('/#/a', '/', addr))), `  /#/a\n  ${lines}`);
    });
  }

  test('shows the bound id and the residual where the path does not tell them', () => {
    const end = bound('/#/a', '/b', addrBound([makeAddress('10.0.0.1', 80)]));
    assert.equal(drawn(leafAt('/#/a/b', end)), '  /#/a/b\n  bound to /#/a, residual /b\n  10.0.0.1:80');
  });

  test('shows the first 20 addresses and how many there are more', () => {
    const many = Array.from({ length: 23 }, (_, i) => makeAddress(`10.0.0.${i}`, 80));
    const lines = drawn(leafAt('/#/a', bound('/#/a', '/', addrBound(many)))).split('\n');
    assert.deepEqual([lines.length, lines[20], lines[21]], [22, '  10.0.0.19:80', '  and 3 more']);
  });

  test('shows the status that the gateway answers itself', () => {
    const end: Bound = { ...bound('/$/s/404', '/', addrBound([])), synthetic: { status: 404 } };
    assert.equal(drawn(leafAt('/$/s/404', end)), '  /$/s/404\n  no endpoint is asked: the gateway answers 404');
  });

  test('shows what a transformer did', () => {
    const before = bound('/#/a', '/', addrBound([]));
    const after = bound('/%/io.l5d.port/4141/#/a', '/', addrBound([makeAddress('10.0.0.1', 4141)]));
    const tree: DelegateTree = {
      type: 'transformation',
      path: '/#/a',
      name: 'io.l5d.port',
      bound: before,
      tree: leafAt('/%/io.l5d.port/4141/#/a', after),
    };
    assert.equal(
      drawDelegation(tree, ok(leaf(after)), false),
      `✓ /#/a  (transformed by io.l5d.port)
└─✓ /%/io.l5d.port/4141/#/a
    10.0.0.1:4141

✓ requests go to /%/io.l5d.port/4141/#/a
`,
    );
  });

  test('colours marks, rules and the last line, and nothing moves', () => {
    const end = bound('/#/b', '/', addrBound([makeAddress('10.0.0.1', 80)]));
    const rule = dentry('/a => /#/b');
    const tree: DelegateTree = {
      type: 'alt',
      path: '/a',
      dentry: undefined,
      alt: [{ ...leafAt('/#/b', end), dentry: rule } as DelegateTree, { type: 'neg', path: '/c', dentry: rule }],
    };
    const coloured = drawDelegation(tree, ok(leaf(end)), true);
    assert.equal(
      coloured,
      `\x1b[32m✓ \x1b[39m/a\x1b[2m  (the first that exists)\x1b[22m
├─\x1b[32m✓ \x1b[39m/#/b                \x1b[2m← /a => /#/b\x1b[22m
│   10.0.0.1:80
└── /c\x1b[2m  (no such name)\x1b[22m  \x1b[2m← /a => /#/b\x1b[22m

\x1b[32m✓ requests go to /#/b\x1b[39m
`,
    );
    assert.equal(coloured.replaceAll(/\x1b\[\d+m/g, ''), drawDelegation(tree, ok(leaf(end)), false));
    assert.match(drawDelegation(tree, ok(NEG), true), /\x1b\[31m✗ requests are answered 502: no such name\x1b\[39m\n$/);
  });
});
