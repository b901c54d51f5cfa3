import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { constant, failed, ok, PENDING, type State } from '../../../src/base/activity.js';
import { MetricsScope } from '../../../src/base/metrics.js';
import { parseDtab, parsePath } from '../../../src/base/name-grammar.js';
import { seededRandom } from '../../../src/base/random.js';
import { describeTraffic, takenNodes } from '../../../src/cli/traffic.js';
import { makeSystemNamer } from '../../../src/naming/built-in-namers.js';
import type { DelegateTree } from '../../../src/naming/delegate-tree.js';
import { makeDtabInterpreter } from '../../../src/naming/dtab-interpreter.js';
import { FakeHostResolver } from '../../support/fake-host-resolver.js';
import { ManualClock } from '../../support/manual-clock.js';

const system = makeSystemNamer({
  clock: new ManualClock(),
  random: seededRandom(1),
  metrics: new MetricsScope(),
  resolver: new FakeHostResolver(),
});

/** The delegation of `path` and what it is bound to, by the built-in namers. */
function walk(dtab: string, path = '/a') {
  const interpreter = makeDtabInterpreter({ dtab: constant(parseDtab(dtab)), namers: [], system });
  const tree = okValue(interpreter.delegate?.(parsePath(path), undefined).value);
  return { tree, binding: interpreter.bind(parseDtab(''), parsePath(path)).value };
}

function okValue<T>(state: State<T> | undefined): T {
  if (state?.state !== 'ok') assert.fail(`state is ${state?.state}`);
  return state.value;
}

/** The ends that are marked, in the order drawn: their number among the ends of the tree and their port. */
function taken(dtab: string): readonly string[] {
  const { tree, binding } = walk(dtab);
  const nodes = takenNodes(tree, okValue(binding));
  const ends = endsOf(tree);
  if (nodes.size > 0) assert.ok(nodes.has(tree), 'the root is on the way');
  return ends.flatMap((end, i) => (nodes.has(end) ? [`${i}:${end.path.replace('/$/inet/', '')}`] : []));
}

function endsOf(tree: DelegateTree): readonly DelegateTree[] {
  switch (tree.type) {
    case 'delegate':
      return endsOf(tree.delegate);
    case 'alt':
      return tree.alt.flatMap(endsOf);
    case 'union':
      return tree.union.flatMap((branch) => endsOf(branch.tree));
    default:
      return [tree];
  }
}

describe('traffic takes', () => {
  const cases: readonly (readonly [what: string, dtab: string, ends: readonly string[]])[] = [
    ['the only end', '/a => /$/inet/1', ['0:1']],
    ['the last dentry that matches', '/a => /$/inet/1 ; /a => /$/inet/2', ['0:2']],
    ['the first alternative that exists', '/a => ~ | /none | /$/inet/1 | /$/inet/2', ['2:1']],
    ['the first of two that end alike', '/a => /$/inet/1 | /$/inet/1', ['0:1']],
    ['all branches of a union', '/a => 3 * /$/inet/1 & /$/inet/2', ['0:1', '1:2']],
    ['the branches of a union that exist', '/a => /none & /$/inet/1 & ! & /$/inet/2', ['1:1', '3:2']],
    ['the alternative behind a union of nothing', '/a => /none & ! | /$/inet/1', ['2:1']],
    ['none behind a fail', '/a => ! | /$/inet/1', []],
    ['none behind an empty name', '/a => $ | /$/inet/1', []],
    ['no name that is not there', '/a => /none', []],
    [
      'not the alternative left out that ends as another branch does',
      '/a => (/$/inet/1 | /$/inet/2) & /$/inet/2',
      ['0:1', '2:2'],
    ],
    ['not what stands behind a fail in a branch', '/a => (! | /$/inet/2) & /$/inet/2', ['2:2']],
    ['not what stands behind an error in a branch', '/a => (/$/nothing | /$/inet/2) & /$/inet/2', ['2:2']],
  ];
  for (const [what, dtab, ends] of cases) {
    test(`${what}: ${dtab}`, () => assert.deepEqual(taken(dtab), ends));
  }

  test('the steps that lead to the end, and no others', () => {
    const { tree, binding } = walk('/a => /b | /c ; /c => /d ; /d => /$/inet/1 ; /b => /none');
    const nodes = takenNodes(tree, okValue(binding));
    assert.deepEqual(
      [...nodes].map(({ path }) => path),
      ['/$/inet/1', '/d', '/c', '/a'],
    );
  });
});

describe('traffic in words', () => {
  const cases: readonly (readonly [dtab: string, flows: boolean, text: string])[] = [
    ['/a => /$/inet/1', true, 'requests go to /$/inet/1'],
    ['/a => 2 * /$/inet/1 & /$/inet/2', true, 'requests go to 66.7% /$/inet/1, 33.3% /$/inet/2'],
    [
      '/a => 0.5 * (/$/inet/1 & 3 * /$/inet/2) & 0.5 * /$/inet/3',
      true,
      'requests go to 12.5% /$/inet/1, 37.5% /$/inet/2, 50% /$/inet/3',
    ],
    ['/a => 0 * /$/inet/1 & 0 * /$/inet/2', true, 'requests go to 50% /$/inet/1, 50% /$/inet/2'],
    ['/a => 0 * /$/inet/1 & /$/inet/2', true, 'requests go to 0% /$/inet/1, 100% /$/inet/2'],
    ['/a => /none & /$/inet/2', true, 'requests go to /$/inet/2'],
    ['/a => $ & /$/inet/2', true, 'requests go to 50% no endpoint (502), 50% /$/inet/2'],
    ['/a => $', false, 'requests go to no endpoint (502)'],
    ['/a => !', false, 'requests are answered 502: the name fails on purpose'],
    ['/a => /none', false, 'requests are answered 502: no such name'],
    ['/a => /$/nothing', false, 'requests are answered 502: Unknown namer: nothing for path: /$/nothing'],
    ['/a => /$/io.buoyant.http.status/404', true, 'requests go to /$/io.buoyant.http.status/404'],
    ['/a => /$/inet/99999', false, 'requests go to /$/inet/99999, which has no endpoint (502)'],
  ];
  for (const [dtab, flows, text] of cases) {
    test(dtab, () => assert.deepEqual(describeTraffic(walk(dtab).binding), { flows, text }));
  }

  test('a name that is not bound yet', () => {
    assert.deepEqual(describeTraffic(PENDING), { flows: false, text: 'requests wait: the name is not bound yet' });
  });

  test('a bind that failed', () => {
    const text = 'requests are answered 502: no quorum';
    assert.deepEqual(describeTraffic(failed(new Error('no quorum'))), { flows: false, text });
  });

  test('nothing, bound', () => {
    const text = 'requests are answered 502: no such name';
    assert.deepEqual(describeTraffic(ok({ type: 'neg' })), { flows: false, text });
  });
});
