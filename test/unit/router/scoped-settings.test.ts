import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parsePath } from '../../../src/base/name-grammar.js';
import { scopedSettings } from '../../../src/router/scoped-settings.js';

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
