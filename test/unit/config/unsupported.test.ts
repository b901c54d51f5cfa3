import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CATEGORIES, type Category } from '../../../config/schema/categories.js';
import { PLACES, type Place } from '../../../config/schema/places.js';
import { REMOVED_KEYS } from '../../../config/schema/removed.js';
import { LINKERD_KINDS, UNSUPPORTED_KEYS } from '../../../config/schema/unsupported.js';
import { FAKE_KINDS } from './fake-kinds.js';
import { ALL_SUPPORTED, errorsOf, messagesOf, withRouter } from './parse-text.js';

const KNOWN = 'is known to Linkerd 1.7.5 but not supported by linkgate yet';

/** The plugin kinds of Linkerd 1.7.5 as its documentation lists them. Dtab stores stand in namerd's file, not here. */
const DOCUMENTED: Readonly<Record<Category, string>> = {
  namer:
    'io.l5d.fs io.l5d.consul io.l5d.k8s io.l5d.k8s.ns io.l5d.k8s.external io.l5d.serversets io.l5d.zkLeader ' +
    'io.l5d.curator io.l5d.dnssrv io.l5d.marathon io.l5d.rancher io.l5d.k8s.istio io.l5d.rewrite',
  interpreter:
    'default io.l5d.namerd io.l5d.namerd.http io.l5d.mesh io.l5d.fs io.l5d.k8s.configMap io.l5d.consul.interpreter ' +
    'io.l5d.k8s.istio',
  transformer:
    'io.l5d.localhost io.l5d.specificHost io.l5d.port io.l5d.k8s.daemonset io.l5d.k8s.localnode io.l5d.replace ' +
    'io.l5d.const',
  identifier:
    'io.l5d.header.token io.l5d.header io.l5d.header.path io.l5d.methodAndHost io.l5d.path io.l5d.static ' +
    'io.l5d.ingress io.l5d.k8s.istio',
  balancer: 'p2c ewma aperture heap roundRobin',
  accrual: 'io.l5d.consecutiveFailures io.l5d.successRate io.l5d.successRateWindowed none',
  classifier:
    'io.l5d.http.nonRetryable5XX io.l5d.http.retryableRead5XX io.l5d.http.retryableIdempotent5XX ' +
    'io.l5d.http.retryableAll5XX io.l5d.http.allSuccessful io.l5d.h2.nonRetryable5XX io.l5d.h2.retryableRead5XX ' +
    'io.l5d.h2.retryableIdempotent5XX io.l5d.h2.retryableAll5XX io.l5d.h2.allSuccessful io.l5d.h2.grpc.default ' +
    'io.l5d.h2.grpc.compliant io.l5d.h2.grpc.alwaysRetryable io.l5d.h2.grpc.neverRetryable ' +
    'io.l5d.h2.grpc.retryableStatusCodes',
  telemeter: 'io.l5d.prometheus io.l5d.influxdb io.l5d.statsd io.l5d.tracelog io.l5d.recentRequests io.l5d.zipkin',
  announcer: 'io.l5d.serversets',
  requestAuthorizer: 'io.l5d.k8s.istio',
};

/** A file with one plugin object of a category. */
const FILE_WITH: Readonly<Record<Category, (object: string) => string>> = {
  namer: (object) => `${withRouter()}namers: [${object}]`,
  interpreter: (object) => withRouter(`interpreter: ${object}`),
  transformer: (object) => withRouter(`interpreter: {kind: default, transformers: [${object}]}`),
  identifier: (object) => withRouter(`identifier: ${object}`),
  balancer: (object) => withRouter(`client: {loadBalancer: ${object}}`),
  accrual: (object) => withRouter(`client: {failureAccrual: ${object}}`),
  classifier: (object) => withRouter(`service: {responseClassifier: ${object}}`),
  telemeter: (object) => `${withRouter()}telemetry: [${object}]`,
  announcer: (object) => withRouter(`announcers: [${object}]`),
  requestAuthorizer: (object) => withRouter(`client: {requestAuthorizers: [${object}]}`),
};

for (const category of CATEGORIES) {
  test(`every ${category} of Linkerd is either built or known as not built`, () => {
    for (const kind of DOCUMENTED[category].split(' ')) {
      const messages = messagesOf(FILE_WITH[category](`{kind: ${kind}, host: x}`), ALL_SUPPORTED);
      if (FAKE_KINDS[category].some((built) => built.kind === kind)) {
        // Its keys are judged, not its kind.
        assert.equal(
          messages.some((message) => message.includes('Linkerd 1.7.5')),
          false,
          kind,
        );
      } else {
        assert.equal(messages.length, 1, kind);
        assert.ok(messages[0]?.startsWith(`the ${category} ${kind} is known to Linkerd 1.7.5 but not supported`), kind);
      }
    }
    assert.deepEqual([...LINKERD_KINDS[category]].sort(), DOCUMENTED[category].split(' ').sort());
  });
}

test('kinds whose other end no longer exists say so', () => {
  assert.deepEqual(messagesOf(FILE_WITH.namer('{kind: io.l5d.rancher}')), [
    'the namer io.l5d.rancher is known to Linkerd 1.7.5 but not supported by linkgate: Rancher 1.x, which it reads, no longer exists',
  ]);
  assert.match(messagesOf(FILE_WITH.identifier('{kind: io.l5d.k8s.istio}')).join('\n'), /no longer exist$/);
});

