import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { signal } from '@preact/signals-core';
import type { State } from '../../../src/base/activity.js';
import type { Bound } from '../../../src/base/addr.js';
import { addrBound } from '../../../src/base/addr.js';
import { parsePath } from '../../../src/base/name-grammar.js';
import type { NameTree } from '../../../src/base/name-tree.js';
import { EMPTY_PATH } from '../../../src/base/path.js';
import { backendOf, makeBackendTransformer, withoutRealm } from '../../../src/router/realm.js';

describe('realm of a bound id', () => {
  for (const [id, backend, bare] of [
    ['/#/io.l5d.fs/web', undefined, '/#/io.l5d.fs/web'],
    ['/%/io.l5d.port/80/#/io.l5d.fs/web', undefined, '/%/io.l5d.port/80/#/io.l5d.fs/web'],
    ['/%/linkgate.backend/https/#/io.l5d.fs/web', 'https', '/#/io.l5d.fs/web'],
    ['/%/linkgate.external/#/io.l5d.fs/web', undefined, '/#/io.l5d.fs/web'],
    ['/%/linkgate.external/0a1b2c3d/$/inet/10.0.0.1/80', undefined, '/$/inet/10.0.0.1/80'],
    ['/%/linkgate.backend/grpc/%/linkgate.external/#/io.l5d.fs/web', 'grpc', '/#/io.l5d.fs/web'],
    [
      '/%/linkgate.backend/grpc/%/linkgate.external/%/io.l5d.port/80/#/io.l5d.fs/web',
      'grpc',
      '/%/io.l5d.port/80/#/io.l5d.fs/web',
    ],
    ['/%/linkgate.backend/https', 'https', '/%/linkgate.backend/https'],
    ['/#/linkgate.backend/https/#/x', undefined, '/#/linkgate.backend/https/#/x'],
  ] as const) {
    it(`${id} is ${bare} of backend ${backend}`, () => {
      assert.equal(backendOf(parsePath(id)), backend);
      assert.equal(withoutRealm(parsePath(id)).show(), bare);
    });
  }

  it('of a backend has the addresses of the name that it is made of', () => {
    const addr = signal(addrBound([]));
    const bound: Bound = { id: parsePath('/#/fake/web'), residual: EMPTY_PATH, addr };
    const state: State<NameTree<Bound>> = makeBackendTransformer('grpcs').transform(bound);
    assert.ok(state.state === 'ok' && state.value.type === 'leaf');
    assert.equal(state.value.value.id.show(), '/%/linkgate.backend/grpcs/#/fake/web');
    assert.equal(state.value.value.addr, addr);
  });
});
