import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServersetMember } from '../../../../namers/zookeeper/serverset-member.js';
import { parseServersetName, selectMembers } from '../../../../namers/zookeeper/serversets-namer.js';
import { bytesFromText } from '../../../../src/base/path.js';

const names: readonly (readonly [element: string, name: string, endpoint?: string | undefined, shard?: number])[] = [
  ['web', 'web'],
  ['web:http', 'web', 'http'],
  ['web#3', 'web', undefined, 3],
  ['web:http#3', 'web', 'http', 3],
  ['web#0', 'web', undefined, 0],
  ['a:b:c', 'a:b', 'c'],
  // What has not the form is part of the name: nodes may be called so.
  ['web#', 'web#'],
  ['web#x', 'web#x'],
  ['web:', 'web:'],
  [':http', ':http'],
  ['#3', '#3'],
  ['web#12345678901', 'web#12345678901'],
  [bytesFromText('größe:ö#1'), bytesFromText('größe'), 'ö', 1],
];
for (const [element, name, endpoint, shard] of names) {
  test(`serverset name ${element} is read (1.x bug 30)`, () => {
    assert.deepEqual(parseServersetName(element), { name, endpoint, shard });
  });
}

const member = (port: number, shard?: number, ...named: readonly string[]): ServersetMember => ({
  service: { host: 'h', port },
  named: new Map(named.map((name) => [name, { host: name, port }])),
  shard,
  key: '',
});
const SET = [member(1, 0, 'http'), member(2, 1, 'http', 'admin'), member(3)];

const selections: readonly (readonly [endpoint: string | undefined, shard: number | undefined, found: string[]])[] = [
  [undefined, undefined, ['h:1', 'h:2', 'h:3']],
  ['http', undefined, ['http:1', 'http:2']],
  ['admin', undefined, ['admin:2']],
  [undefined, 1, ['h:2']],
  ['http', 0, ['http:1']],
];
for (const [endpoint, shard, found] of selections) {
  test(`a serverset gives its members for endpoint ${endpoint} and shard ${shard}`, () => {
    const set = selectMembers(SET, endpoint, shard);
    assert.deepEqual(
      set?.endpoints.map(({ host, port }) => `${host}:${port}`),
      found,
    );
  });
}

test('a serverset without a member that fits is as good as none', () => {
  assert.equal(selectMembers(SET, 'grpc', undefined), undefined);
  assert.equal(selectMembers(SET, undefined, 7), undefined);
  assert.equal(selectMembers(SET, 'admin', 0), undefined);
  assert.equal(selectMembers([], undefined, undefined), undefined);
  assert.equal(selectMembers(undefined, undefined, undefined), undefined);
});
