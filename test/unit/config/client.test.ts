import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorsOf, messagesOf, routerOf, withRouter } from './parse-text.js';

const NOT_WHOLE = 'want a whole number';

/** Each says what is wrong with one key, at the place of its value. */
for (const [keys, key, message] of [
  ['hostConnectionPool: {minSize: -1}', 'hostConnectionPool.minSize', 'is -1, want at least 0'],
  ['hostConnectionPool: {minSize: 1.5}', 'hostConnectionPool.minSize', NOT_WHOLE],
  [
    'hostConnectionPool: {minSize: 3, maxSize: 2}',
    'hostConnectionPool.minSize',
    '`minSize` must not be above `maxSize`',
  ],
  ['hostConnectionPool: {maxSize: 0}', 'hostConnectionPool.maxSize', 'is 0, want at least 1'],
  ['hostConnectionPool: {maxWaiters: -1}', 'hostConnectionPool.maxWaiters', 'is -1, want at least 0'],
  ['hostConnectionPool: {idleTimeMs: -5}', 'hostConnectionPool.idleTimeMs', 'is -5, want at least 0'],
  ['hostConnectionPool: {idleTimeMs: 5s}', 'hostConnectionPool.idleTimeMs', 'is "5s", want a number'],
  ['clientSession: {lifeTimeMs: -1}', 'clientSession.lifeTimeMs', 'is -1, want at least 1'],
  ['clientSession: {idleTimeMs: -1}', 'clientSession.idleTimeMs', 'is -1, want at least 1'],
  ['clientSession: {lifeTimeMs: never}', 'clientSession.lifeTimeMs', 'is "never", want a number'],
  ['socketOptions: {readTimeoutMs: -1}', 'socketOptions.readTimeoutMs', 'is -1, want at least 0'],
  ['socketOptions: {writeTimeoutMs: 0.5}', 'socketOptions.writeTimeoutMs', NOT_WHOLE],
  ['socketOptions: {keepAlive: on}', 'socketOptions.keepAlive', 'is "on", want true or false'],
  ['socketOptions: {backlog: 0}', 'socketOptions.backlog', 'is 0, want at least 1'],
  ['protocol: spdy', 'protocol', 'is "spdy", want "auto" or "http1" or "h2" or "h2c"'],
  ['failFast: sometimes', 'failFast', 'is "sometimes", want true or false'],
  ['requestAttemptTimeoutMs: -1', 'requestAttemptTimeoutMs', 'is -1, want at least 0'],
] as const) {
  test(`client {${keys}} is refused at its line, in a global client and in an entry of a static one`, () => {
    const inGlobal = errorsOf(withRouter('client:', `  ${keys}`));
    const inStatic = errorsOf(
      withRouter('client:', '  kind: io.l5d.static', '  configs:', '  - prefix: /', `    ${keys}`),
    );
    for (const [errors, where, line] of [
      [inGlobal, 'client', 5],
      [inStatic, 'client.configs[0]', 8],
    ] as const) {
      assert.equal(errors.length, 1, errors.join('\n'));
      assert.match(errors[0] ?? '', new RegExp(`^f:${line}:\\d+: `));
      assert.ok(errors[0]?.includes(` routers[0].${where}.${key}: `), errors[0]);
      assert.ok(errors[0]?.includes(message), errors[0]);
    }
  });
}

test('client keys about sockets that listen are accepted, as Linkerd does', () => {
  assert.deepEqual(
    messagesOf(withRouter('client: {socketOptions: {reuseAddr: false, reusePort: true, backlog: 5}}')),
    [],
  );
});

test('hostConnectionPool may have as many connections at least as at most', () => {
  const { base } = routerOf(withRouter('client: {hostConnectionPool: {minSize: 2, maxSize: 2}}')).client;
  assert.deepEqual(base.hostConnectionPool, { minSize: 2, maxSize: 2 });
});

test('client protocol is auto unless the file says so, for all names or by prefix', () => {
  assert.equal(routerOf(withRouter('client: {failFast: true}')).client.base.protocol, 'auto');
  for (const protocol of ['auto', 'http1', 'h2', 'h2c'])
    assert.equal(routerOf(withRouter(`client: {protocol: ${protocol}}`)).client.base.protocol, protocol);
  const { base, configs } = routerOf(
    withRouter('client: {kind: io.l5d.static, configs: [{prefix: /a, protocol: h2c}, {prefix: /b}]}'),
  ).client;
  assert.equal(base.protocol, 'auto');
  assert.deepEqual(configs, [
    { prefix: '/a', keys: { protocol: 'h2c' } },
    { prefix: '/b', keys: {} },
  ]);
});
