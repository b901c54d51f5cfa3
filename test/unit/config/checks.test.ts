import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALL_SUPPORTED, configOf, errorsOf, messagesOf, withRouter } from './parse-text.js';

test('a file without routers is refused', () => {
  const text = 'At least one router must be specified in the configuration.';
  assert.deepEqual(errorsOf('routers: []\n'), [`f:1:10: routers: ${text}`]);
  assert.deepEqual(errorsOf('namers: []\n'), [`f:1:1: routers: ${text}`]);
  assert.deepEqual(messagesOf('routers: ~\n'), [text]);
});

test('two routers with one label are refused, by default labels too', () => {
  assert.deepEqual(
    errorsOf(
      'routers:\n- {protocol: http, label: a, servers: [{port: 1}]}\n- {protocol: http, label: a, servers: [{port: 2}]}\n',
    ),
    ['f:3:27: routers[1].label: Multiple routers with the label a'],
  );
  assert.deepEqual(
    errorsOf('routers:\n- {protocol: http, servers: [{port: 1}]}\n- {protocol: http, servers: [{port: 2}]}\n'),
    ['f:3:14: routers[1].protocol: Multiple routers with the label http'],
  );
});

test('two servers on one ip and port are refused, within a router and between them', () => {
  const conflict = (servers: string): string[] => errorsOf(`routers: [{protocol: http, servers: [${servers}]}]`);
  assert.deepEqual(conflict('{port: 80}, {port: "80"}'), [
    'f:1:57: routers[0].servers[1].port: Server conflict on port 80',
  ]);
  assert.deepEqual(
    messagesOf('routers: [{protocol: http, servers: [{}]}, {protocol: http, label: b, servers: [{}]}]'),
    ['Server conflict on port 4140'],
  );
  assert.equal(conflict('{port: 80, ip: localhost}, {port: 80}').length, 1);
  // Another address is for the operating system to refuse; 0 is another port each time.
  assert.deepEqual(conflict('{port: 80, ip: 0.0.0.0}, {port: 80}'), []);
  assert.deepEqual(conflict('{port: 0}, {port: 0}'), []);
});

test('a router without servers is refused', () => {
  assert.deepEqual(errorsOf('routers:\n- protocol: http\n  label: x\n'), [
    "f:2:3: routers[0].servers: router 'x' has no servers",
  ]);
  assert.deepEqual(messagesOf('routers: [{protocol: http, servers: []}]'), ["router 'http' has no servers"]);
});

test('streaming options that contradict each other are refused', () => {
  const text = withRouter('label: x', 'streamingEnabled: false', 'streamAfterContentLengthKB: 1');
  assert.deepEqual(errorsOf(text, ALL_SUPPORTED), [
    "f:6:31: routers[0].streamAfterContentLengthKB: Conflicting streaming options set. Can't disable streaming and set streamAfterContentLengthKB in x",
  ]);
  assert.deepEqual(messagesOf(withRouter('streamingEnabled: true', 'streamAfterContentLengthKB: 1')), []);
  assert.deepEqual(messagesOf(withRouter('streamingEnabled: false'), ALL_SUPPORTED), []);
});

test('the checks between parts speak although a part is wrong', () => {
  assert.deepEqual(messagesOf('routers: [{protocol: http, servers: [{port: 1}, {port: 1}], maxHeadersKB: x}, 5]'), [
    'Server conflict on port 1',
    'is "x", want a number',
    'is 5, want a map',
  ]);
});

const clientTls = (keys: string): string[] => messagesOf(withRouter(`client: {tls: {${keys}}}`), ALL_SUPPORTED);

test('client tls that validates wants a commonName', () => {
  const text = 'tls is configured with validation but `commonName` is not set';
  assert.deepEqual(clientTls(''), [text]);
  assert.deepEqual(clientTls('enabled: true, disableValidation: false'), [text]);
  assert.deepEqual(clientTls('commonName: a'), []);
  assert.deepEqual(clientTls('disableValidation: true'), []);
  assert.deepEqual(clientTls('enabled: false'), []);
});

