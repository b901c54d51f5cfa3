import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { canonicalAuthority, canonicalHostName, hostEnd, hostName } from '../../../src/base/host-name.js';

describe('host name', () => {
  for (const [host, name, canonical] of [
    ['shop.example.com', 'shop.example.com', 'shop.example.com'],
    ['shop.example.com:8080', 'shop.example.com', 'shop.example.com'],
    ['shop.example.com:', 'shop.example.com', 'shop.example.com'],
    ['Shop.Example.COM', 'Shop.Example.COM', 'shop.example.com'],
    ['shop.example.com.', 'shop.example.com.', 'shop.example.com'],
    ['Shop.example.com.:443', 'Shop.example.com.', 'shop.example.com'],
    ['[::1]', '[::1]', '[::1]'],
    ['[2001:DB8::1]:8080', '[2001:DB8::1]', '[2001:db8::1]'],
    ['10.0.0.1:80', '10.0.0.1', '10.0.0.1'],
    ['.', '.', ''],
    ['', '', ''],
  ] as const) {
    it(`of ${JSON.stringify(host)} is ${JSON.stringify(name)}, and ${JSON.stringify(canonical)} to compare`, () => {
      assert.equal(hostName(host), name);
      assert.equal(canonicalHostName(host), canonical);
    });
  }
});

test('an authority has one spelling', () => {
  for (const [authority, canonical] of [
    ['shop.example', 'shop.example'],
    ['SHOP.example.', 'shop.example'],
    ['Shop.Example.:8443', 'shop.example:8443'],
    ['shop.example:', 'shop.example:'],
    ['[2001:DB8::1]:80', '[2001:db8::1]:80'],
    ['192.0.2.1.', '192.0.2.1'],
    ['.', ''],
    ['.:80', ':80'],
    ['', ''],
  ] as const) {
    assert.equal(canonicalAuthority(authority), canonical);
    assert.equal(canonicalAuthority(canonical), canonical);
  }
});

test('the port of an authority is digits behind its last colon, outside of brackets', () => {
  for (const [authority, host] of [
    ['a', 'a'],
    ['a:1', 'a'],
    ['a:', 'a'],
    ['a:b', 'a:b'],
    ['a:1b', 'a:1b'],
    ['a:1:2', 'a:1'],
    ['[::1]', '[::1]'],
    ['[::1]:2', '[::1]'],
    ['12', '12'],
    [':1', ':1'],
    ['', ''],
  ] as const) {
    assert.equal(authority.slice(0, hostEnd(authority)), host, authority);
  }
});
