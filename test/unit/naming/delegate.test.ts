import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { signal } from '@preact/signals-core';
import fc from 'fast-check';
import { type Activity, constant, failed, ok, PENDING, type State } from '../../../src/base/activity.js';
import {
  ADDR_NEG,
  ADDR_PENDING,
  type Addr,
  addrBound,
  addrFailed,
  type Bound,
  makeAddress,
} from '../../../src/base/addr.js';
import { showDentry, WILDCARD } from '../../../src/base/dtab.js';
import { parseDtab, parsePath } from '../../../src/base/name-grammar.js';
import { EMPTY, FAIL, leaf, type NameTree, NEG } from '../../../src/base/name-tree.js';
import { EMPTY_PATH, Path } from '../../../src/base/path.js';
import { bindPath } from '../../../src/naming/bind.js';
import { delegatePath } from '../../../src/naming/delegate.js';
import { addrJson, type DelegateTree, delegateTreeJson } from '../../../src/naming/delegate-tree.js';
import type { Name, SystemNamer } from '../../../src/naming/namer.js';
import { dtabOf } from '../../support/arbitrary-names.js';
import { FakeNamer } from '../../support/fake-namer.js';

/** Knows /$/inet/<host>/<port>, /$/fail and /$/nil; anything else there is unknown. */
const system: SystemNamer = {
  lookup(path): Activity<NameTree<Name>> {
    switch (path.elements[1]) {
      case 'inet': {
        const bound = {
          id: path.take(4),
          residual: path.drop(4),
          addr: signal(addrBound([makeAddress('127.0.0.1', 8080)])),
        };
        return constant<NameTree<Name>>(leaf({ type: 'bound', bound }));
      }
      case 'fail':
        return constant<NameTree<Name>>(FAIL);
      case 'nil':
        return constant<NameTree<Name>>(EMPTY);
      default:
        return signal(failed(new Error(`Unknown namer: ${path.elements[1]} for path: ${path.show()}`)));
    }
  },
};

function makeNamer(): FakeNamer {
  const namer = new FakeNamer('/#');
  namer.exists('/n', '127.0.0.1:80');
  namer.fails('/error', new Error('error namer'));
  namer.answers('/fail', FAIL);
  namer.answers('/empty', EMPTY);
  namer.pends('/pending');
  return namer;
}

function delegate(dtab: string, path: string, namer = makeNamer()): State<DelegateTree> {
  return delegatePath({ dtab: parseDtab(dtab), namers: [namer], system }, parsePath(path));
}

/** One line a node: type, path, dentry, and what the type adds; children indented. */
function outline(state: State<DelegateTree>): readonly string[] {
  if (state.state === 'pending') return ['pending'];
  if (state.state === 'failed') return [`failed: ${state.error.message}`];
  return lines(state.value, '');
}

function lines(tree: DelegateTree, indent: string, prefix = ''): readonly string[] {
  assert.ok(tree.type !== 'transformation');
  const dentry = tree.dentry ? ` [${showDentry(tree.dentry)}]` : '';
  const line = `${indent}${prefix}${tree.type} ${tree.path}${dentry}`;
  const deeper = `${indent}  `;
  switch (tree.type) {
    case 'delegate':
      return [line, ...lines(tree.delegate, deeper)];
    case 'alt':
      return [line, ...tree.alt.flatMap((child) => lines(child, deeper))];
    case 'union':
      return [line, ...tree.union.flatMap(({ weight, tree: child }) => lines(child, deeper, `${weight}*`))];
    case 'leaf':
      return [
        `${line} = ${tree.bound.id.show()}${tree.bound.residual.isEmpty ? '' : ` + ${tree.bound.residual.show()}`}`,
      ];
    case 'exception':
      return [`${line}: ${tree.message}`];
    default:
      return [line];
  }
}

