import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lowestInSequence, parseLeader, parseServers } from '../../../../namers/zookeeper/leader.js';

test('the leader is the child with the lowest sequence number, whatever comes before it', () => {
  assert.deepEqual(lowestInSequence(['member_0000000010', 'member_0000000009', 'member_0000000100']), [
    'member_0000000009',
  ]);
  assert.deepEqual(lowestInSequence(['_c_b-latch-0000000002', '_c_a-latch-0000000003']), ['_c_b-latch-0000000002']);
});

test('a group without sequence numbers has no leader', () => {
  assert.deepEqual(lowestInSequence([]), []);
  assert.deepEqual(lowestInSequence(['config', 'member_1']), []);
});

test('the content of a leader is one address or several', () => {
  const one = { host: '10.0.0.1', port: 80 };
  assert.deepEqual(parseLeader(Buffer.from('10.0.0.1:80')), [one]);
  assert.deepEqual(parseLeader(Buffer.from('10.0.0.1:80, [::1]:81 ,web.example:82')), [
    one,
    { host: '::1', port: 81 },
    { host: 'web.example', port: 82 },
  ]);
});

for (const [content, message] of [
  ['', /is not host:port/],
  ['10.0.0.1', /"10.0.0.1" is not host:port/],
  ['10.0.0.1:80,', /is not host:port/],
  ['10.0.0.1:70000', /port "70000" is not in 1-65535/],
  ['a b:80', /address "a b" is neither/],
] as const) {
  test(`the content ${JSON.stringify(content)} of a leader is refused`, () => {
    assert.throws(() => parseLeader(Buffer.from(content)), message);
  });
}

test('the servers of a zk.leader name are separated by double colons, with port 2181 unless there is one', () => {
  assert.deepEqual(parseServers('zk1:2182::zk2::10.0.0.1:2183'), [
    { host: 'zk1', port: 2182 },
    { host: 'zk2', port: 2181 },
    { host: '10.0.0.1', port: 2183 },
  ]);
  assert.throws(() => parseServers('zk1:x'), /port "x" is not in 1-65535/);
  assert.throws(() => parseServers('zk1::'), /is not host:port|neither/);
});
