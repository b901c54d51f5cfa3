import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALL_SUPPORTED, configOf, routerOf, withRouter } from './parse-text.js';

const SOCKET_DEFAULTS = { noDelay: true, reuseAddr: true, reusePort: false, keepAlive: false };
const BUDGET_DEFAULTS = { minRetriesPerSec: 10, percentCanRetry: 0.2, ttlSecs: 10 };

test('an http router has the defaults of Linkerd', () => {
  const { interpreter, servers, client, service, identifier, dtab, dstPrefix, ...plain } = routerOf(withRouter());
  assert.deepEqual(plain, {
    protocol: 'http',
    label: 'http',
    originator: false,
    bindingTimeoutMs: 10_000,
    bindingCache: { paths: 1000, trees: 1000, bounds: 1000, clients: 1000, idleTtlSecs: 600 },
    announcers: [],
    experimental: false,
    httpAccessLogRollPolicy: 'never',
    httpAccessLogAppend: true,
    httpAccessLogRotateCount: -1,
    streamingEnabled: true,
    streamAfterContentLengthKB: 5,
    maxHeadersKB: 8,
    maxInitialLineKB: 4,
    maxErrResponseKB: 5120,
    compressionLevel: -1,
    tracePropagator: { kind: 'io.l5d.default' },
  });
  assert.equal(dtab.isEmpty, true);
  assert.equal(dstPrefix.show(), '/svc');
  assert.equal(interpreter.kind.kind, 'default');
  assert.deepEqual(
    identifier.map(({ kind, config }) => [kind.kind, config]),
    [['io.l5d.header.token', { header: 'Host' }]],
  );
  assert.deepEqual([servers.length, client.configs, service.configs], [1, [], []]);
});

test('a binding cache keeps the defaults of what it does not say', () => {
  assert.deepEqual(routerOf(withRouter('bindingCache: {trees: 5}')).bindingCache, {
    paths: 1000,
    trees: 5,
    bounds: 1000,
    clients: 1000,
    idleTtlSecs: 600,
  });
});

test('an http server has the defaults of Linkerd, and a limit of connections', () => {
  assert.deepEqual(routerOf(withRouter('label: edge')).servers[0], {
    port: 4140,
    ip: '127.0.0.1',
    label: 'edge',
    exposure: 'internal',
    proxy: false,
    tunnelIdleMs: 3_600_000,
    maxConnections: 20_000,
    clearContext: false,
    socketOptions: SOCKET_DEFAULTS,
    maxCallDepth: 1000,
  });
});

test('a server keeps a label of its own', () => {
  assert.equal(routerOf('routers: [{protocol: http, servers: [{label: x}]}]').servers[0]?.label, 'x');
});

test('socketOptions keep the defaults of what they do not say', () => {
  const [server] = routerOf(
    'routers: [{protocol: http, servers: [{socketOptions: {keepAlive: true, backlog: 9}}]}]',
  ).servers;
  assert.deepEqual(server?.socketOptions, { ...SOCKET_DEFAULTS, keepAlive: true, backlog: 9 });
});

test('addForwardedHeader is off when absent, on with random labels when empty', () => {
  const forwarded = (keys: string) =>
    routerOf(`routers: [{protocol: http, servers: [{${keys}}]}]`).servers[0]?.addForwardedHeader;
  assert.equal(forwarded(''), undefined);
  assert.deepEqual(forwarded('addForwardedHeader: {}'), {
    by: { kind: 'requestRandom' },
    for: { kind: 'requestRandom' },
  });
  assert.deepEqual(forwarded('addForwardedHeader: {by: {kind: static, label: me}, for: {kind: "ip:port"}}'), {
    by: { kind: 'static', label: 'me' },
    for: { kind: 'ip:port' },
  });
});