test('client tls takes trustCerts or trustCertsBundle', () => {
  assert.ok(
    clientTls('commonName: a, trustCerts: [x], trustCertsBundle: y').includes(
      'Both trustCerts and trustCertsBundle have been set. Please use only trustCertsBundle.',
    ),
  );
});

test('client tls that trusts anyone shows no certificate', () => {
  const clientAuth = 'clientAuth: {certPath: c, keyPath: k}';
  const text = 'requirement failed: disableValidation: true is incompatible with clientAuth';
  assert.ok(clientTls(`disableValidation: true, ${clientAuth}`).includes(text));
  assert.ok(!clientTls(`commonName: a, ${clientAuth}`).includes(text));
});

test('server tls wants a certificate and its key', () => {
  assert.deepEqual(errorsOf('routers: [{protocol: http, servers: [{tls: {}}]}]', ALL_SUPPORTED), [
    'f:1:44: routers[0].servers[0].tls.certPath: is missing, want a text',
    'f:1:44: routers[0].servers[0].tls.keyPath: is missing, want a text',
  ]);
});

const serverKeys = (keys: string): string[] => messagesOf(`routers: [{protocol: http, servers: [{${keys}}]}]`);
const PAIR = 'certPath: c, keyPath: k';

test('server tls wants a pair of its own or certificates, and both of a pair', () => {
  assert.deepEqual(serverKeys(`tls: {certificates: [{${PAIR}}]}`), []);
  assert.deepEqual(serverKeys(`tls: {${PAIR}, certificates: [{${PAIR}, hosts: [a]}]}`), []);
  assert.deepEqual(serverKeys(`tls: {certPath: c, certificates: [{${PAIR}}]}`), ['is missing, want a text']);
  assert.deepEqual(serverKeys('tls: {certificates: [{certPath: c}]}'), ['is missing, want a text']);
  assert.equal(serverKeys('tls: {certificates: []}').length, 1);
});

test('server tls with certificates from routes wants no file, but both of a pair', () => {
  assert.deepEqual(serverKeys('tls: {fromRoutes: true}'), []);
  assert.deepEqual(serverKeys(`tls: {fromRoutes: true, ${PAIR}}`), []);
  assert.deepEqual(serverKeys('tls: {fromRoutes: true, keyPath: k}'), ['is missing, want a text']);
  assert.equal(serverKeys('tls: {fromRoutes: false}').length, 2);
  assert.equal(serverKeys('tls: {fromRoutes: [web]}').length, 1);
});

test('server tls that asks for certificates of callers wants their CA', () => {
  for (const key of ['requireClientAuth', 'requestClientAuth']) {
    const text = `${key} needs the CAs that callers are checked against: set caCertPath`;
    assert.deepEqual(serverKeys(`tls: {${PAIR}, ${key}: true}`), [text]);
    assert.deepEqual(serverKeys(`tls: {${PAIR}, ${key}: true, caCertPath: ca}`), []);
  }
});

test('redirectToHttps is for listeners without tls, hsts for those with it', () => {
  assert.deepEqual(serverKeys('redirectToHttps: {}'), []);
  assert.match(serverKeys(`redirectToHttps: {}, tls: {${PAIR}}`).join(), /^redirectToHttps on a listener with tls/);
  assert.equal(serverKeys('redirectToHttps: {status: 200}').length, 1);
  assert.deepEqual(serverKeys(`hsts: {}, tls: {${PAIR}}`), []);
  assert.match(serverKeys('hsts: {}').join(), /^hsts has no effect without tls/);
});

test('hsts with preload is what the lists of browsers ask for', () => {
  const hsts = (keys: string): string[] => serverKeys(`hsts: {preload: true${keys}}, tls: {${PAIR}}`);
  assert.deepEqual(hsts(', includeSubDomains: true'), []);
  assert.match(hsts('').join(), /^preload needs includeSubDomains: true/);
  assert.match(hsts(', includeSubDomains: true, maxAgeSecs: 300').join(), /at least 31536000/);
});

