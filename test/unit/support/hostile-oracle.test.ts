import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../src/base/random.js';
import { judge, type PublishedWorld } from '../../support/hostile-oracle.js';
import { type HostileRequest, type Http1Request, hostileRequest } from '../../support/hostile-requests.js';

const WORLD: PublishedWorld = {
  backends: new Map([
    ['shop.example.com', 'shop'],
    ['*.api.example.com', 'api'],
  ]),
  certificates: new Map([['other.example.com', 'other']]),
};

function get(keys: Partial<Http1Request> = {}): Http1Request {
  const plain = { method: 'GET', target: '/', version: 'HTTP/1.1', fields: [['Host', 'shop.example.com']] as const };
  return { protocol: 'http/1.1', body: '', ...plain, ...keys };
}

function h2(...changes: readonly (readonly [string, string])[]): HostileRequest {
  const plain = new Map([
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'shop.example.com'],
  ]);
  const more = changes.filter(([name, value]) => !plain.has(name) || (value !== '' && !plain.set(name, value)));
  for (const [name, value] of changes) if (value === '') plain.delete(name);
  return { protocol: 'h2', fields: [...plain, ...more.filter(([, value]) => value !== '')] };
}

/** `shop`, `shop?` where RFCs leave it open, or why not. */
function verdict(request: HostileRequest, serverName?: string): string {
  const answer = judge(request, WORLD, serverName);
  return answer.type === 'nowhere' ? answer.why : answer.type === 'may' ? `${answer.backend}?` : answer.backend;
}

const host = (...hosts: string[]) => get({ fields: hosts.map((one) => ['Host', one] as const) });

test('the oracle takes a published host in every spelling that means the same', () => {
  for (const one of [
    'shop.example.com',
    'SHOP.Example.com',
    'shop.example.com.',
    'shop.example.com:80',
    'shop.example.com.:',
  ]) {
    assert.equal(verdict(host(one)), 'shop', one);
  }
  assert.equal(verdict(host('v1.api.example.com')), 'api');
});

test('the oracle takes no host that is another, or that could be read as two', () => {
  const others = [
    '',
    'api.example.com',
    'a.b.api.example.com',
    '.api.example.com',
    'shop.example.com..',
    'xshop.example.com',
  ];
  const doubtful = [
    'a@shop.example.com',
    'shop.example.com,a',
    'shop.example.com a',
    'shop.example.com/a',
    '[::1]',
    '%73hop.example.com',
  ];
  for (const one of [...others, ...doubtful]) assert.match(verdict(host(one)), /is no host|nothing is published/, one);
  assert.equal(verdict(host('shop.example.com', 'shop.example.com')), 'not one Host');
  assert.equal(verdict(host()), 'not one Host');
});

test('the oracle takes a target in absolute form for the host of the request alone', () => {
  assert.equal(verdict(get({ target: 'http://SHOP.example.com/a' })), 'shop?');
  assert.equal(verdict(get({ target: 'http://admin.internal/a' })), 'target of another host');
  assert.equal(verdict(get({ target: 'http://a@shop.example.com/a' })), 'target of another host');
});

test('the oracle demands that plain paths are served, and leaves others to the gateway', () => {
  for (const target of ['/', '/a/b/', '/a.b/..c?x=/../', '/.well-known/x'])
    assert.equal(verdict(get({ target })), 'shop', target);
  for (const target of ['/../a', '/a/..', '//a', '/a%2fb', '/.', '/a;b'])
    assert.equal(verdict(get({ target })), 'shop?', target);
  for (const target of ['a', '?a']) assert.match(verdict(get({ target })), /^path/);
});

test('the oracle takes one framing, which has to be true', () => {
  const framed = (body: string, ...fields: [string, string][]) =>
    verdict(get({ body, fields: [['Host', 'shop.example.com'], ...fields] }));
  assert.equal(framed('abc', ['Content-Length', '3']), 'shop');
  assert.equal(framed('0\r\n\r\n', ['Transfer-Encoding', 'chunked']), 'shop');
  assert.equal(framed('abc', ['Content-Length', '3'], ['Content-Length', '3']), 'two framings');
  assert.equal(framed('abc', ['Content-Length', '3'], ['Transfer-Encoding', 'chunked']), 'two framings');
  assert.equal(framed('abc', ['Content-Length', '+3']), 'length');
  assert.equal(framed('abc', ['Transfer-Encoding', 'xchunked']), 'transfer coding');
});

test('the oracle takes no malformed line, and no method that is refused', () => {
  const field = (name: string, value: string) =>
    verdict(
      get({
        fields: [
          ['Host', 'shop.example.com'],
          [name, value],
        ],
      }),
    );
  for (const [name, value] of [
    ['X Y', 'a'],
    ['', 'a'],
    ['X', 'a\r\nb'],
    ['X', 'a\0'],
  ] as const) {
    assert.match(field(name, value), /^field name|^value of/, JSON.stringify([name, value]));
  }
  for (const method of ['CONNECT', 'TRACE', 'trace', 'TRACK'])
    assert.equal(verdict(get({ method })), `method ${method}`);
  assert.equal(verdict(get({ method: 'G T' })), 'method is no token');
  assert.equal(verdict(get({ version: 'HTTP/1.2' })), 'version HTTP/1.2');
});

test('the oracle takes pseudo-headers once, in front, and in agreement with Host', () => {
  assert.equal(verdict(h2()), 'shop');
  assert.equal(verdict(h2([':authority', ''], ['host', 'shop.example.com'])), 'shop');
  assert.equal(verdict(h2(['host', 'shop.example.com'])), 'shop');
  assert.equal(verdict(h2(['host', 'admin.internal'])), 'two hosts');
  assert.equal(verdict(h2([':path', ''])), 'a pseudo-header is missing');
  assert.equal(verdict(h2([':evil', 'x'])), 'pseudo-header :evil');
  assert.equal(
    verdict(h2(['a', 'b'], [':authority', 'shop.example.com'], [':protocol', 'x'])),
    'pseudo-header :protocol',
  );
  assert.equal(verdict(h2(['Host', 'shop.example.com'])), 'field name "Host"');
  assert.equal(verdict(h2(['connection', 'close'])), 'connection');
  assert.equal(verdict(h2(['x', 'a\r\nb'])), 'value of x');
  assert.equal(verdict(h2([':method', 'CONNECT'])), 'method CONNECT');
  assert.match(verdict(h2([':path', 'http://admin.internal/'])), /^path/);
});

test('the oracle takes a host over a connection whose handshake named one of the same certificate', () => {
  assert.equal(verdict(get(), 'v1.api.example.com'), 'shop');
  assert.match(verdict(get(), 'other.example.com'), /another certificate/);
  assert.equal(verdict(get(), ''), 'shop');
});

test('hostile requests are the same ones for the same seed, and enough of them are to be served', () => {
  const hosts = ['shop.example.com', 'v1.api.example.com'];
  const targets = { published: hosts, internal: ['admin.internal'], unknown: ['nobody'], addresses: ['127.0.0.1:1'] };
  for (const protocol of ['http/1.1', 'h2'] as const) {
    const all = [1, 1, 2].map((seed) => {
      const random = seededRandom(seed);
      return Array.from({ length: 1000 }, (_, id) => hostileRequest(protocol, id, id % 5 === 0, targets, random));
    });
    assert.deepEqual(all[0], all[1]);
    assert.notDeepEqual(all[0], all[2]);
    const served = all[0]?.filter((request) => judge(request, WORLD, undefined).type === 'reaches') ?? [];
    assert.ok(served.length > 200 && served.length < 700, `${served.length} of 1000`);
  }
});