test('the other keys of an object that is not supported are not judged', () => {
  assert.deepEqual(errorsOf('routers:\n- foo: bar\n  protocol: mux\n  servers: [{windowUpdateRatio: 0.5}]\n'), [
    `f:3:3: routers[0].protocol: protocol: "mux" ${KNOWN}`,
  ]);
});

test('each protocol that is not supported is refused', () => {
  for (const protocol of ['thrift', 'mux', 'thriftmux']) {
    assert.deepEqual(messagesOf(`routers: [{protocol: ${protocol}, servers: [{}]}]`), [
      `protocol: "${protocol}" ${KNOWN}`,
    ]);
  }
  assert.deepEqual(messagesOf('routers: [{protocol: htp, servers: [{}]}]'), [
    'unknown protocol "htp", did you mean "http"? (known: h2, http)',
  ]);
});

/** For each entry of the table: keys of its place with it, and the same harmless. */
const USES: Readonly<Partial<Record<Place, Readonly<Record<string, readonly [refused: string, accepted?: string]>>>>> =
  {
    router: {
      streamingEnabled: ['streamingEnabled: false', 'streamingEnabled: true'],
      compressionLevel: ['compressionLevel: "6"', 'compressionLevel: 0'],
      protocol: ['protocol: thrift', 'protocol: http'],
    },
    tracePropagator: { kind: ['kind: io.l5d.zipkin', 'kind: io.l5d.default'] },
    serverSocket: {
      reuseAddr: ['reuseAddr: false', 'reuseAddr: true'],
      reusePort: ['reusePort: true', 'reusePort: false'],
    },
    client: {
      requestAuthorizers: ['requestAuthorizers: []'],
    },
    admin: {
      tls: ['tls: {certPath: a, keyPath: b}'],
      socketOptions: ['socketOptions: {}'],
      httpIdentifierPort: ['httpIdentifierPort: 1'],
    },
  };

/** A file with `keys` at `pattern`. */
function fileWith(pattern: readonly string[], keys: string): string {
  const inner = [...pattern]
    .reverse()
    .reduce((value, step) => (step === '*' ? `[${value}]` : `{${step}: ${value}}`), `{${keys}}`);
  return inner
    .replace(
      '{routers: [{',
      keys.startsWith('protocol') ? '{routers: [{servers: [{}], ' : '{routers: [{protocol: http, servers: [{}], ',
    )
    .replace('servers: [{}], servers:', 'servers:')
    .replace('{configs: [{', '{kind: io.l5d.static, configs: [{prefix: /, ')
    .replace(/^\{admin/, '{routers: [{protocol: http, servers: [{}]}], admin');
}

test('every entry of the table is refused wherever it stands, and is all that is wrong', () => {
  for (const { place, key } of UNSUPPORTED_KEYS) {
    const use = USES[place]?.[key];
    assert.ok(use, `no use of ${place} ${key} in this test`);
    const [refused, accepted] = use;
    for (const pattern of PLACES[place]) {
      const text = fileWith(pattern, refused);
      const messages = messagesOf(text);
      assert.equal(messages.length, 1, text);
      assert.ok(messages[0]?.endsWith(KNOWN), messages[0]);
      assert.ok(messages[0]?.includes(key), messages[0]);
      if (accepted !== undefined) assert.deepEqual(messagesOf(fileWith(pattern, accepted)), []);
    }
  }
});

test('every entry of the table can be taken out without touching the schema, protocols apart', () => {
  for (const { place, key } of UNSUPPORTED_KEYS) {
    if (key === 'protocol') continue;
    for (const pattern of PLACES[place]) {
      const refused = USES[place]?.[key]?.[0] ?? '';
      assert.deepEqual(messagesOf(fileWith(pattern, refused), ALL_SUPPORTED), [], refused);
    }
  }
});

test('what Linkerd removed is told with what to write instead, and nothing else is', () => {
  const hidden = new Set(['enabled', 'kind', 'caCertPath', 'names']);
  for (const { place, key, advice } of REMOVED_KEYS) {
    if (hidden.has(key) || place === 'failureThreshold') continue;
    for (const pattern of PLACES[place]) {
      const text: string =
        place === 'file' ? `{routers: [{protocol: http, servers: [{}]}], ${key}: 1}` : fileWith(pattern, `${key}: 1`);
      assert.deepEqual(messagesOf(text), [`"${key}" ${advice}`], text);
    }
  }
});

test('removed keys of tls are told, and those of namerd interpreters once these are built', () => {
  const tls = `routers: [{protocol: http, servers: [{tls: {enabled: true, certPath: a, keyPath: b}}], client: {tls: {kind: io.l5d.boundPath, commonName: a}}}]`;
  assert.deepEqual(
    messagesOf(tls).map((message) => message.slice(0, message.indexOf(':'))),
    ['"enabled" was never a key of server tls, whatever its documentation says', '"kind" was removed in Linkerd 1.0.0'],
  );
  assert.match(
    messagesOf(withRouter('interpreter: {kind: io.l5d.mesh, failureThreshold: {windowSize: 1}}')).join('\n'),
    /"windowSize" was removed in Linkerd 1\.5\.0/,
  );
});

test('removed kinds are told with their new names', () => {
  assert.deepEqual(messagesOf(FILE_WITH.identifier('{kind: io.l5d.headerToken}')), [
    '"io.l5d.headerToken" was renamed in Linkerd 1.0.0: write io.l5d.header.token',
  ]);
  assert.match(
    messagesOf(FILE_WITH.telemeter('{kind: io.l5d.commonMetrics}')).join('\n'),
    /was removed in Linkerd 0\.9\.0/,
  );
});