test('a jittered backoff wants both of its bounds', () => {
  const backoff = (keys: string): string[] =>
    messagesOf(withRouter(`service: {retries: {backoff: {kind: jittered${keys}}}}`));
  assert.deepEqual(backoff(', maxMs: 5'), ["'minMs' must be specified"]);
  assert.deepEqual(backoff(', minMs: 5'), ["'maxMs' must be specified"]);
  assert.deepEqual(backoff(''), ["'maxMs' must be specified", "'minMs' must be specified"]);
  assert.deepEqual(backoff(', minMs: 1, maxMs: "5"'), []);
});

test('a retry budget keeps to its ranges', () => {
  const budget = (keys: string): string[] => messagesOf(withRouter(`service: {retries: {budget: {${keys}}}}`));
  assert.deepEqual(budget('ttlSecs: 0'), ['is 0, want at least 1']);
  assert.deepEqual(budget('ttlSecs: 61'), ['is 61, want at most 60']);
  assert.deepEqual(budget('percentCanRetry: -0.1'), ['is -0.1, want at least 0']);
  assert.deepEqual(budget('percentCanRetry: 1000.5'), ['is 1000.5, want at most 1000']);
  assert.deepEqual(budget('minRetriesPerSec: -1'), ['is -1, want at least 0']);
  assert.deepEqual(budget('ttlSecs: 60, percentCanRetry: 1000, minRetriesPerSec: 0'), []);
});

test('a static entry wants a prefix', () => {
  assert.deepEqual(errorsOf(withRouter('client: {kind: io.l5d.static, configs: [{failFast: false}]}')), [
    'f:4:43: routers[0].client.configs[0].prefix: is missing, want a text',
  ]);
  assert.deepEqual(messagesOf(withRouter('service: {kind: io.l5d.static}')), ['is missing, want a list']);
  assert.deepEqual(messagesOf(withRouter('service: {kind: io.l5d.dynamic}')), [
    'unknown kind "io.l5d.dynamic", did you mean "io.l5d.static"? (known: io.l5d.global, io.l5d.static)',
  ]);
});

test('a static label of a Forwarded header wants its label', () => {
  assert.deepEqual(messagesOf('routers: [{protocol: http, servers: [{addForwardedHeader: {by: {kind: static}}}]}]'), [
    'is missing, want a text',
  ]);
});

test('roll policies of an access log are words, weekdays and sizes', () => {
  for (const policy of ['never', 'Hourly', 'DAILY', 'weekly(1)', 'weekly(7)', '3.megabytes', '1.gigabyte']) {
    assert.equal(
      configOf(withRouter(`httpAccessLogRollPolicy: ${policy}`)).routers[0]?.httpAccessLogRollPolicy,
      policy,
    );
  }
  for (const policy of ['weekly', 'weekly(0)', 'weekly(8)', '0.megabytes', '3megabytes', '3.parsecs', 'sometimes']) {
    assert.match(
      messagesOf(withRouter(`httpAccessLogRollPolicy: ${policy}`)).join('\n'),
      /^is ".+", want never, hourly/,
    );
  }
});

test('path lists of admin security are regular expressions', () => {
  const security = (key: string, expression: string): string[] =>
    errorsOf(`admin: {security: {${key}: ['/ok', '${expression}']}}\n${withRouter()}`);
  for (const key of ['pathWhitelist', 'pathBlacklist']) {
    assert.deepEqual(security(key, '/admin/.*'), []);
    for (const broken of ['(', '\\Qx\\E']) {
      assert.equal(security(key, broken).length, 1);
      assert.match(
        security(key, broken)[0] ?? '',
        new RegExp(`^f:1:\\d+: admin\\.security\\.${key}\\[1\\]: is ".+", want a regular`),
      );
    }
  }
});