describe('delegate', () => {
  test("shows every alternative of Linkerd's example", () => {
    const dtab =
      '/beh => /#/error ; /bah/humbug => /$/inet/127.1/8080 ; /foo => /bah | /beh | /$/fail ; /foo => /bar ; /boo => /foo';
    assert.deepEqual(outline(delegate(dtab, '/boo/humbug')), [
      'delegate /boo/humbug',
      '  alt /foo/humbug [/boo=>/foo]',
      '    neg /bar/humbug [/foo=>/bar]',
      '    delegate /bah/humbug [/foo=>/bah | /beh | /$/fail]',
      '      leaf /$/inet/127.1/8080 [/bah/humbug=>/$/inet/127.1/8080] = /$/inet/127.1/8080',
      '    delegate /beh/humbug [/foo=>/bah | /beh | /$/fail]',
      '      exception /#/error/humbug [/beh=>/#/error]: error namer',
      '    fail /$/fail/humbug [/foo=>/bah | /beh | /$/fail]',
    ]);
  });

  const cases: readonly (readonly [what: string, dtab: string, path: string, outline: readonly string[]])[] = [
    ['of what nobody knows is neg', '', '/a/b', ['neg /a/b']],
    ['of a namer path is its leaf, without a dentry', '', '/#/n/r', ['leaf /#/n/r = /#/n + /r']],
    ['of one rewrite is a delegate', '/s=>/#/n', '/s/r', ['delegate /s/r', '  leaf /#/n/r [/s=>/#/n] = /#/n + /r']],
    ['shows a literal ~', '/s=>~', '/s', ['delegate /s', '  neg ~ [/s=>~]']],
    ['shows a literal !', '/s=>!', '/s', ['delegate /s', '  fail ! [/s=>!]']],
    ['shows a literal $ under its path', '/s=>$', '/s/r', ['delegate /s/r', '  empty /s/r [/s=>$]']],
    ['shows the path of a system failure', '/s=>/$/fail', '/s/r', ['delegate /s/r', '  fail /$/fail/r [/s=>/$/fail]']],
    [
      'keeps a step to Fail of the same path',
      '/$/fail=>!',
      '/$/fail',
      ['delegate /$/fail', '  fail /$/fail [/$/fail=>!]'],
    ],
    ['shows Fail of a namer as !', '/s=>/#/fail', '/s', ['delegate /s', '  fail ! [/s=>/#/fail]']],
    ['shows Empty of a namer', '/s=>/$/nil', '/s', ['delegate /s', '  empty /$/nil [/s=>/$/nil]']],
    [
      'goes on behind Fail, Empty and leaves, where bind stops',
      '/s=>/#/n;/s=>! | $ | /#/error',
      '/s',
      [
        'alt /s',
        '  fail ! [/s=>! | $ | /#/error]',
        '  empty /s [/s=>! | $ | /#/error]',
        '  exception /#/error [/s=>! | $ | /#/error]: error namer',
        '  leaf /#/n [/s=>/#/n] = /#/n',
      ],
    ],
    [
      'folds the delegate to an alternative of the same path',
      '/s=>/a | /b',
      '/s',
      ['alt /s', '  neg /a [/s=>/a | /b]', '  neg /b [/s=>/a | /b]'],
    ],
    [
      'flattens alternatives within alternatives of the same path',
      '/s=>/a | (/b | (/c | /d))',
      '/s',
      ['alt /s', ...['/a', '/b', '/c', '/d'].map((path) => `  neg ${path} [/s=>/a | (/b | (/c | /d))]`)],
    ],
    [
      'keeps alternatives of another path in their place',
      '/s=>/a | /b;/a=>/c | /d',
      '/s',
      [
        'alt /s',
        '  alt /a [/s=>/a | /b]',
        '    neg /c [/a=>/c | /d]',
        '    neg /d [/a=>/c | /d]',
        '  neg /b [/s=>/a | /b]',
      ],
    ],
    [
      'shows weights',
      '/s=>0.7*/#/n & 0.3*/x',
      '/s',
      ['union /s', '  0.7*leaf /#/n [/s=>0.70*/#/n & 0.30*/x] = /#/n', '  0.3*neg /x [/s=>0.70*/#/n & 0.30*/x]'],
    ],
    [
      'shows an unknown system namer as an exception',
      '/s=>/$/nope | /#/n',
      '/s',
      [
        'alt /s',
        '  exception /$/nope [/s=>/$/nope | /#/n]: Unknown namer: nope for path: /$/nope',
        '  leaf /#/n [/s=>/$/nope | /#/n] = /#/n',
      ],
    ],
    [
      'shows what the namers say behind a bare ~, as bind asks them',
      '/#/n=>~',
      '/#/n/r',
      ['alt /#/n/r', '  neg ~ [/#/n=>~]', '  leaf /#/n/r = /#/n + /r'],
    ],
    ['is pending while any namer is', '/s=>/#/n | /#/pending', '/s', ['pending']],
    ['fails as a whole when too deep', '/loop=>/loop;/s=>/#/n | /loop', '/s', ['failed: Max recursion level reached.']],
    [
      'fails when too deep even beside something pending',
      '/loop=>/loop;/s=>/#/pending | /loop',
      '/s',
      ['failed: Max recursion level reached.'],
    ],
    [
      'fails as a whole when too large',
      Array.from({ length: 40 }, (_, i) => `/d${i} => /d${i + 1} | /d${i + 1}`).join(';'),
      '/d0',
      ['failed: Cannot look up "/d38": the dtab expands into more than 10000 names'],
    ],
  ];
  for (const [what, dtab, path, expected] of cases) {
    test(what, () => assert.deepEqual(outline(delegate(dtab, path)), expected));
  }

  test('allows 99 rewrites and the namer, not one more', () => {
    const chain = (rewrites: number): string =>
      Array.from({ length: rewrites }, (_, i) => `/s${i} => ${i + 1 < rewrites ? `/s${i + 1}` : '/#/n'}`).join(';');
    assert.equal(
      outline(delegate(chain(99), '/s0'))
        .at(-1)
        ?.trim(),
      'leaf /#/n [/s98=>/#/n] = /#/n',
    );
    assert.deepEqual(outline(delegate(chain(100), '/s0')), ['failed: Max recursion level reached.']);
  });

  test('follows paths that a namer answers', () => {
    const namer = makeNamer();
    namer.answers('/rewrite', leaf({ type: 'path', path: parsePath('/s/1') }));
    assert.deepEqual(outline(delegate('/s=>/#/n;/r=>/#/rewrite', '/r', namer)), [
      'delegate /r',
      '  delegate /s/1 [/r=>/#/rewrite]',
      '    leaf /#/n/1 [/s=>/#/n] = /#/n + /1',
    ]);
  });

  test('makes choices of none or one, which a namer may build by hand, into neg and delegate', () => {
    const namer = makeNamer();
    const one: NameTree<Name> = leaf({ type: 'path', path: parsePath('/#/n') });
    namer.answers('/a0', { type: 'alt', trees: [] });
    namer.answers('/a1', { type: 'alt', trees: [one] });
    namer.answers('/u0', { type: 'union', branches: [] });
    namer.answers('/u1', { type: 'union', branches: [{ weight: 3, tree: one }] });
    assert.deepEqual(outline(delegate('', '/#/a0', namer)), ['neg /#/a0']);
    assert.deepEqual(outline(delegate('', '/#/a1', namer)), ['delegate /#/a1', '  leaf /#/n = /#/n']);
    assert.deepEqual(outline(delegate('', '/#/u0', namer)), ['neg /#/u0']);
    assert.deepEqual(outline(delegate('', '/#/u1', namer)), ['delegate /#/u1', '  leaf /#/n = /#/n']);
  });

  test('does not exhaust the stack when a dtab nests at every step', () => {
    const nest = (depth: number): string => (depth === 0 ? '/a' : `(${nest(depth - 1)} | ~)`);
    assert.deepEqual(outline(delegate(`/a => ${nest(100)}`, '/a')), [
      'failed: Cannot look up "/a": the dtab nests more than 1000 alternatives and unions',
    ]);
  });
});

