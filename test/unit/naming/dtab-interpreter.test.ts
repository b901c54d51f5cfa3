import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { batch, computed, signal } from '@preact/signals-core';
import { constant, failed, observe, ok, PENDING, type State } from '../../../src/base/activity.js';
import { addrBound, type Bound, makeAddress } from '../../../src/base/addr.js';
import { type Dtab, EMPTY_DTAB } from '../../../src/base/dtab.js';
import { parseDtab, parsePath } from '../../../src/base/name-grammar.js';
import { FAIL, leaf, type NameTree, NEG } from '../../../src/base/name-tree.js';
import type { DelegateTree } from '../../../src/naming/delegate-tree.js';
import { makeDtabInterpreter } from '../../../src/naming/dtab-interpreter.js';
import type { Interpreter } from '../../../src/naming/interpreter.js';
import type { Name, Namer, SystemNamer } from '../../../src/naming/namer.js';
import { FakeNamer } from '../../support/fake-namer.js';

const system: SystemNamer = { lookup: () => constant<NameTree<Name>>(NEG) };

function makeInterpreter(dtab: string, ...namers: readonly Namer[]): Interpreter {
  return makeDtabInterpreter({ dtab: constant(parseDtab(dtab)), namers, system });
}

/** Watches a bind and keeps every state that it goes through, in short. */
function watch(interpreter: Interpreter, path: string, localDtab: Dtab = EMPTY_DTAB): { seen: string[]; stop(): void } {
  const seen: string[] = [];
  const stop = observe(interpreter.bind(localDtab, parsePath(path)), (state) => seen.push(show(state)));
  return { seen, stop };
}

function show(state: State<NameTree<Bound>>): string {
  if (state.state === 'pending') return 'pending';
  return state.state === 'failed' ? state.error.message : showTree(state.value);
}

function showTree(tree: NameTree<Bound>): string {
  if (tree.type === 'leaf') return tree.value.id.show();
  return tree.type === 'union' ? tree.branches.map((b) => `${b.weight}*${showTree(b.tree)}`).join(' & ') : tree.type;
}

describe('dtab interpreter', () => {
  test('asks the namer listed last first', () => {
    const [first, last] = [new FakeNamer('/#/n'), new FakeNamer('/#/n')];
    const [inFirst, inLast] = [first.exists('/web'), last.exists('/web')];
    const bound = makeInterpreter('', first, last).bind(EMPTY_DTAB, parsePath('/#/n/web'));
    const boundOf = (): Bound | undefined =>
      bound.value.state === 'ok' && bound.value.value.type === 'leaf' ? bound.value.value.value : undefined;
    assert.equal(boundOf(), inLast.bound);
    last.answers('/web', NEG);
    assert.equal(boundOf(), inFirst.bound);
  });

  test('binds with its own dtab and the local one after it', () => {
    const namer = new FakeNamer('/#/n');
    namer.exists('/own');
    namer.exists('/local');
    const interpreter = makeInterpreter('/svc=>/#/n/own', namer);
    assert.deepEqual(watch(interpreter, '/svc').seen, ['/#/n/own']);
    assert.deepEqual(watch(interpreter, '/svc', parseDtab('/svc=>/#/n/local')).seen, ['/#/n/local']);
    assert.deepEqual(watch(interpreter, '/svc', parseDtab('/svc=>/#/n/none')).seen, ['/#/n/own']);
  });

  test('is pending or failed while its dtab is, and follows its changes', () => {
    const namer = new FakeNamer('/#/n');
    namer.exists('/1');
    namer.exists('/2');
    const dtab = signal<State<Dtab>>(PENDING);
    const interpreter = makeDtabInterpreter({ dtab, namers: [namer], system });
    const { seen, stop } = watch(interpreter, '/svc');
    dtab.value = ok(parseDtab('/svc=>/#/n/1'));
    dtab.value = ok(parseDtab('/svc=>/#/n/2'));
    dtab.value = failed(new Error('store lost'));
    dtab.value = ok(EMPTY_DTAB);
    assert.deepEqual(seen, ['pending', '/#/n/1', '/#/n/2', 'store lost', 'neg']);
    stop();
    assert.equal(namer.entry('/2').tree.isWatched, false);
  });

  test('starts nothing until its answer is observed, and stops with the last observer', () => {
    const namer = new FakeNamer('/#/n');
    const { tree } = namer.exists('/web');
    const bound = makeInterpreter('/svc=>/#/n', namer).bind(EMPTY_DTAB, parsePath('/svc/web'));
    assert.equal(namer.lookups, 0);
    assert.equal(tree.started, 0);
    const [stop1, stop2] = [observe(bound, () => {}), observe(bound, () => {})];
    assert.equal(tree.started, 1);
    stop1();
    assert.equal(tree.isWatched, true);
    stop2();
    assert.equal(tree.isWatched, false);
  });

  test('does not close namers, which others may share', () => {
    const namer = new FakeNamer('/#/n');
    makeInterpreter('', namer).close();
    assert.equal(namer.closed, false);
  });
});

