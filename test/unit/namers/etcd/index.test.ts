import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { etcdNamer } from '../../../../namers/etcd/index.js';

describe('io.l5d.etcd configuration', () => {
  const read = (config: unknown): unknown => etcdNamer.config.parse(config);
  const problems = (config: unknown): string[] =>
    etcdNamer.config.safeParse(config).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

  it('is complete without any option', () => {
    assert.deepEqual(read({}), { endpoints: ['http://127.0.0.1:2379'], pathPrefix: '/services', publish: false });
  });

  const endpoints: [written: string, read: string][] = [
    ['http://127.0.0.1:2379', 'http://127.0.0.1:2379'],
    ['http://127.0.0.1:2379/', 'http://127.0.0.1:2379'],
    ['http://etcd.example.com', 'http://etcd.example.com:2379'],
    ['https://etcd.example.com', 'https://etcd.example.com:2379'],
    ['https://etcd.example.com:443', 'https://etcd.example.com:443'],
    ['http://[::1]', 'http://[::1]:2379'],
    ['http://[::1]:4001', 'http://[::1]:4001'],
  ];
  for (const [written, expected] of endpoints) {
    it(`reads the endpoint ${written}`, () => {
      assert.deepEqual(read({ endpoints: [written] }), {
        endpoints: [expected],
        pathPrefix: '/services',
        publish: false,
      });
    });
  }

  const noEndpoints = [
    '127.0.0.1:2379',
    'ftp://127.0.0.1',
    'http://',
    'http://u:p@127.0.0.1',
    'http://h/v3',
    'http://h?x',
    'http://h:70000',
    'http://h h',
    '',
  ];
  for (const endpoint of noEndpoints) {
    it(`refuses the endpoint ${JSON.stringify(endpoint)}`, () => {
      assert.equal(problems({ endpoints: [endpoint] }).length, 1);
    });
  }

  it('refuses an empty list of endpoints, and one of both schemes', () => {
    assert.equal(problems({ endpoints: [] }).length, 1);
    assert.deepEqual(problems({ endpoints: ['http://a', 'https://b'] }), [
      'endpoints: some endpoints are http and some https, want all of one sort',
    ]);
  });

  const prefixes: [written: string, read: string][] = [
    ['/services', '/services'],
    ['/services/', '/services'],
    ['services/prod', 'services/prod'],
    ['/', ''],
  ];
  for (const [written, expected] of prefixes) {
    it(`reads the prefix ${written}`, () => {
      assert.equal((read({ pathPrefix: written }) as { pathPrefix: string }).pathPrefix, expected);
    });
  }

  it('refuses a prefix with empty elements, and none', () => {
    for (const pathPrefix of ['', '//', '/a//b']) assert.equal(problems({ pathPrefix }).length, 1, pathPrefix);
  });

  it('wants a name and a password or neither', () => {
    assert.deepEqual(problems({ username: 'u' }), ['username: `username` is set but `password` is not']);
    assert.deepEqual(problems({ password: 'secret' }), ['password: `password` is set but `username` is not']);
    assert.deepEqual(problems({ username: 'u', password: 'secret' }), []);
  });

  it('wants https where there is a tls block that is on', () => {
    const tls = { commonName: 'etcd' };
    assert.deepEqual(problems({ tls }), ['endpoints: `tls` is set but the endpoints are http, want https']);
    assert.deepEqual(problems({ tls: { enabled: false } }), []);
    assert.deepEqual(problems({ tls, endpoints: ['https://a'] }), []);
  });

  it('refuses unknown keys', () => {
    assert.equal(problems({ host: '127.0.0.1' }).length, 1);
  });
});