test('a client has the defaults of Linkerd', () => {
  const { loadBalancer, failureAccrual, ...plain } = routerOf(withRouter()).client.base;
  assert.deepEqual(plain, {
    protocol: 'auto',
    hostConnectionPool: { minSize: 0 },
    failFast: false,
    requeueBudget: BUDGET_DEFAULTS,
    socketOptions: SOCKET_DEFAULTS,
    forwardClientCert: false,
  });
  assert.equal(loadBalancer.kind.kind, 'p2c');
  assert.deepEqual([failureAccrual.kind.kind, failureAccrual.config], ['io.l5d.consecutiveFailures', { failures: 5 }]);
});

test('a service has the defaults of Linkerd', () => {
  const { responseClassifier, ...plain } = routerOf(withRouter()).service.base;
  assert.deepEqual(plain, {
    retries: { budget: BUDGET_DEFAULTS, backoff: { kind: 'constant', ms: 0 } },
    retryBufferKB: 64,
    classificationTimeoutMs: 100,
  });
  assert.equal(responseClassifier.kind.kind, 'io.l5d.http.nonRetryable5XX');
});

test('a global client changes the base, whether it says so or not', () => {
  for (const kind of ['', 'kind: io.l5d.global, ']) {
    const { base, configs } = routerOf(
      withRouter(`client: {${kind}requestAttemptTimeoutMs: 7, hostConnectionPool: {maxSize: 3}}`),
    ).client;
    assert.equal(base.requestAttemptTimeoutMs, 7);
    assert.deepEqual(base.hostConnectionPool, { minSize: 0, maxSize: 3 });
    assert.equal(base.failFast, false);
    assert.equal('kind' in base, false);
    assert.deepEqual(configs, []);
  }
});

test('static entries say only what they say, over a base of defaults', () => {
  const { client, service } = routerOf(
    withRouter(
      'client: {configs: [{prefix: /a, requestAttemptTimeoutMs: 1}, {prefix: "/b/{x}"}], kind: io.l5d.static}',
      'service: {kind: io.l5d.static, configs: [{prefix: /svc, totalTimeoutMs: -1, retries: {budget: {ttlSecs: 60}}}]}',
    ),
  );
  assert.deepEqual(client.configs, [
    { prefix: '/a', keys: { requestAttemptTimeoutMs: 1 } },
    { prefix: '/b/{x}', keys: {} },
  ]);
  assert.equal(client.base.loadBalancer.kind.kind, 'p2c');
  assert.deepEqual(service.configs, [
    {
      prefix: '/svc',
      keys: {
        totalTimeoutMs: -1,
        retries: { budget: { ...BUDGET_DEFAULTS, ttlSecs: 60 }, backoff: { kind: 'constant', ms: 0 } },
      },
    },
  ]);
});

test('admin has the defaults of Linkerd', () => {
  assert.deepEqual(configOf(withRouter()).admin, {
    ip: '127.0.0.1',
    port: 9990,
    socketOptions: SOCKET_DEFAULTS,
    shutdownGraceMs: 10_000,
    workerThreads: 2,
    security: {
      uiEnabled: true,
      controlEnabled: true,
      diagnosticsEnabled: true,
      pathWhitelist: [],
      pathBlacklist: [],
    },
  });
});

test('client tls and server tls have the defaults of Linkerd', () => {
  const router = routerOf(
    `routers: [{protocol: http, servers: [{tls: {certPath: c, keyPath: k}}], client: {tls: {commonName: n}}}]`,
    ALL_SUPPORTED,
  );
  assert.deepEqual(router.servers[0]?.tls, {
    certPath: 'c',
    keyPath: 'k',
    fromRoutes: false,
    requireClientAuth: false,
    requestClientAuth: false,
    handshakeTimeoutMs: 10_000,
  });
  assert.deepEqual(router.client.base.tls, { commonName: 'n', enabled: true, disableValidation: false });
});

test('usage is taken and has no effect; namers and telemetry are empty lists by default', () => {
  const config = configOf(`${withRouter()}usage: {orgId: me}\n`);
  assert.deepEqual(config.usage, { orgId: 'me', enabled: true });
  assert.deepEqual([config.namers, config.telemetry], [[], []]);
});
