import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { signal } from '@preact/signals-core';
import { constant, failed, ok, type State } from '../../../src/base/activity.js';
import type { Bound } from '../../../src/base/addr.js';
import { parseDtab, parsePath } from '../../../src/base/name-grammar.js';
import {
  alt,
  EMPTY,
  FAIL,
  leaf,
  type NameTree,
  NEG,
  negBecause,
  showNameTree,
  union,
} from '../../../src/base/name-tree.js';
import { bindPath } from '../../../src/naming/bind.js';
import type { Name, Namer, SystemNamer } from '../../../src/naming/namer.js';
import { FakeNamer } from '../../support/fake-namer.js';

/** Services /#/n/1 … /#/n/3 exist, /#/n/neg does not; the others are what they are called. */
function makeNamer(prefix = '/#/n'): FakeNamer {
  const namer = new FakeNamer(prefix);
  for (const name of ['/1', '/2', '/3']) namer.exists(name, '127.0.0.1:80');
  namer.answers('/neg', NEG);
  namer.answers('/fail', FAIL);
  namer.answers('/empty', EMPTY);
  namer.pends('/pending');
  namer.fails('/error', new Error('first trouble'));
  namer.fails('/error2', new Error('second trouble'));
  namer.answers('/down', negBecause(new Error('registry is down')));
  namer.answers('/down2', negBecause(new Error('so is this one')));
  return namer;
}

const NO_SYSTEM: SystemNamer = { lookup: () => constant<NameTree<Name>>(NEG) };

interface BindOptions {
  /** In the order in which they are asked. */
  readonly namers?: readonly Namer[];
  readonly system?: SystemNamer;
}

function bind(
  dtab: string,
  path: string,
  { namers = [makeNamer()], system = NO_SYSTEM }: BindOptions = {},
): State<NameTree<Bound>> {
  return bindPath({ dtab: parseDtab(dtab), namers, system }, parsePath(path));
}

/** `/#/n/1` for a leaf, with ` + /rest` where there is a residual; `pending`; the message of an error. */
function show(state: State<NameTree<Bound>>): string {
  if (state.state === 'pending') return 'pending';
  if (state.state === 'failed') return state.error.message;
  return showNameTree(mapBound(state.value));
}

function mapBound(tree: NameTree<Bound>): NameTree<{ show(): string }> {
  switch (tree.type) {
    case 'leaf': {
      const { id, residual } = tree.value;
      return leaf({ show: () => (residual.isEmpty ? id.show() : `${id.show()} + ${residual.show()}`) });
    }
    case 'union':
      return { type: 'union', branches: tree.branches.map(({ weight, tree }) => ({ weight, tree: mapBound(tree) })) };
    case 'alt':
      return assert.fail('a bound tree has no alternatives');
    default:
      return tree;
  }
}

function name(path: string): NameTree<Name> {
  return leaf({ type: 'path', path: parsePath(path) });
}

