import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parsePath } from '../../../src/base/name-grammar.js';
import { SettingsMemo, scopedSettings } from '../../../src/router/scoped-settings.js';

interface Keys {
  readonly size: number;
  readonly limitMs?: number;
  readonly pool: { readonly max?: number; readonly min?: number };
}

const base: Keys = { size: 1, pool: { max: 10 } };

function setUp(...configs: { readonly prefix: string; readonly keys: Partial<Keys> }[]) {
  const made: Keys[] = [];
  const settings = scopedSettings<Keys, Keys>({ base, configs }, (keys) => {
    made.push(keys);
    return keys;
  });
  return { made, of: (name: string): Keys => settings(parsePath(name)) };
}

describe('scoped settings', () => {
  it('are the base where no entry matches', () => {
    const { of } = setUp({ prefix: '/#/fs/web', keys: { size: 2 } });
    assert.deepEqual(of('/#/fs/other'), base);
    assert.deepEqual(of('/#/fs'), base);
  });

  it('apply all entries that match, in order, per key the later', () => {
    const { of } = setUp(
      { prefix: '/', keys: { size: 2, limitMs: 5 } },
      { prefix: '/#/fs', keys: { size: 3 } },
      { prefix: '/#/fs/web', keys: { limitMs: 7 } },
    );
    assert.deepEqual(of('/#/consul/web'), { ...base, size: 2, limitMs: 5 });
    assert.deepEqual(of('/#/fs/api'), { ...base, size: 3, limitMs: 5 });
    assert.deepEqual(of('/#/fs/web/residual'), { ...base, size: 3, limitMs: 7 });
  });

  it('replace sub-objects whole', () => {
    const { of } = setUp({ prefix: '/a', keys: { pool: { min: 1 } } });
    assert.deepEqual(of('/a').pool, { min: 1 });
  });

  it('match wildcards and captures of one element', () => {
    const { of } = setUp({ prefix: '/#/*/{service}/v2', keys: { size: 9 } });
    assert.equal(of('/#/fs/web/v2').size, 9);
    assert.equal(of('/#/fs/web/v1').size, 1);
    assert.equal(of('/#/fs/v2').size, 1);
  });

  it('are made once for all names that the same entries match', () => {
    const { made, of } = setUp({ prefix: '/a', keys: { size: 2 } }, { prefix: '/b', keys: { size: 2 } });
    assert.equal(of('/a/1'), of('/a/2'));
    assert.equal(of('/c'), of('/d'));
    assert.notEqual(of('/a'), of('/b'));
    assert.equal(made.length, 3);
  });
});

describe('scoped settings with a memo', () => {
  /** The settings of `name` in one configuration after another, each an entry per prefix. */
  function generations() {
    const memo = new SettingsMemo<Keys>();
    return (entries: Readonly<Record<string, Partial<Keys>>>, words = JSON.stringify) => {
      const configs = Object.entries(entries).map(([prefix, keys]) => ({ prefix, keys }));
      memo.renew();
      const settings = scopedSettings<Keys, Keys>(
        { base, configs },
        (keys) => keys,
        ['', ...configs.map((one) => words(one))],
        memo,
      );
      return (name: string): Keys => settings(parsePath(name));
    };
  }

  it('are the same object in the next configuration where the entries that match are in the same words', () => {
    const next = generations();
    const first = next({ '/a': { size: 2 }, '/b': { size: 3 } });
    const [a, b, other] = ['/a', '/b', '/c'].map(first);
    const second = next({ '/b': { size: 4 }, '/a': { size: 2 }, '/x': { size: 5 } });
    assert.equal(second('/a'), a);
    assert.equal(second('/c'), other);
    assert.deepEqual([b?.size, second('/b').size], [3, 4]);
  });

  it('are others where one more entry matches, or the same entries in another order', () => {
    const next = generations();
    const first = next({ '/': { size: 2 }, '/a': { size: 3 } })('/a/b');
    const more = next({ '/': { size: 2 }, '/a': { size: 3 }, '/a/b': { limitMs: 1 } })('/a/b');
    assert.notEqual(more, first);
    const reordered = next({ '/a': { size: 3 }, '/': { size: 2 } })('/a/b');
    assert.deepEqual([first.size, reordered.size], [3, 2]);
  });

  it('are others where the base is in other words', () => {
    const memo = new SettingsMemo<Keys>();
    const of = (size: number) =>
      scopedSettings<Keys, Keys>(
        { base: { ...base, size }, configs: [] },
        (keys) => keys,
        [`size: ${size}`],
        memo,
      )(parsePath('/a'));
    const one = of(1);
    assert.equal(of(2).size, 2);
    assert.equal(of(1), one);
  });

  it('are remembered over one configuration that nobody asks for them in, and forgotten after two', () => {
    const next = generations();
    const entries = { '/a': { size: 2 } };
    const first = next(entries)('/a');
    assert.equal(next(entries)('/a'), first);
    // Asked for the other names only.
    next(entries)('/b');
    next(entries)('/b');
    assert.notEqual(next(entries)('/a'), first);
  });

  it('are remembered for as long as each configuration asks for them', () => {
    const next = generations();
    const first = next({ '/a': { size: 2 } })('/a');
    for (let i = 0; i < 5; i++) assert.equal(next({ '/a': { size: 2 }, '/b': { size: i } })('/a'), first);
  });
});
