import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { configChanges } from '../../../src/cli/config-changes.js';

const BEFORE = {
  admin: { port: 9990 },
  routers: [{ protocol: 'http', dtab: '/svc => /a', servers: [{ port: 4140 }, { port: 4141 }] }],
};

function changed(routers: readonly unknown[], rest: object = { admin: { port: 9990 } }): readonly string[] {
  return configChanges(BEFORE, { ...rest, routers });
}

describe('config changes', () => {
  const [router] = BEFORE.routers;

  for (const [what, after, paths] of [
    ['nothing where only the order of keys is another', { routers: BEFORE.routers, admin: { port: 9990 } }, []],
    ['a value by its key path', { ...BEFORE, admin: { port: 9991 } }, ['admin.port']],
    ['a key that came', { ...BEFORE, admin: { port: 9990, ip: '::1' } }, ['admin.ip']],
    [
      'a key that is gone, behind those of the later file',
      { namers: [], routers: BEFORE.routers },
      ['namers', 'admin'],
    ],
    ['a map that became a list as one', { ...BEFORE, admin: [9990] }, ['admin']],
    ['a value that became a map as one', { ...BEFORE, admin: { port: { of: 9990 } } }, ['admin.port']],
    ['text apart from the number that it shows', { ...BEFORE, admin: { port: '9990' } }, ['admin.port']],
  ] as const) {
    test(`are ${what}`, () => assert.deepEqual(configChanges(BEFORE, after), paths));
  }

  test('are told as deep as the port of a server', () => {
    assert.deepEqual(changed([{ ...router, dtab: '/svc => /b', servers: [{ port: 4140 }, { port: 0 }] }]), [
      'routers[0].dtab',
      'routers[0].servers[1].port',
    ]);
  });

  test('are entries of a list that came or went', () => {
    assert.deepEqual(changed([router, { protocol: 'http', label: 'b' }]), ['routers[1]']);
    assert.deepEqual(changed([{ ...router, servers: [{ port: 4140 }] }]), ['routers[0].servers[1]']);
  });

  test('are told by the key that they are in where they lie deeper', () => {
    const client = (max: number) => ({ configs: [{ hostConnectionPool: { maxSize: max } }] });
    assert.deepEqual(configChanges({ routers: [{ client: client(1) }] }, { routers: [{ client: client(2) }] }), [
      'routers[0].client.configs[0]',
    ]);
  });

  test('are shown with keys that are no plain words in quotes', () => {
    assert.deepEqual(configChanges({ a: {} }, { a: { 'io.l5d.fs': 1 } }), ['a["io.l5d.fs"]']);
  });

  test('are counted where they are many', () => {
    const list = (n: number): unknown => ({
      namers: Array.from({ length: n }, (_, i) => ({ host: `host-${i}-of-${n}` })),
    });
    assert.equal(configChanges(list(20), { namers: [] }).length, 20);
    const many = configChanges(list(21), list(25));
    assert.deepEqual(
      [many.length, many[0], many[19], many[20]],
      [21, 'namers[0].host', 'namers[19].host', 'and 5 more'],
    );
  });

  test('are the whole where the whole is something else', () => {
    assert.deepEqual(configChanges({ a: 1 }, { a: 1 }), []);
    assert.deepEqual(configChanges(undefined, { a: 1 }), ['']);
  });
});
