import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { signal } from '@preact/signals-core';
import {
  allMarkedHosts,
  makePublishing,
  markedHosts,
  samePublishedHosts,
} from '../../../../namers/shared/marked-hosts.js';
import { failed, ok, PENDING, type State } from '../../../../src/base/activity.js';
import type { PublishedHost } from '../../../../src/naming/publication.js';

describe('marked hosts', () => {
  let complaints: string[];
  beforeEach(() => {
    complaints = [];
  });
  const complain = (message: string): void => void complaints.push(message);
  const hostsOf = (...marks: readonly string[]): string[] => markedHosts(marks, 'X', complain).map(({ host }) => host);

  it('are the hosts that the marks name, each once, in lower case', () => {
    assert.deepEqual(markedHosts(['Shop.example.com', ' *.api.example.com ', 'shop.example.com.'], 'X 1', complain), [
      { host: 'shop.example.com', by: 'X 1' },
      { host: '*.api.example.com', by: 'X 1' },
    ]);
    assert.deepEqual(complaints, []);
  });

  it('leave out what names no host, and say so', () => {
    assert.deepEqual(hostsOf('*', 'shop.example.com', 'shop.example.com:443', '', 'x'.repeat(10_000)), [
      'shop.example.com',
    ]);
    const want = 'want shop.example.com or *.example.com';
    assert.deepEqual(complaints, [
      `X: linkgate.io/external is "*", ${want}`,
      `X: linkgate.io/external is "shop.example.com:443", ${want}`,
      `X: linkgate.io/external is "", ${want}`,
      `X: linkgate.io/external is "${'x'.repeat(100)}", ${want}`,
    ]);
  });

  it('are a hundred of one registration at most', () => {
    const marks = Array.from({ length: 101 }, (_, i) => `h${i}.example.com`);
    assert.equal(hostsOf(...marks).length, 100);
    assert.deepEqual(complaints, ['X: linkgate.io/external names 101 hosts; those behind the first 100 are left out']);
  });

  it('are in one order of all registrations, ten thousand at most', () => {
    const [b, a] = [
      markedHosts(['b.example.com', 'a.example.com'], '2', complain),
      markedHosts(['a.example.com'], '1', complain),
    ];
    assert.deepEqual(
      allMarkedHosts([b, a], complain).map(({ host, by }) => `${host} ${by}`),
      ['a.example.com 1', 'a.example.com 2', 'b.example.com 2'],
    );
    assert.deepEqual(complaints, []);
    const many = Array.from({ length: 10_001 }, (_, i): PublishedHost => ({ host: `h${i}.example.com`, by: 'X' }));
    assert.equal(allMarkedHosts([many], complain).length, 10_000);
    assert.deepEqual(complaints, [
      '10001 hosts are marked linkgate.io/external; those behind the first 10000 are left out',
    ]);
  });

  it('are the same when hosts and publishers are', () => {
    const one = [{ host: 'a', by: 'X' }];
    assert.ok(samePublishedHosts(one, [{ host: 'a', by: 'X' }]));
    for (const other of [[], [{ host: 'a', by: 'Y' }], [{ host: 'b', by: 'X' }], [...one, ...one]]) {
      assert.ok(!samePublishedHosts(one, other));
    }
  });

  it('are published as none until the registry has answered, and the reason is told', () => {
    const state = signal<State<readonly PublishedHost[]>>(PENDING);
    const { published, pending } = makePublishing('Consul c:8500', state);
    assert.deepEqual(published.value, []);
    assert.equal(pending(), 'Consul c:8500: has not answered yet');
    state.value = failed(new Error('Consul c:8500: refused'));
    assert.deepEqual(published.value, []);
    assert.equal(pending(), 'Consul c:8500: refused');
    state.value = ok([{ host: 'a.example.com', by: 'X' }]);
    assert.deepEqual(published.value, [{ host: 'a.example.com', by: 'X' }]);
    assert.equal(pending(), undefined);
  });
});
