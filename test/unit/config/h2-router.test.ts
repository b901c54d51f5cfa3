import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messagesOf, routerOf } from './parse-text.js';

function h2Router(...keys: readonly string[]): string {
  return ['routers:', '- protocol: h2', ...keys.map((key) => `  ${key}`), ''].join('\n');
}

function server(keys = ''): string {
  return h2Router(`servers: [{${keys}}]`);
}

test('an h2 router has the defaults of Linkerd', () => {
  const { label, service, identifier, servers, ...rest } = routerOf(server());
  assert.deepEqual([label, rest.protocol, rest.bindingTimeoutMs], ['h2', 'h2', 10_000]);
  assert.equal(identifier[0]?.kind.kind, 'io.l5d.header.token');
  assert.equal(service.base.responseClassifier.kind.kind, 'io.l5d.h2.nonRetryable5XX');
  assert.deepEqual([service.base.classificationTimeoutMs, service.base.retryBufferKB * 1024], [100, 16_383]);
  const [only] = servers;
  assert.deepEqual(
    [only?.port, only?.ip, only?.label, only?.h2, only?.maxCallDepth],
    [4142, '127.0.0.1', 'h2', true, 1000],
  );
  assert.deepEqual(only?.h2Settings, {
    maxConcurrentStreamsPerConnection: 1000,
    headerTableBytes: undefined,
    initialStreamWindowBytes: undefined,
    maxFrameBytes: undefined,
    maxHeaderListBytes: undefined,
  });
});

test('the settings of HTTP/2 are those of its servers and clients', () => {
  const keys = 'headerTableBytes: 1, initialStreamWindowBytes: 2, maxFrameBytes: 16384, maxHeaderListBytes: 4';
  const settings = { headerTableBytes: 1, initialStreamWindowBytes: 2, maxFrameBytes: 16_384, maxHeaderListBytes: 4 };
  const router = routerOf(
    h2Router(`servers: [{${keys}, maxConcurrentStreamsPerConnection: 5}]`, `client: {${keys}, windowUpdateRatio: 0.5}`),
  );
  assert.deepEqual(router.servers[0]?.h2Settings, { ...settings, maxConcurrentStreamsPerConnection: 5 });
  for (const [key, value] of Object.entries(settings)) {
    assert.equal(router.client.base[key as keyof typeof settings], value, key);
  }
});

for (const keys of [
  'windowUpdateRatio: 0',
  'windowUpdateRatio: 1',
  'headerTableBytes: -1',
  'headerTableBytes: 65537',
  'initialStreamWindowBytes: 0',
  'initialStreamWindowBytes: 2147483648',
  'maxFrameBytes: 16383',
  'maxFrameBytes: 16777216',
  'maxHeaderListBytes: 0',
  'maxConcurrentStreamsPerConnection: 0',
  'h2: true',
  'timestampHeader: x',
]) {
  test(`an h2 server refuses {${keys}}`, () => {
    const [message, ...others] = messagesOf(server(keys));
    assert.ok(message, 'it is taken');
    assert.deepEqual(others, []);
  });
}

test('retryBufferSize and classificationTimeoutMs are of the service', () => {
  const { service } = routerOf(
    h2Router(
      'servers: [{}]',
      'service: {retryBufferSize: {requestBytes: 5, responseBytes: 6}, classificationTimeoutMs: 7}',
    ),
  );
  assert.deepEqual(service.base.retryBufferSize, { requestBytes: 5, responseBytes: 6 });
  assert.equal(service.base.classificationTimeoutMs, 7);
  for (const keys of [
    'retryBufferSize: {requestBytes: -1}',
    'retryBufferSize: {bytes: 1}',
    'classificationTimeoutMs: -1',
  ]) {
    assert.equal(messagesOf(h2Router('servers: [{}]', `service: {${keys}}`)).length, 1, keys);
  }
});

test('the access log has keys of its own', () => {
  const router = routerOf(
    h2Router('servers: [{}]', 'h2AccessLog: f', 'h2AccessLogRollPolicy: daily', 'h2AccessLogAppend: false'),
  );
  assert.deepEqual(
    [router.httpAccessLog, router.httpAccessLogRollPolicy, router.httpAccessLogAppend, router.httpAccessLogRotateCount],
    ['f', 'daily', false, -1],
  );
  assert.equal(messagesOf(h2Router('servers: [{}]', 'httpAccessLog: f')).length, 1);
  assert.equal(messagesOf(h2Router('servers: [{}]', 'maxHeadersKB: 8')).length, 1);
});

test('two h2 routers on the default port are in conflict', () => {
  assert.deepEqual(messagesOf('routers: [{protocol: h2, servers: [{}]}, {protocol: h2, label: b, servers: [{}]}]'), [
    'Server conflict on port 4142',
  ]);
});
