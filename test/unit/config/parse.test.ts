import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseConfig } from '../../../config/schema/parse.js';
import { FAKE_KINDS, fakeKind } from './fake-kinds.js';
import { configOf, errorsOf, messagesOf, routerOf, withRouter } from './parse-text.js';

test('parseConfig loads the first example of the documentation', () => {
  const router = routerOf(`
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.1/8888
  servers:
  - port: 8080
`);
  assert.equal(router.dtab.dentries.length, 1);
  assert.equal(router.servers[0]?.port, 8080);
});

test('parseConfig refuses of the second example exactly what is not built, with its places', () => {
  const lines = errorsOf(`namers: [{kind: io.l5d.k8s, host: localhost, port: 8001}]
routers:
- protocol: http
  identifier: [{kind: io.l5d.ingress}, {kind: io.l5d.header.token}]
  dtab: |
    /srv => /#/io.l5d.k8s ;
    /svc => /srv ;
  servers: [{port: 80, ip: 0.0.0.0, clearContext: true}]
  client: {kind: io.l5d.static, configs: [{prefix: "/#/io.l5d.k8s/*/443", tls: {disableValidation: true}}]}
`);
  const known = 'is known to Linkerd 1.7.5 but not supported by linkgate yet';
  assert.deepEqual(lines, [
    `f:1:17: namers[0].kind: the namer io.l5d.k8s ${known}`,
    `f:4:23: routers[0].identifier[0].kind: the identifier io.l5d.ingress ${known}`,
  ]);
});

test('parseConfig gives back the file as read, without nulls and without defaults', () => {
  const parsed = parseConfig(
    'admin:\nrouters:\n- protocol: http\n  label: ~\n  servers: [{port: "80"}]\n',
    'f',
    FAKE_KINDS,
  );
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.raw, { routers: [{ protocol: 'http', servers: [{ port: '80' }] }] });
});

test('parseConfig reports everything that is wrong, in order of place', () => {
  assert.deepEqual(
    errorsOf(`routers:
- protocol: http
  servers:
  - port: 70000
    ip: 5
  - prot: 1
  dstPrefix: svc
namers:
- kind: io.l5d.fs
telemetry: x
`),
    [
      'f:4:11: routers[0].servers[0].port: 70000 outside valid range for ports',
      'f:5:9: routers[0].servers[0].ip: is 5, want a text (put it in quotes)',
      'f:6:5: routers[0].servers[1].prot: unknown key "prot", did you mean "port"? (known: port, ip, label, tls, h2, ' +
        'redirectToHttps, hsts, exposure, externalHosts, dstPrefix, trustedProxies, denyAddresses, encodedSlashes, proxy, ' +
        'tunnelIdleMs, maxConcurrentRequests, maxConnections, announce, timeoutMs, serverSession, ' +
        'clearContext, socketOptions, addForwardedHeader, timestampHeader, maxCallDepth)',
      "f:7:14: routers[0].dstPrefix: is \"svc\", want a path such as \"/svc\" ('/' expected but 's' found at '[s]vc')",
      'f:9:3: namers[0].rootDir: is missing, want a text',
      'f:10:12: telemetry: is "x", want a list',
    ],
  );
});

test('parseConfig gives the same places for JSON', () => {
  assert.deepEqual(
    errorsOf('{"routers": [\n\t{"protocol": "http",\n\t "servers": [{"port": "x"}],\n\t "labl": "a"}]}').length,
    2,
  );
  const [first, second] = errorsOf(
    '{"routers": [\n\t{"protocol": "http",\n\t "servers": [{"port": "x"}],\n\t "labl": "a"}]}',
  );
  assert.equal(first, 'f:3:24: routers[0].servers[0].port: is "x", want a number');
  assert.match(second ?? '', /^f:4:3: routers\[0\]\.labl: unknown key "labl", did you mean "label"\?/);
});

test('parseConfig names an unknown key however deep it is', () => {
  const line = errorsOf(
    withRouter('client:', '  kind: io.l5d.static', '  configs:', '  - prefix: /', '    requeueBudget: {ttlSec: 1}'),
  );
  assert.deepEqual(line, [
    'f:8:23: routers[0].client.configs[0].requeueBudget.ttlSec: unknown key "ttlSec", did you mean "ttlSecs"? ' +
      '(known: minRetriesPerSec, percentCanRetry, ttlSecs)',
  ]);
});

