import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { publishedServices } from '../../../../namers/consul/published-services.js';
import { GarbageError } from '../../../../namers/shared/registry-watch.js';

describe('published services of Consul', () => {
  let complaints: string[];
  beforeEach(() => {
    complaints = [];
  });

  const read = (catalog: unknown, headers: Readonly<Record<string, string>> = {}): string[] => {
    const body = Buffer.from(typeof catalog === 'string' ? catalog : JSON.stringify(catalog));
    const answer = { status: 200, body, index: 1, header: (name: string) => headers[name] };
    const complain = (message: string): void => void complaints.push(message);
    return publishedServices(answer, 'Consul c:8500', complain).map(({ host, by }) => `${host} by ${by}`);
  };

  it('are those with a tag, one host for each tag', () => {
    const catalog = {
      consul: [],
      web: ['v1', 'linkgate.io/external=web.example.com', 'linkgate.io/external=*.web.example.com'],
      inner: ['linkgate.io/internal=x.example.com', 'external=x.example.com', 'linkgate.io/externals=x.example.com'],
      shop: ['linkgate.io/external=Web.example.com'],
    };
    assert.deepEqual(read(catalog), [
      '*.web.example.com by Consul c:8500 service web',
      'web.example.com by Consul c:8500 service shop',
      'web.example.com by Consul c:8500 service web',
    ]);
    assert.deepEqual(complaints, []);
  });

  it('leave out a tag without a host, and tags that are none', () => {
    const catalog = {
      web: ['linkgate.io/external=', 'linkgate.io/external=a b', 7, null],
      odd: 'linkgate.io/external=x.example.com',
      none: null,
      shop: ['linkgate.io/external', 'linkgate.io/external=shop.example.com'],
    };
    assert.deepEqual(read(catalog), ['shop.example.com by Consul c:8500 service shop']);
    const want = 'want shop.example.com or *.example.com';
    assert.deepEqual(complaints, [
      `Consul c:8500 service web: linkgate.io/external is "", ${want}`,
      `Consul c:8500 service web: linkgate.io/external is "a b", ${want}`,
    ]);
  });

  it('name a service that could be mistaken for words of ours in quotes', () => {
    assert.deepEqual(read({ 'a\nb c': ['linkgate.io/external=x.example.com'] }), [
      'x.example.com by Consul c:8500 service "a b c"',
    ]);
  });

  for (const [what, body] of [
    ['a list', []],
    ['a text', '"web"'],
    ['nothing', 'null'],
    ['no JSON', '{'],
  ] as const) {
    it(`refuse ${what} for a catalog`, () => {
      assert.throws(() => read(body), GarbageError);
    });
  }

  it('are believed to be none, unless Consul says itself that it may not be so', () => {
    assert.deepEqual(read({}), []);
    assert.deepEqual(read({ consul: [] }, { 'results-filtered-by-acls': 'true' }), []);
    assert.throws(() => read({}, { 'results-filtered-by-acls': 'true' }), /token may not see any .*service:read/);
    assert.throws(() => read({}, { knownleader: 'false' }), /server without a leader/);
  });
});