describe('delegate and bind', () => {
  test('tell the same story of any dtab', () => {
    const namer = new FakeNamer('/#', { initial: ok(NEG) });
    namer.exists('/n', '127.0.0.1:80');
    namer.exists('/a', '127.0.0.1:80');
    namer.answers('/b', FAIL);
    namer.answers('/c', EMPTY);
    // Names made of few elements, most leaves in the namer: or nearly every dtab would be Neg or too deep.
    const element = fc.constantFrom('a', 'b', 'c');
    const name = fc.array(element, { minLength: 1, maxLength: 3 }).map((elements) => new Path(elements));
    const named = fc.constantFrom('/#/n', '/#/a', '/#/b', '/#/c', '/#/d').map(parsePath);
    const dtabs = dtabOf({
      prefix: fc.array(fc.oneof({ weight: 4, arbitrary: element }, { weight: 1, arbitrary: fc.constant(WILDCARD) }), {
        minLength: 1,
        maxLength: 2,
      }),
      leaves: fc.oneof({ weight: 3, arbitrary: named }, { weight: 1, arbitrary: name }),
      minLength: 2,
      maxLength: 6,
    });
    let compared = 0;
    let chose = 0;
    fc.assert(
      fc.property(dtabs, name, (dtab, path) => {
        const tables = { dtab, namers: [namer], system };
        const bound = bindPath(tables, path);
        const delegation = delegatePath(tables, path);
        // A bind may not come to the branch that is too deep; a delegation comes to all.
        if (delegation.state !== 'ok') return;
        assert.equal(bound.state, 'ok');
        if (bound.state !== 'ok') return;
        compared += 1;
        if (bound.value.type !== 'neg') chose += 1;
        const told = chosen(delegation.value);
        assert.deepEqual(shape(told), shape(bound.value));
        const all = new Set(leavesOf(delegation.value));
        for (const id of boundIds(bound.value)) assert.ok(all.has(id), `${id} is a leaf of the delegation`);
      }),
      { numRuns: 300 },
    );
    assert.ok(compared > 60 && chose > 20, `${compared} of 300 were comparable, ${chose} of them not Neg`);
  });
});