describe('dtab interpreter as namers change', () => {
  test('moves between alternatives as the first one comes and goes, watching only what it needs', () => {
    const namer = new FakeNamer('/#/n');
    const main = namer.answers('/main', NEG);
    const backup = namer.exists('/backup');
    const last = namer.exists('/last');
    const { seen, stop } = watch(makeInterpreter('/svc => /#/n/main | /#/n/backup | /#/n/last', namer), '/svc');
    assert.deepEqual(
      [main, backup, last].map((entry) => entry.tree.isWatched),
      [true, true, false],
    );
    namer.exists('/main');
    assert.deepEqual(
      [main, backup, last].map((entry) => entry.tree.isWatched),
      [true, false, false],
    );
    namer.answers('/main', NEG);
    assert.deepEqual(
      [main, backup, last].map((entry) => entry.tree.isWatched),
      [true, true, false],
    );
    namer.answers('/backup', NEG);
    namer.answers('/main', FAIL);
    assert.deepEqual(seen, ['/#/n/backup', '/#/n/main', '/#/n/backup', '/#/n/last', 'fail']);
    stop();
    assert.deepEqual(
      [main, backup, last].map((entry) => entry.tree.isWatched),
      [false, false, false],
    );
    assert.equal(main.tree.started, 1, 'the first alternative is watched throughout');
  });

  test('watches every branch of a union and takes each as it comes', () => {
    const namer = new FakeNamer('/#/n', { initial: PENDING });
    const { seen, stop } = watch(makeInterpreter('/svc => 3*/#/n/a & 1*/#/n/b', namer), '/svc');
    namer.fails('/b', new Error('trouble'));
    namer.exists('/a');
    namer.exists('/b');
    namer.answers('/a', NEG);
    assert.deepEqual(seen, ['pending', 'trouble', '/#/n/a', '3*/#/n/a & 1*/#/n/b', '/#/n/b']);
    stop();
  });

  test('says nothing of address changes, which are the bound name’s own', () => {
    const namer = new FakeNamer('/#/n');
    const entry = namer.exists('/web', '127.0.0.1:1');
    const { seen, stop } = watch(makeInterpreter('', namer), '/#/n/web');
    entry.addr.signal.value = addrBound([makeAddress('127.0.0.1', 2)]);
    assert.deepEqual(seen, ['/#/n/web']);
    assert.equal(entry.addr.started, 0, 'binding does not watch addresses');
    stop();
  });

  test('says nothing of changes that leave the answer as it was', () => {
    const namer = new FakeNamer('/#/n');
    const main = namer.answers('/main', NEG);
    const backup = namer.exists('/backup');
    const dtab = signal<State<Dtab>>(ok(parseDtab('/svc => /#/n/main | 1*/#/n/backup & 2*/#/n/backup')));
    const { seen, stop } = watch(makeDtabInterpreter({ dtab, namers: [namer], system }), '/svc');
    main.tree.signal.value = ok({ type: 'union', branches: [] });
    backup.tree.signal.value = ok(leaf({ type: 'bound', bound: { ...backup.bound } }));
    dtab.value = ok(parseDtab('/unrelated => /x ; /svc => /#/n/backup & 2*/#/n/backup'));
    assert.equal(seen.length, 1);
    dtab.value = ok(parseDtab('/svc => /#/n/backup & 3*/#/n/backup'));
    assert.equal(seen.length, 2, 'a weight is part of the answer');
    stop();
  });

  test('tells of the same name with another address signal', () => {
    const namer = new FakeNamer('/#/n');
    const entry = namer.exists('/web');
    const { seen, stop } = watch(makeInterpreter('', namer), '/#/n/web');
    entry.tree.signal.value = ok(leaf({ type: 'bound', bound: { ...entry.bound, addr: signal(addrBound([])) } }));
    assert.equal(seen.length, 2);
    stop();
  });

  test('binds again only the names that depend on what changed, once a change', () => {
    const namer = new FakeNamer('/#/n');
    const names = Array.from({ length: 50 }, (_, i) => `/s${i}`);
    for (const name of names) namer.exists(name);
    const interpreter = makeInterpreter('/svc => /#/n/fallback | /#/n/other ; /svc => /#/n', namer);
    const counts = new Map<string, number>();
    const stops = names.map((name) => {
      const bound = interpreter.bind(EMPTY_DTAB, parsePath(`/svc${name}`));
      return observe(bound, () => counts.set(name, (counts.get(name) ?? 0) + 1));
    });
    namer.lookups = 0;
    namer.answers('/s7', NEG);
    assert.equal(namer.lookups, 3, '/s7 itself, its fallback, and the alternative of that');
    batch(() => {
      namer.exists('/fallback');
      namer.exists('/other');
    });
    assert.equal(namer.lookups, 5, 'both changed and /s7 was bound once, to the fallback');
    for (const name of names) assert.equal(counts.get(name), name === '/s7' ? 3 : 1, name);
    for (const stop of stops) stop();
  });

  test('answers others that build on it', () => {
    const namer = new FakeNamer('/#/n');
    namer.exists('/web');
    const bound = makeInterpreter('', namer).bind(EMPTY_DTAB, parsePath('/#/n/web'));
    let runs = 0;
    const kind = computed(() => {
      runs += 1;
      return bound.value.state;
    });
    const stop = observe(kind, () => {});
    namer.exists('/web');
    assert.equal(runs, 1);
    namer.pends('/web');
    assert.equal(kind.value, 'pending');
    stop();
  });
});

