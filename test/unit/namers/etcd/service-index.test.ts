import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { KeyValue } from '../../../../namers/etcd/messages.js';
import { ServiceIndex } from '../../../../namers/etcd/service-index.js';
import { GarbageError } from '../../../../namers/shared/registry-watch.js';
import type { ServiceSet } from '../../../../namers/shared/service-trees.js';
import { bytesFromText } from '../../../../src/base/path.js';

describe('etcd service index', () => {
  let index: ServiceIndex;
  let complaints: string[];
  beforeEach(() => {
    index = new ServiceIndex('/services/');
    complaints = [];
  });

  const complain = (message: string): void => void complaints.push(message);
  const entry = (key: string, value: string): KeyValue => ({ key: Buffer.from(key), value: Buffer.from(value) });
  const list = (keys: Readonly<Record<string, string>>): Record<string, string | undefined> =>
    show(
      index.replace(
        Object.entries(keys).map(([key, value]) => entry(key, value)),
        complain,
      ),
    );
  const apply = (changes: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> =>
    show(
      index.apply(
        Object.entries(changes).map(([key, value]) => ({
          key: Buffer.from(key),
          value: value === undefined ? undefined : Buffer.from(value),
        })),
        complain,
      ),
    );
  const show = (rows: Map<string, ServiceSet | undefined>): Record<string, string | undefined> =>
    Object.fromEntries(
      [...rows].map(([name, set]) => [name, set?.endpoints.map(({ host, port }) => `${host}:${port}`).join(' ')]),
    );

  it('takes the last element of a key for the instance and those before it for the service', () => {
    assert.deepEqual(
      list({
        '/services/shop/1': '10.0.0.1:80',
        '/services/shop/2': '10.0.0.2:80',
        '/services/team/shop/1': '10.0.0.3:80',
        '/services/team/pay/1': '10.0.0.4:80',
      }),
      { shop: '10.0.0.1:80 10.0.0.2:80', 'team/shop': '10.0.0.3:80', 'team/pay': '10.0.0.4:80' },
    );
    assert.deepEqual(complaints, []);
  });

  it('names services by bytes, so that unicode names are those of a path', () => {
    assert.deepEqual(list({ '/services/größe-名前/1': 'h:80' }), { [bytesFromText('größe-名前')]: 'h:80' });
  });

  it('tells the services that changes are about, and no others', () => {
    list({ '/services/a/1': 'h:1', '/services/b/1': 'h:2' });
    assert.deepEqual(apply({ '/services/a/2': 'h:3' }), { a: 'h:1 h:3' });
    assert.deepEqual(apply({ '/services/a/1': 'h:4' }), { a: 'h:4 h:3' });
    assert.deepEqual(apply({ '/services/c/1': 'h:5', '/services/b/2': 'h:6' }), { c: 'h:5', b: 'h:2 h:6' });
    assert.deepEqual(apply({ '/services/a/1': undefined }), { a: 'h:3' });
  });

  it('has a service for as long as it has a key, usable or not', () => {
    assert.deepEqual(list({ '/services/a/1': 'nonsense' }), { a: '' });
    assert.deepEqual(apply({ '/services/a/1': 'h:1' }), { a: 'h:1' });
    assert.deepEqual(apply({ '/services/a/1': undefined }), { a: undefined });
    assert.deepEqual(apply({ '/services/a/1': undefined }), { a: undefined });
    assert.deepEqual(apply({ '/services/b/1': '???' }), { b: '' });
  });

  it('keeps the last good endpoint of an instance whose value became garbage, by a change or by a list', () => {
    list({ '/services/a/1': 'h:1', '/services/a/2': 'h:2' });
    assert.deepEqual(apply({ '/services/a/1': 'nonsense' }), { a: 'h:1 h:2' });
    assert.deepEqual(list({ '/services/a/1': 'nonsense', '/services/a/2': '{"host":"h","port":70000}' }), {
      a: 'h:1 h:2',
    });
    assert.deepEqual(complaints.slice(1), [
      '"/services/a/1": value "nonsense": "nonsense" is not host:port; its last good address stays in use',
      '"/services/a/2": value "{"host":"h","port":70000}": port 70000 is not in 1-65535; its last good address stays in use',
    ]);
    assert.deepEqual(apply({ '/services/a/1': undefined }), { a: 'h:2' });
    assert.deepEqual(apply({ '/services/a/1': 'nonsense' }), { a: 'h:2' }, 'what was deleted is not remembered');
  });

  it('names a key that is not ASCII as text', () => {
    list({ '/services/größe/1': 'nonsense' });
    assert.match(complaints[0] ?? '', /^"\/services\/größe\/1": value "nonsense"/);
  });

  it('forgets at a list what is not in it', () => {
    list({ '/services/a/1': 'h:1', '/services/b/1': 'h:2' });
    assert.deepEqual(list({ '/services/b/2': 'h:3' }), { b: 'h:3' });
    assert.deepEqual(apply({ '/services/b/1': undefined }), { b: 'h:3' });
  });

  const misplaced = [
    '/services/x',
    '/services//x',
    '/services/x/',
    '/services/a//x',
    '/services//a/x',
    `/services${'/e'.repeat(17)}/1`,
  ];
  for (const key of misplaced) {
    it(`leaves out ${key} and says so`, () => {
      assert.deepEqual(list({ [key]: 'h:1', '/services/a/1': 'h:2' }), { a: 'h:2' });
      assert.deepEqual(apply({ [key]: 'h:1' }), {});
      const complaint = `key "${key}" is not /services/<service>/<instance>; it is left out`;
      assert.deepEqual(complaints, [complaint, complaint]);
      apply({ [key]: undefined });
      assert.equal(complaints.length, 2, 'its end is no reason to complain');
    });
  }

  it('takes names of up to 16 elements', () => {
    assert.deepEqual(list({ [`/services${'/e'.repeat(16)}/1`]: 'h:1' }), { [Array(16).fill('e').join('/')]: 'h:1' });
  });

  it('says nothing of empty folders as tools make them', () => {
    assert.deepEqual(list({ '/services/': '', '/services/shop/': '' }), {});
    assert.deepEqual(complaints, []);
  });

  it('refuses more keys than it can hold, in a list and one by one', () => {
    index = new ServiceIndex('/services/', 2);
    assert.throws(() => list({ '/services/a/1': 'h:1', '/services/a/2': 'h:2', '/services/b/1': 'h:3' }), {
      constructor: GarbageError,
      message: 'there are more than 2 keys below the prefix',
    });
    list({ '/services/a/1': 'h:1', '/services/a/2': 'h:2' });
    apply({ '/services/a/2': undefined, '/services/b/1': 'h:3' });
    assert.throws(() => apply({ '/services/a/2': 'h:2' }), GarbageError);
  });
});