/** What bind would choose, read off the delegate tree by the rules of alternatives and unions alone. */
function chosen(tree: DelegateTree): NameTree<Bound> {
  switch (tree.type) {
    case 'delegate':
      return chosen(tree.delegate);
    case 'alt':
      return tree.alt.map(chosen).find((branch) => branch.type !== 'neg') ?? NEG;
    case 'union': {
      const branches = tree.union
        .map((branch) => ({ weight: branch.weight, tree: chosen(branch.tree) }))
        .filter((branch) => branch.tree.type !== 'neg' && branch.tree.type !== 'fail');
      if (branches.length === 0) return NEG;
      return branches.length === 1 ? (branches[0]?.tree ?? NEG) : { type: 'union', branches };
    }
    case 'leaf':
      return leaf(tree.bound);
    case 'neg':
      return NEG;
    case 'fail':
      return FAIL;
    case 'empty':
      return EMPTY;
    default:
      return assert.fail(`no ${tree.type} was to be expected`);
  }
}

function shape(tree: NameTree<Bound>): unknown {
  switch (tree.type) {
    case 'leaf':
      return [tree.value.id.show(), tree.value.residual.show()];
    case 'union':
      return tree.branches.map((branch) => [branch.weight, shape(branch.tree)]);
    default:
      return tree.type;
  }
}

function boundIds(tree: NameTree<Bound>): readonly string[] {
  if (tree.type === 'leaf') return [tree.value.id.show()];
  return tree.type === 'union' ? tree.branches.flatMap((branch) => boundIds(branch.tree)) : [];
}

function leavesOf(tree: DelegateTree): readonly string[] {
  switch (tree.type) {
    case 'delegate':
      return leavesOf(tree.delegate);
    case 'alt':
      return tree.alt.flatMap(leavesOf);
    case 'union':
      return tree.union.flatMap((branch) => leavesOf(branch.tree));
    case 'leaf':
      return [tree.bound.id.show()];
    default:
      return [];
  }
}