describe('bind', () => {
  const cases: readonly (readonly [what: string, dtab: string, path: string, bound: string])[] = [
    ['asks the namers when no dentry matches', '', '/#/n/1', '/#/n/1'],
    ['keeps the residual', '', '/#/n/1/a/b', '/#/n/1 + /a/b'],
    ['rewrites until a namer binds', '/svc=>/host;/host=>/#/n', '/svc/1/r', '/#/n/1 + /r'],
    ['is Neg for what nobody knows', '/svc=>/#/n', '/other/1', '~'],
    ['is Neg for the root', '', '/', '~'],
    ['is Neg for what the namer does not know', '/svc=>/#/n', '/svc/neg', '~'],
    ['lets a dentry match a namer path first', '/#/n/1=>/#/n/2', '/#/n/1', '/#/n/2'],
    ['asks the namers behind a bare Neg dentry', '/#/n/1=>~', '/#/n/1', '/#/n/1'],
    ['does not ask the namers behind two Neg dentries', '/#/n/1=>~;/#/n/1=>~', '/#/n/1', '~'],
    ['does not ask the namers behind a tree of Neg', '/#/n/1=>~ | ~', '/#/n/1', '~'],

    ['takes the last dentry first', '/s=>/#/n/1;/s=>/#/n/2', '/s', '/#/n/2'],
    ['falls back to an earlier dentry', '/s=>/#/n/1;/s=>/#/n/neg', '/s', '/#/n/1'],
    ['gives no priority to longer prefixes', '/s/a=>/#/n/1;/s=>/#/n/2', '/s/a', '/#/n/2 + /a'],
    ['takes the first alternative that is not Neg', '/s=>/#/n/neg | /#/n/2 | /#/n/1', '/s', '/#/n/2'],
    ['is Neg when all alternatives are', '/s=>/#/n/neg | ~ | /none', '/s', '~'],
    ['stops at Fail', '/s=>~ | ! | /#/n/1', '/s', '!'],
    ['stops at Fail that a namer answers', '/s=>/#/n/fail | /#/n/1', '/s', '!'],
    ['stops at Empty', '/s=>$ | /#/n/1', '/s', '$'],
    ['stops at Empty that a namer answers', '/s=>/#/n/empty | /#/n/1', '/s', '$'],
    ['stops at an error', '/s=>/#/n/error | /#/n/1', '/s', 'first trouble'],
    ['stops at what is pending', '/s=>/#/n/pending | /#/n/1', '/s', 'pending'],
    ['does not look behind the chosen alternative', '/s=>/#/n/1 | /#/n/error | /#/n/pending', '/s', '/#/n/1'],
    ['goes on behind a union that vanished', '/s=>/#/n/neg & ! | /#/n/1', '/s', '/#/n/1'],
    ['takes a union as an alternative', '/s=>~ | 2*/#/n/1 & /#/n/2 | /#/n/3', '/s', '2.00*/#/n/1 & /#/n/2'],

    ['binds every branch of a union', '/s=>0.7*/#/n/1 & 0.3*/#/n/2', '/s/r', '0.70*/#/n/1 + /r & 0.30*/#/n/2 + /r'],
    ['drops Neg and Fail from a union', '/s=>/#/n/1 & ~ & /#/n/fail & /#/n/2', '/s', '/#/n/1 & /#/n/2'],
    ['keeps Empty in a union', '/s=>/#/n/1 & $', '/s', '/#/n/1 & $'],
    ['makes a union of Neg and Fail into Neg', '/s=>/#/n/neg & !', '/s', '~'],
    ['leaves the one good branch of a union alone', '/s=>0.3*/#/n/1 & 0.7*/#/n/neg', '/s', '/#/n/1'],
    ['ignores an error beside a good branch', '/s=>/#/n/error & /#/n/1', '/s', '/#/n/1'],
    ['ignores what is pending beside a good branch', '/s=>/#/n/pending & /#/n/1', '/s', '/#/n/1'],
    ['counts Neg as good beside an error', '/s=>/#/n/error & ~', '/s', '~'],
    [
      'is the first error of a union without a good branch',
      '/s=>/#/n/pending & /#/n/error & /#/n/error2',
      '/s',
      'first trouble',
    ],
    ['is pending when a whole union is', '/s=>/#/n/pending & /#/n/pending', '/s', 'pending'],
    ['keeps a union within a union', '/s=>/#/n/1 & /t;/t=>2*/#/n/2 & /#/n/3', '/s', '/#/n/1 & (2.00*/#/n/2 & /#/n/3)'],
    ['resolves alternatives within a union', '/s=>0.5*(~ | /#/n/1) & /#/n/2', '/s', '0.50*/#/n/1 & /#/n/2'],
    ['keeps a weight of zero', '/s=>0*/#/n/1 & /#/n/2', '/s', '0.00*/#/n/1 & /#/n/2'],

    ['is Fail for Fail', '/s=>!', '/s', '!'],
    ['is Empty for Empty', '/s=>$', '/s', '$'],
    ['is the error of the namer', '/s=>/#/n/error', '/s', 'first trouble'],
    ['is pending while the namer is', '/s=>/#/n/pending', '/s', 'pending'],
  ];
  for (const [what, dtab, path, bound] of cases) {
    test(what, () => assert.equal(show(bind(dtab, path)), bound));
  }

  describe('behind a registry that has never answered', () => {
    const down: readonly (readonly [what: string, dst: string, bound: string, reasons: readonly string[]])[] = [
      ['is Neg, and says why', '/#/n/down', '~', ['registry is down']],
      ['tries the alternatives', '/#/n/down | /#/n/1', '/#/n/1', []],
      [
        'gathers the reasons of all alternatives',
        '/#/n/down | ~ | /#/n/down2',
        '~',
        ['registry is down', 'so is this one'],
      ],
      ['takes what is bound of a union', '9*/#/n/down & 1*/#/n/1', '/#/n/1', []],
      [
        'waits for a branch that is pending, not for the one that is down',
        '9*/#/n/down & /#/n/pending | /#/n/1',
        'pending',
        [],
      ],
      ['goes on behind a union that is all down', '/#/n/down & /#/n/down2 | /#/n/1', '/#/n/1', []],
      ['gathers the reasons of a union', '/#/n/down & /#/n/down2', '~', ['registry is down', 'so is this one']],
      [
        'keeps the reasons of a union with a branch that is Neg for good',
        '/#/n/down & /#/n/neg',
        '~',
        ['registry is down'],
      ],
      ['counts an error beside it as the error that it is', '/#/n/down & /#/n/error', 'first trouble', []],
      ['stops at Fail all the same', '/#/n/down | ! | /#/n/1', '!', []],
    ];
    for (const [what, dst, expected, reasons] of down) {
      test(what, () => {
        const bound = bind(`/s=>${dst}`, '/s');
        assert.equal(show(bound), expected);
        const told = bound.state === 'ok' && bound.value.type === 'neg' ? bound.value.reasons : [];
        assert.deepEqual(
          (told ?? []).map(({ message }) => message),
          reasons,
        );
      });
    }

    test('asks the next namer with the prefix too', () => {
      const [first, second] = [new FakeNamer('/#/n'), new FakeNamer('/#/n')];
      first.answers('/1', negBecause(new Error('first is down')));
      second.answers('/1', negBecause(new Error('second is down')));
      const bound = bind('', '/#/n/1', { namers: [first, second] });
      assert.ok(bound.state === 'ok' && bound.value.type === 'neg');
      assert.deepEqual(
        bound.value.reasons?.map(({ message }) => message),
        ['first is down', 'second is down'],
      );
    });
  });

  test('gives the namer what follows its prefix and the very bound name that it answers', () => {
    const namer = makeNamer();
    const bound = bind('/svc=>/#/n', '/svc/1', { namers: [namer] });
    assert.ok(bound.state === 'ok' && bound.value.type === 'leaf');
    assert.equal(bound.value.value, namer.entry('/1').bound);
  });

  test('asks the first namer first, whatever the length of its prefix, and the next one on Neg', () => {
    const [short, long] = [new FakeNamer('/#'), new FakeNamer('/#/n')];
    long.exists('/1');
    assert.equal(show(bind('', '/#/n/1', { namers: [short, long] })), '/#/n/1');
    assert.equal(short.lookups, 1);
    short.exists('/n');
    assert.equal(show(bind('', '/#/n/1', { namers: [short, long] })), '/#/n + /1');
    assert.equal(show(bind('', '/#/n/1', { namers: [long, short] })), '/#/n/1');
    assert.equal(show(bind('', '/#/n/2', { namers: [long, short] })), '/#/n + /2');
  });

  test('does not ask the next namer behind Fail, Empty, an error or a pending answer', () => {
    const later = new FakeNamer('/#/n');
    for (const service of ['fail', 'empty', 'error', 'pending']) {
      later.exists(`/${service}`);
      bind('', `/#/n/${service}`, { namers: [makeNamer(), later] });
    }
    assert.equal(later.lookups, 0);
  });

  test('does not ask a namer whose prefix is another', () => {
    const namer = new FakeNamer('/#/n');
    bind('', '/#/nn/1', { namers: [namer] });
    bind('', '/#', { namers: [namer] });
    assert.equal(namer.lookups, 0);
  });

  test('follows paths that a namer answers from the start, through the dtab', () => {
    const namer = makeNamer();
    namer.answers('/rewrite', alt([name('/none'), name('/svc/2')]));
    assert.equal(show(bind('/svc=>/#/n', '/#/n/rewrite', { namers: [namer] })), '/#/n/2');
    namer.answers(
      '/both',
      union([
        { weight: 1, tree: name('/svc/1') },
        { weight: 3, tree: name('/svc/2') },
      ]),
    );
    assert.equal(show(bind('/svc=>/#/n', '/#/n/both', { namers: [namer] })), '/#/n/1 & 3.00*/#/n/2');
  });

  test('binds trees of no branch or of one, which a namer may build by hand', () => {
    const namer = makeNamer();
    namer.answers('/none', { type: 'union', branches: [] });
    namer.answers('/one', { type: 'union', branches: [{ weight: 2, tree: name('/#/n/1') }] });
    namer.answers('/no-alt', { type: 'alt', trees: [] });
    assert.equal(show(bind('', '/#/n/none', { namers: [namer] })), '~');
    assert.equal(show(bind('', '/#/n/one', { namers: [namer] })), '/#/n/1');
    assert.equal(show(bind('', '/#/n/no-alt', { namers: [namer] })), '~');
  });

  test('is an error when a namer throws', () => {
    const broken: Namer = {
      prefix: parsePath('/#/n'),
      lookup: () => {
        throw new Error('thrown');
      },
      close() {},
    };
    assert.equal(show(bind('/s=>/#/n/1 | $', '/s', { namers: [broken] })), 'thrown');
  });

  describe('asks the system namer', () => {
    const asked: string[] = [];
    const system: SystemNamer = {
      lookup: (path) => {
        asked.push(path.show());
        return path.show() === '/$/unknown' ? constant<NameTree<Name>>(NEG) : constant<NameTree<Name>>(name('/#/n/1'));
      },
    };

    test('last, for paths that begin with $, with the whole path', () => {
      assert.equal(show(bind('/s=>/$/inet', '/s/1', { system })), '/#/n/1');
      assert.deepEqual(asked.splice(0), ['/$/inet/1']);
      assert.equal(show(bind('/s=>/$/unknown | $', '/s', { system })), '$');
      assert.deepEqual(asked.splice(0), ['/$/unknown']);
    });

    test('not for other paths', () => {
      assert.equal(show(bind('', '/a/$', { system })), '~');
      assert.equal(show(bind('', '/#/$', { system, namers: [] })), '~');
      assert.deepEqual(asked, []);
    });

    test('after a namer that has a $ prefix', () => {
      const own = new FakeNamer('/$/inet');
      own.exists('/1');
      assert.equal(show(bind('', '/$/inet/1', { system, namers: [own] })), '/$/inet/1');
      assert.deepEqual(asked, []);
      assert.equal(show(bind('', '/$/inet/2', { system, namers: [own, makeNamer()] })), '/#/n/1');
      assert.deepEqual(asked.splice(0), ['/$/inet/2']);
    });

    test('and an unknown name there is an error, not Neg', () => {
      const failing: SystemNamer = { lookup: () => constantFailure('Unknown namer: x for path: /$/x') };
      assert.equal(show(bind('/s=>/$/x | /#/n/1', '/s', { system: failing })), 'Unknown namer: x for path: /$/x');
    });
  });
});