test('parseConfig names each of several unknown keys at its own place', () => {
  const lines = errorsOf('admin: {x: 1, y: 2}\nrouters: [{protocol: http, servers: [{}]}]\n');
  assert.deepEqual(
    lines.map((line) => line.slice(0, line.indexOf(' (known'))),
    ['f:1:9: admin.x: unknown key "x"', 'f:1:15: admin.y: unknown key "y"'],
  );
});

test('parseConfig takes whole numbers in quotes, in its own keys and in those of plugins', () => {
  const config = configOf(`
routers:
- protocol: http
  servers: [{port: "8080"}]
  client: {loadBalancer: {kind: p2c, maxEffort: "7"}, requeueBudget: {ttlSecs: "5"}}
  identifier: [{kind: io.l5d.path, segments: "2"}]
  bindingTimeoutMs: "100"
`);
  const router = config.routers[0];
  assert.equal(router?.servers[0]?.port, 8080);
  assert.deepEqual(router?.client.base.loadBalancer.config, { maxEffort: 7 });
  assert.equal(router?.client.base.requeueBudget.ttlSecs, 5);
  assert.deepEqual(router?.identifier[0]?.config, { segments: 2 });
  assert.equal(router?.bindingTimeoutMs, 100);
});

test('parseConfig refuses quoted text, fractions and numbers that lose digits where a whole number is wanted', () => {
  for (const [value, message] of [
    ['"8o"', 'is "8o", want a number'],
    ['"1.5"', 'is "1.5", want a number'],
    ['1.5', 'is 1.5, want a whole number'],
    ['""', 'is "", want a number'],
    ['" 5"', 'is " 5", want a number'],
    ['-1', 'is -1, want at least 0'],
    ['"-1"', 'is "-1", want at least 0'],
    ['true', 'is true, want a number'],
    ['[1]', 'is a list, want a number'],
    ['{}', 'is a map, want a number'],
  ] as const) {
    assert.deepEqual(messagesOf(withRouter(`bindingTimeoutMs: ${value}`)), [message], value);
  }
  assert.equal(messagesOf(withRouter('bindingTimeoutMs: 12345678901234567890')).length, 1);
});

test('parseConfig takes the ports from 0 to 65535', () => {
  for (const port of ['0', '65535', '"65535"']) {
    assert.equal(
      routerOf(`routers: [{protocol: http, servers: [{port: ${port}}]}]`).servers[0]?.port,
      Number(port.replaceAll('"', '')),
    );
  }
  for (const port of ['-1', '65536', '"65536"']) {
    assert.deepEqual(messagesOf(`routers: [{protocol: http, servers: [{port: ${port}}]}]`), [
      `${port.replaceAll('"', '')} outside valid range for ports`,
    ]);
  }
});

test('parseConfig does not read yes, no, on and off as true and false', () => {
  for (const word of ['yes', 'no', 'on', 'off', '"true"']) {
    const shown = JSON.stringify(word.replaceAll('"', ''));
    assert.deepEqual(messagesOf(withRouter(`originator: ${word}`)), [`is ${shown}, want true or false`]);
  }
  assert.equal(routerOf(withRouter('originator: true')).originator, true);
});

test('parseConfig reads paths and dtabs into their types', () => {
  const router = routerOf(withRouter('dstPrefix: /a/b', 'dtab: "/x => /y | /z ; /w => !"'));
  assert.equal(router.dstPrefix.show(), '/a/b');
  assert.equal(router.dtab.dentries.length, 2);
});

test('parseConfig points into a dtab of many lines', () => {
  const lines = errorsOf(withRouter('dtab: |', '  /a => /b ;', '  /svc => srv ;', '  /c => /d ;'));
  assert.equal(lines.length, 1);
  assert.match(
    lines[0] ?? '',
    /^f:6:13: routers\[0\]\.dtab: is ".*", want a dtab such as .* found at '.*\[s\]rv ; \/c => \/d ;.*'\)$/,
  );
});

test('parseConfig takes the discriminator anywhere in its object', () => {
  const router = routerOf(
    'routers:\n- servers: [{}]\n  identifier: {segments: 2, kind: io.l5d.path}\n  protocol: http\n',
  );
  assert.deepEqual(router.identifier[0]?.config, { segments: 2 });
});

