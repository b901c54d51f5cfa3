import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_DENIED, externalKeys } from '../../../config/schema/exposure.js';
import { errorsOf, messagesOf, routerOf } from './parse-text.js';

function file(server: string, router = '', protocol = 'http'): string {
  return `routers: [{protocol: ${protocol}, ${router}servers: [{port: 1, ${server}}]}]`;
}

function keysOf(server: string, protocol?: string) {
  const config = routerOf(file(server, '', protocol)).servers[0];
  return config && externalKeys(config);
}

for (const protocol of ['http', 'h2']) {
  test(`a server of ${protocol} is internal unless it says external, which has defaults`, () => {
    assert.equal(keysOf('label: x', protocol), undefined);
    assert.equal(keysOf('exposure: internal', protocol), undefined);
    const { dstPrefix, ...keys } = keysOf('exposure: external', protocol) ?? assert.fail();
    assert.equal(dstPrefix.show(), '/ext');
    assert.deepEqual(keys, {
      externalHosts: [],
      trustedProxies: [],
      denyAddresses: DEFAULT_DENIED,
      encodedSlashes: 'refuse',
    });
  });
}

test('keys of an external server are taken as they are written, hosts in one spelling', () => {
  const { dstPrefix, ...keys } =
    keysOf(
      'exposure: external, dstPrefix: /out/side, externalHosts: [Shop.Example.com., "*.API.example", "[2001:DB8::1]", 192.0.2.1], ' +
        'trustedProxies: [10.0.0.0/8, "fd00::/8", 192.0.2.7], denyAddresses: [default, 10.0.0.0/8], encodedSlashes: keep',
    ) ?? assert.fail();
  assert.equal(dstPrefix.show(), '/out/side');
  assert.deepEqual(keys, {
    externalHosts: ['shop.example.com', '*.api.example', '[2001:db8::1]', '192.0.2.1'],
    trustedProxies: ['10.0.0.0/8', 'fd00::/8', '192.0.2.7'],
    denyAddresses: [...DEFAULT_DENIED, '10.0.0.0/8'],
    encodedSlashes: 'keep',
  });
  assert.deepEqual(keysOf('exposure: external, denyAddresses: []')?.denyAddresses, []);
});

for (const key of [
  'externalHosts: [a]',
  'dstPrefix: /out',
  'trustedProxies: []',
  'denyAddresses: []',
  'encodedSlashes: keep',
]) {
  const name = key.split(':')[0] as string;
  for (const exposure of ['', 'exposure: internal, ']) {
    test(`${name} is refused on ${exposure === '' ? 'a server without exposure' : 'an internal server'}`, () => {
      const [error, ...more] = errorsOf(file(exposure + key));
      assert.equal(more.length, 0);
      assert.match(
        error ?? '',
        new RegExp(`servers\\[0\\]\\.${name}: ${name} has no effect on an internal listener: set exposure: external`),
      );
    });
  }
}

for (const host of [
  '""',
  '"*"',
  '"*."',
  'a:80',
  '"a b"',
  'http://a',
  'a/b',
  '"*.*.a"',
  'a.*',
  '"[::1]:80"',
  '"[::1/64]"',
  '"é.example"',
  '"-"',
]) {
  test(`externalHosts: [${host}] is refused`, () => {
    const [message, ...more] = messagesOf(file(`exposure: external, externalHosts: [${host}]`));
    assert.equal(more.length, 0);
    assert.match(message ?? '', /want a host such as shop\.example\.com or "\*\.example\.com", without a port/);
  });
}

for (const key of ['trustedProxies', 'denyAddresses']) {
  for (const range of [
    '""',
    '10.0.0.0/33',
    'fe80::/129',
    '10.0.0',
    'a.example',
    '"10.0.0.0/8/8"',
    '"fe80::1%eth0"',
    '10.0.0.0/',
  ]) {
    test(`${key}: [${range}] is refused`, () => {
      const [message, ...more] = messagesOf(file(`exposure: external, ${key}: [${range}]`));
      assert.equal(more.length, 0);
      assert.match(message ?? '', /want a range of addresses such as 10\.0\.0\.0\/8 or fe80::\/10/);
    });
  }
}

test('exposure and encodedSlashes are one of their words', () => {
  assert.match(messagesOf(file('exposure: public'))[0] ?? '', /^is "public", want .*internal.*external/);
  assert.match(messagesOf(file('exposure: external, encodedSlashes: drop'))[0] ?? '', /want .*refuse.*keep.*decode/);
});

test('an external server is no forward proxy', () => {
  const [error, ...more] = errorsOf(file('exposure: external, proxy: true'));
  assert.equal(more.length, 0);
  assert.match(error ?? '', /servers\[0\]\.proxy: .*would be a forward proxy for anyone/);
});

for (const [inside, outside, taken] of [
  [undefined, undefined, true],
  [undefined, '/svc', false],
  [undefined, '/svc/x', false],
  [undefined, '/', false],
  [undefined, '/svcs', true],
  ['/ext', undefined, false],
  ['/ext/x', undefined, false],
  ['/', undefined, false],
  ['/a/b', '/a', false],
  ['/a/b', '/a/c', true],
] as const) {
  const router = inside === undefined ? '' : `dstPrefix: ${inside}, `;
  const server = `exposure: external${outside === undefined ? '' : `, dstPrefix: ${outside}`}`;
  test(`${server} is ${taken ? 'taken' : 'refused'} on a router of dstPrefix ${inside ?? 'by default'}`, () => {
    const messages = messagesOf(file(server, router));
    assert.equal(messages.length, taken ? 0 : 1);
    if (!taken) assert.match(messages[0] ?? '', /names of callers outside would be names of callers inside/);
  });
}