describe('bind depth', () => {
  const DEPTH_ERROR = 'Max recursion level: 100 reached in Namer lookup';

  function chain(rewrites: number): string {
    const steps = Array.from({ length: rewrites }, (_, i) => `/s${i} => ${i + 1 < rewrites ? `/s${i + 1}` : '/#/n/1'}`);
    return steps.join(';');
  }

  test('allows 99 rewrites and the namer', () => {
    assert.equal(show(bind(chain(99), '/s0')), '/#/n/1');
  });

  test('ends in an error at 100 rewrites', () => {
    assert.equal(show(bind(chain(100), '/s0')), DEPTH_ERROR);
  });

  test('error beats the alternatives after it', () => {
    assert.equal(show(bind('/loop=>/loop;/s=>/loop | /#/n/1', '/s')), DEPTH_ERROR);
  });

  test('error of one branch of a union is ignored like any other', () => {
    assert.equal(show(bind('/loop=>/loop;/s=>/loop & /#/n/1', '/s')), '/#/n/1');
  });

  test('ends a dentry that captures its own output', () => {
    assert.equal(show(bind('/=>/#/n', '/1')), DEPTH_ERROR);
    assert.equal(show(bind('/*=>/#/n', '/1')), DEPTH_ERROR);
  });

  test('counts what namers answer as well', () => {
    const namer = makeNamer();
    namer.answers('/again', name('/#/n/again'));
    assert.equal(show(bind('', '/#/n/again', { namers: [namer] })), DEPTH_ERROR);
  });
});

