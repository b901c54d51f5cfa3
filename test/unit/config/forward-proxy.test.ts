import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorsOf, messagesOf, routerOf } from './parse-text.js';

const server = (keys: string): string => `routers: [{protocol: http, servers: [{port: 1, ${keys}}]}]`;

test('a server is no forward proxy by default, and its tunnels may be idle for an hour', () => {
  const { proxy, tunnelIdleMs } = routerOf(server('ip: 0.0.0.0')).servers[0] ?? {};
  assert.deepEqual([proxy, tunnelIdleMs], [false, 3_600_000]);
});

for (const ip of [
  ...['127.0.0.1', '127.9.9.9', 'localhost', '"::1"', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
  ...['100.64.0.1', '169.254.1.1', '"fd00::1"', '"fe80::1"'],
]) {
  test(`proxy: true is taken on ${ip}`, () => {
    assert.equal(routerOf(server(`ip: ${ip}, proxy: true`)).servers[0]?.proxy, true);
  });
}

for (const ip of [
  ...['0.0.0.0', '"::"', '8.8.8.8', '172.32.0.1', '192.169.0.1', '100.128.0.1', '"2001:db8::1"', '"::ffff:8.8.8.8"'],
  ...['edge.example', '"127.1"'],
]) {
  test(`proxy: true is refused on ${ip}, where anyone may reach it`, () => {
    const [error, ...more] = errorsOf(server(`ip: ${ip}, proxy: true`));
    assert.equal(more.length, 0);
    assert.match(error ?? '', /routers\[0\]\.servers\[0\]\.proxy: proxy: true on .*want a loopback or private address/);
    assert.deepEqual(messagesOf(server(`ip: ${ip}, proxy: false`)), []);
  });
}

test('proxy: true without an ip is taken: that is loopback', () => {
  assert.deepEqual(messagesOf(server('proxy: true')), []);
});

test('tunnelIdleMs: 0 is never; less is refused', () => {
  assert.equal(routerOf(server('tunnelIdleMs: 0')).servers[0]?.tunnelIdleMs, 0);
  assert.equal(messagesOf(server('tunnelIdleMs: -1')).length, 1);
  assert.equal(messagesOf(server('proxy: "true"')).length, 1);
});
