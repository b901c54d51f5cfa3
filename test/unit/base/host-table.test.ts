import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostTable } from '../../../src/base/host-table.js';

function tableOf(...all: string[]): HostTable<string> {
  const table = new HostTable<string>();
  for (const name of all) table.add(name, name);
  return table;
}

test('hosts are found in any case, and with a dot behind them', () => {
  const table = tableOf('shop.example');
  assert.equal(table.find('SHOP.Example'), 'shop.example');
  assert.equal(table.find('shop.example.'), 'shop.example');
  assert.equal(table.find('www.shop.example'), undefined);
});

test('a wildcard stands for one label, the exact name comes before it', () => {
  const table = tableOf('*.shop.example', 'a.shop.example');
  assert.equal(table.find('a.shop.example'), 'a.shop.example');
  assert.equal(table.find('b.shop.example'), '*.shop.example');
  for (const name of ['shop.example', 'a.b.shop.example', 'example', '', '*', '.shop.example']) {
    assert.equal(table.find(name), undefined, name);
  }
});

test('of two values of one host the first is taken', () => {
  const table = new HostTable<number>();
  table.add('a', 1);
  table.add('a', 2);
  assert.equal(table.find('a'), 1);
});

test('names of objects are no hosts', () => {
  assert.equal(tableOf('a').find('__proto__'), undefined);
  assert.equal(tableOf('a').find('constructor'), undefined);
});

test('a host of one label is none that a wildcard stands for', () => {
  const table = tableOf('*.example', '*.');
  for (const name of ['example', 'example.', '.example', '', '.', '..'])
    assert.equal(table.find(name), undefined, name);
  assert.equal(table.find('a.example'), '*.example');
});