describe('delegate tree JSON', () => {
  function json(state: State<DelegateTree>): string {
    assert.ok(state.state === 'ok');
    const document = delegateTreeJson(state.value);
    assert.ok(document.state === 'ok');
    return JSON.stringify(document.value);
  }

  test('has the fields of each type in their order, absent ones left out', () => {
    const dtab = '/s => /#/n & 3*/x ; /s => /#/error | ! | $ | ~ ; /t => /s';
    const older = '"dentry":{"prefix":"/s","dst":"/#/n & 3.00*/x"}';
    const newer = '"dentry":{"prefix":"/s","dst":"/#/error | ! | $ | ~"}';
    const addr = '{"type":"bound","addrs":[{"ip":"127.0.0.1","port":80,"meta":{}}],"meta":{}}';
    assert.equal(
      json(delegate(dtab, '/t/r')),
      `{"type":"delegate","path":"/t/r","delegate":${[
        `{"type":"alt","path":"/s/r","dentry":{"prefix":"/t","dst":"/s"},"alt":[`,
        `{"type":"exception","path":"/#/error/r",${newer},"message":"error namer"},`,
        `{"type":"fail","path":"!",${newer}},`,
        `{"type":"empty","path":"/s/r",${newer}},`,
        `{"type":"neg","path":"~",${newer}},`,
        `{"type":"union","path":"/s/r",${older},"union":[`,
        `{"weight":1,"tree":{"type":"leaf","path":"/#/n/r",${older},"bound":{"addr":${addr},"id":"/#/n","path":"/r"}}},`,
        `{"weight":3,"tree":{"type":"neg","path":"/x/r",${older}}}`,
        ']}]}',
      ].join('')}}`,
    );
  });

  test('of a leaf without a residual says that its path is the root', () => {
    assert.match(json(delegate('', '/#/n')), /"id":"\/#\/n","path":"\/"\}\}$/);
  });

  test('shows wildcards and the root as prefixes', () => {
    assert.match(json(delegate('/*/b => ~', '/a/b')), /"dentry":\{"prefix":"\/\*\/b","dst":"~"\}/);
    assert.match(json(delegate('/ => !', '/')), /"dentry":\{"prefix":"\/","dst":"!"\}/);
  });

  test('of a transformation has the name before and the tree after, and no dentry', () => {
    const bound = (id: string): Bound => ({ id: parsePath(id), residual: EMPTY_PATH, addr: signal<Addr>(ADDR_NEG) });
    const after: DelegateTree = { type: 'leaf', path: '/s', dentry: undefined, bound: bound('/%/t/#/n') };
    assert.equal(
      json(ok({ type: 'transformation', path: '/s', name: 'Port', bound: bound('/#/n'), tree: after })),
      '{"type":"transformation","path":"/s","name":"Port","bound":{"addr":{"type":"neg"},"id":"/#/n","path":"/"},' +
        '"tree":{"type":"leaf","path":"/s","bound":{"addr":{"type":"neg"},"id":"/%/t/#/n","path":"/"}}}',
    );
  });

  test('waits until the addresses of every leaf are known', () => {
    const namer = makeNamer();
    const entry = namer.exists('/late');
    entry.addr.signal.value = ADDR_PENDING;
    const tree = delegate('/s=>/#/n | 2*/#/late & /$/nil', '/s', namer);
    assert.ok(tree.state === 'ok');
    assert.deepEqual(delegateTreeJson(tree.value), PENDING);
    entry.addr.signal.value = addrFailed(new Error('gone'));
    assert.match(json(tree), /"addr":\{"type":"failed","cause":"gone"\}/);
  });

  test('of addresses says which of the four answers it is', () => {
    assert.deepEqual(addrJson(ADDR_NEG), { type: 'neg' });
    assert.deepEqual(addrJson(ADDR_PENDING), { type: 'pending' });
    assert.deepEqual(addrJson(addrFailed(new Error('why'))), { type: 'failed', cause: 'why' });
    assert.deepEqual(addrJson(addrBound([], { ttl: 3 })), { type: 'bound', addrs: [], meta: { ttl: 3 } });
    assert.equal(
      JSON.stringify(
        addrJson(addrBound([makeAddress('::1', 1, 2.5, { authority: 'a' }), makeAddress('10.0.0.1', 65535)])),
      ),
      '{"type":"bound","addrs":[{"ip":"::1","port":1,"meta":{"authority":"a","endpoint_addr_weight":2.5}},' +
        '{"ip":"10.0.0.1","port":65535,"meta":{}}],"meta":{}}',
    );
  });
});
