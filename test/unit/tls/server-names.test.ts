import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServerNames } from '../../../src/tls/server-names.js';

function names(...all: string[]): ServerNames<string> {
  const table = new ServerNames<string>();
  for (const name of all) table.add(name, name);
  return table;
}

test('server names are found in any case, and with a dot behind them', () => {
  const table = names('shop.example');
  assert.equal(table.find('SHOP.Example'), 'shop.example');
  assert.equal(table.find('shop.example.'), 'shop.example');
  assert.equal(table.find('www.shop.example'), undefined);
});

test('a wildcard stands for one label, the exact name comes before it', () => {
  const table = names('*.shop.example', 'a.shop.example');
  assert.equal(table.find('a.shop.example'), 'a.shop.example');
  assert.equal(table.find('b.shop.example'), '*.shop.example');
  for (const name of ['shop.example', 'a.b.shop.example', 'example', '', '*']) {
    assert.equal(table.find(name), undefined, name);
  }
});

test('of two certificates of one name the first is taken', () => {
  const table = new ServerNames<number>();
  table.add('a', 1);
  table.add('a', 2);
  assert.equal(table.find('a'), 1);
});

test('names of objects are no names of servers', () => {
  assert.equal(names('a').find('__proto__'), undefined);
  assert.equal(names('a').find('constructor'), undefined);
});
