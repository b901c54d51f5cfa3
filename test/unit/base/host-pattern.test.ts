import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostMatches, parseHostPattern } from '../../../src/base/host-pattern.js';

describe('host pattern', () => {
  for (const [written, read] of [
    ['shop.example.com', 'shop.example.com'],
    ['Shop.Example.COM', 'shop.example.com'],
    ['shop.example.com.', 'shop.example.com'],
    ['*.api.example.com', '*.api.example.com'],
    ['*.com', '*.com'],
    ['localhost', 'localhost'],
    ['_acme.example.com', '_acme.example.com'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['203.0.113.7', '203.0.113.7'],
    [`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`],
  ] as const) {
    it(`reads ${written}`, () => {
      assert.equal(parseHostPattern(written), read);
    });
  }

  for (const written of [
    '',
    '.',
    '*',
    '*.',
    '*shop.example.com',
    'shop.*.com',
    '*.*.example.com',
    'shop..example.com',
    '.example.com',
    'shop.example.com..',
    'shop.example.com:443',
    'https://shop.example.com',
    'shop.example.com/cart',
    'shop example.com',
    'shop.example.com\n',
    '-shop.example.com',
    'shop-.example.com',
    'bücher.example',
    '[::1]',
    `${'a'.repeat(64)}.example`,
    'a.'.repeat(128),
    `*.${'a.'.repeat(125)}aa`,
  ]) {
    it(`refuses ${JSON.stringify(written.slice(0, 40))}`, () => {
      assert.equal(parseHostPattern(written), undefined);
    });
  }

  it('stands for itself, or for exactly one label more', () => {
    assert.ok(hostMatches('shop.example.com', 'shop.example.com'));
    assert.ok(!hostMatches('shop.example.com', 'a.shop.example.com'));
    assert.ok(hostMatches('*.example.com', 'shop.example.com'));
    for (const host of ['example.com', '.example.com', 'a.b.example.com', 'shopexample.com', 'shop.example.org', '']) {
      assert.ok(!hostMatches('*.example.com', host), host);
    }
  });
});