test('parseConfig follows aliases, and tells of a mistake at the anchor', () => {
  const text = (port: string): string =>
    `routers:\n- protocol: http\n  label: a\n  servers: [{port: 1, socketOptions: &s {backlog: ${port}}}]\n- protocol: http\n  servers: [{port: 2, socketOptions: *s}]\n`;
  assert.equal(configOf(text('5')).routers[1]?.servers[0]?.socketOptions.backlog, 5);
  const lines = errorsOf(text('0'));
  assert.deepEqual(lines, [
    'f:4:51: routers[0].servers[0].socketOptions.backlog: is 0, want at least 1',
    'f:4:51: routers[1].servers[0].socketOptions.backlog: is 0, want at least 1',
  ]);
});

test('parseConfig refuses an empty file, and one that is not a map', () => {
  const text = 'At least one router must be specified in the configuration.';
  assert.deepEqual(errorsOf(''), [`f:1:1: routers: ${text}`]);
  assert.deepEqual(errorsOf('[]'), ['f:1:1: is an empty list, want a map']);
  assert.deepEqual(errorsOf('linkerd'), ['f:1:1: is "linkerd", want a map']);
});

test('parseConfig tells what the parser says of broken text', () => {
  assert.deepEqual(errorsOf('admin:\n\tport: 1\n').length > 0, true);
  assert.match(errorsOf('admin:\n\tport: 1\n')[0] ?? '', /^f:2:1: Tabs are not allowed as indentation/);
});

test('parseConfig never shows a secret', () => {
  const text = `
namers:
- {kind: test.registry, token: {s3cret: 1}}
- {kind: test.registry, token: 53142}
- {kind: test.registry, host: [], weights: s3cret}
routers: [{protocol: http, servers: [{}]}]
`;
  const lines = errorsOf(text);
  assert.deepEqual(
    lines.filter((line) => line.includes('token')),
    [
      'f:3:32: namers[0].token: is a map, want a text',
      'f:4:32: namers[1].token: is ***, want a text (put it in quotes)',
    ],
  );
  assert.equal(
    lines.some((line) => line.includes('53142')),
    false,
  );
});

test('parseConfig hides the password of a URL in what it quotes', () => {
  const [line] = messagesOf(withRouter('dstPrefix: http://me:s3cret@host/'));
  assert.match(line ?? '', /"http:\/\/me:\*\*\*@host\/"/);
});

test('parseConfig cuts long values in its messages', () => {
  const [line] = messagesOf(withRouter(`maxHeadersKB: ${'x'.repeat(500)}`));
  assert.equal(line, `is "${'x'.repeat(60)}…", want a number`);
});

test('parseConfig refuses two kinds of one name', () => {
  const kinds = { ...FAKE_KINDS, balancer: [...FAKE_KINDS.balancer, fakeKind('p2c')] };
  const parsed = parseConfig(withRouter(), 'f', kinds);
  assert.ok(!parsed.ok);
  assert.deepEqual(parsed.errors, [
    {
      file: 'f',
      line: 1,
      column: 1,
      path: '',
      message: 'Conflicting subtypes: balancer p2c (The fake p2c.), balancer p2c (The fake p2c.)',
    },
  ]);
});

test('parseConfig throws at nothing, and what it refuses it explains', () => {
  const good =
    '{"routers": [{"protocol": "http", "servers": [{"port": 1}], "client": {"loadBalancer": {"kind": "p2c"}}}]}';
  const damaged = fc
    .tuple(fc.nat(good.length), fc.nat(12), fc.string({ maxLength: 6 }))
    .map(([at, length, text]) => good.slice(0, at) + text + good.slice(at + length));
  const anything = fc.oneof(
    fc.string(),
    fc.json(),
    damaged,
    fc.json().map((json) => `{"routers": [${json}]}`),
  );
  fc.assert(
    fc.property(anything, (text) => {
      const parsed = parseConfig(text, 'f', FAKE_KINDS);
      if (parsed.ok) return;
      assert.ok(parsed.errors.length > 0);
      for (const { line, column, message } of parsed.errors) {
        assert.ok(line >= 1 && column >= 1 && message !== '' && !message.includes('\n'), message);
      }
    }),
    { numRuns: 300 },
  );
});