describe('dtab interpreter delegation', () => {
  const typeOf = (state: State<DelegateTree> | undefined): string =>
    state?.state === 'ok' ? `${state.value.type} ${state.value.path}` : String(state?.state);

  test('walks its own dtab, or the one given instead of it', () => {
    const namer = new FakeNamer('/#/n');
    namer.exists('/web');
    const interpreter = makeInterpreter('/svc => /#/n', namer);
    assert.equal(typeOf(interpreter.delegate?.(parsePath('/svc/web'), undefined).value), 'delegate /svc/web');
    assert.equal(typeOf(interpreter.delegate?.(parsePath('/svc/web'), EMPTY_DTAB).value), 'neg /svc/web');
    assert.equal(typeOf(interpreter.delegate?.(parsePath('/a'), parseDtab('/a => /b | /c')).value), 'alt /a');
  });

  test('follows dtab and namers', () => {
    const namer = new FakeNamer('/#/n', { initial: PENDING });
    const dtab = signal<State<Dtab>>(PENDING);
    const interpreter = makeDtabInterpreter({ dtab, namers: [namer], system });
    const delegation = interpreter.delegate?.(parsePath('/#/n/web'), undefined);
    assert.ok(delegation);
    const seen: string[] = [];
    const stop = observe(delegation, (state) => seen.push(typeOf(state)));
    namer.exists('/web');
    dtab.value = ok(EMPTY_DTAB);
    namer.answers('/web', NEG);
    dtab.value = failed(new Error('lost'));
    assert.deepEqual(seen, ['pending', 'leaf /#/n/web', 'neg /#/n/web', 'failed']);
    stop();
    assert.equal(namer.entry('/web').tree.isWatched, false);
  });

  test('needs no dtab of its own when one is given', () => {
    const interpreter = makeDtabInterpreter({ dtab: signal(PENDING), namers: [], system });
    assert.equal(typeOf(interpreter.delegate?.(parsePath('/a'), EMPTY_DTAB).value), 'neg /a');
  });
});