describe('bind of a hostile dtab', () => {
  test('ends soon when each step doubles the names', () => {
    const start = cpuMs();
    assert.match(show(bind('/a => /a & /a', '/a')), /^Max recursion level|expands into more than 10000 names/);
    assert.match(show(bind('/a => /a/x & /a/y', '/a')), /^Max recursion level|expands into more than 10000 names/);
    const doubling = Array.from({ length: 40 }, (_, i) => `/d${i} => /d${i + 1} | /d${i + 1}`).join(';');
    assert.match(show(bind(doubling, '/d0')), /^Cannot look up "\/d\d+": the dtab expands into more than 10000 names$/);
    assert.ok(cpuMs() - start < 5000);
  });

  test('ends soon when each step brings many names that are never looked at', () => {
    const wide = (target: string): string => Array(9000).fill(target).join(' & ');
    const start = cpuMs();
    assert.equal(
      show(bind(`/a => ${wide('/b')} ; /b => ! | ${wide('/c')}`, '/a/x')),
      'Cannot look up "/b/x": the dtab expands into more than 10000 names',
    );
    assert.ok(cpuMs() - start < 5000);
  });

  test('ends soon when each step makes the path longer', () => {
    assert.equal(
      show(bind(`/a => /a${'/x'.repeat(600)} & /a${'/y'.repeat(600)}`, '/a')),
      `Cannot look up "/a${'/x'.repeat(9)}/…": it has more than 1000 elements`,
    );
  });

  test('does not exhaust the stack when it nests at every step', () => {
    const nest = (depth: number): string => (depth === 0 ? '/a' : `(${nest(depth - 1)} | ~)`);
    assert.equal(
      show(bind(`/a => ${nest(100)}`, '/a')),
      'Cannot look up "/a": the dtab nests more than 1000 alternatives and unions',
    );
  });

  test('leaves room for a name of a thousand alternatives', () => {
    const many = Array.from({ length: 1000 }, () => '/s => /none').join(';');
    assert.equal(show(bind(`/s => /#/n/1;${many}`, '/s')), '/#/n/1');
  });
});

/** Milliseconds of processor time: without its limits each of these binds would take years. */
function cpuMs(): number {
  return process.cpuUsage().user / 1000;
}

function constantFailure(message: string): ReturnType<SystemNamer['lookup']> {
  return signal(failed(new Error(message)));
}

test('a namer that answers ok(NEG) and one that is absent are the same to bind', () => {
  assert.deepEqual(bind('', '/#/n/neg'), ok(NEG));
  assert.deepEqual(bind('', '/#/n/neg', { namers: [] }), ok(NEG));
});
