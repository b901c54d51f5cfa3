import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAKE_KINDS } from './fake-kinds.js';
import { configOf, errorsOf, messagesOf, routerOf, withRouter } from './parse-text.js';

const ROUTERS = 'routers: [{protocol: http, servers: [{}]}]\n';

test('a plugin object becomes its kind with the keys that are its own', () => {
  const [namer] = configOf(
    `${ROUTERS}namers: [{kind: test.registry, port: 1, weights: [{tag: a, weight: 0.5}]}]`,
  ).namers;
  assert.equal(namer?.kind, FAKE_KINDS.namer[1]);
  assert.deepEqual(namer?.config, {
    host: 'localhost',
    port: 1,
    mode: 'default',
    weights: [{ tag: 'a', weight: 0.5 }],
  });
  assert.deepEqual(namer?.transformers, []);
});

test('a namer is found by its kind, or by its prefix of any length', () => {
  const { namers } = configOf(
    `${ROUTERS}namers: [{kind: io.l5d.fs, rootDir: a}, {kind: io.l5d.fs, rootDir: b, prefix: /x/y}]`,
  );
  assert.deepEqual(
    namers.map(({ prefix }) => prefix.show()),
    ['/#/io.l5d.fs', '/#/x/y'],
  );
});

test('transformers stand at namers and interpreters, and are found by kind or prefix after /%', () => {
  const config = configOf(`
namers: [{kind: io.l5d.fs, rootDir: a, transformers: [{kind: io.l5d.port, port: 1}, {kind: io.l5d.port, port: 2, prefix: /p}]}]
routers: [{protocol: http, servers: [{}], interpreter: {kind: default, transformers: [{kind: io.l5d.port, port: "3"}]}}]
`);
  const [first, second] = config.namers[0]?.transformers ?? [];
  assert.deepEqual([first?.prefix.show(), first?.config], ['/%/io.l5d.port', { port: 1 }]);
  assert.deepEqual([second?.prefix.show(), second?.config], ['/%/p', { port: 2 }]);
  assert.deepEqual(config.routers[0]?.interpreter.transformers[0]?.config, { port: 3 });
});

test('a prefix of a telemeter is its own key', () => {
  const { telemetry } = configOf(`${ROUTERS}telemetry: [{kind: io.l5d.prometheus, prefix: linkgate_}]`);
  assert.deepEqual(telemetry[0]?.config, { prefix: 'linkgate_' });
});

test('an unknown kind lists the kinds there are', () => {
  assert.deepEqual(errorsOf(`${ROUTERS}namers:\n- kind: io.l5d.ffs\n  rootDir: x\n`), [
    'f:3:9: namers[0].kind: unknown kind "io.l5d.ffs", did you mean "io.l5d.fs"? (known: io.l5d.fs, test.new, test.registry)',
  ]);
  assert.deepEqual(messagesOf(`${ROUTERS}namers: [{kind: 5}]`), [
    'is 5, want one of: io.l5d.fs, test.new, test.registry',
  ]);
  assert.deepEqual(messagesOf(`${ROUTERS}namers: [{rootDir: x}]`), [
    'is missing, want one of: io.l5d.fs, test.new, test.registry',
  ]);
  assert.deepEqual(messagesOf(`${ROUTERS}namers: [fs]`), ['is "fs", want a map']);
});

test('mistakes in the keys of a kind are told like all others', () => {
  assert.deepEqual(
    messagesOf(
      `${ROUTERS}namers: [{kind: test.registry, port: 0, mode: slow, weights: [{tag: a, weight: x}], hots: y}]`,
    ),
    [
      'is 0, want at least 1',
      'is "slow", want "default" or "stale"',
      'is "x", want a number',
      'unknown key "hots", did you mean "host"? (known: host, port, token, zone, size, mode, weights, prefix, transformers, experimental, kind)',
    ],
  );
});

test('a message of a kind is shown as it is, completed when it begins with "want"', () => {
  assert.deepEqual(messagesOf(`${ROUTERS}namers: [{kind: test.registry, zone: b, size: 13}]`), [
    'is "b", want a zone other than b',
    '13 brings bad luck',
  ]);
});

test('an experimental kind wants experimental: true', () => {
  const refusal = (name: string): string =>
    `The ${name} is experimental and must be explicitly enabled by setting the \`experimental' parameter to \`true'.`;
  assert.deepEqual(messagesOf(`${ROUTERS}namers: [{kind: test.new}]`), [refusal('/test.new namer')]);
  assert.deepEqual(messagesOf(`${ROUTERS}namers: [{kind: test.new, prefix: /n, experimental: false}]`), [
    refusal('/n namer'),
  ]);
  assert.deepEqual(messagesOf(`${ROUTERS}telemetry: [{kind: test.new}]`), [refusal('test.new telemeter')]);
  assert.deepEqual(messagesOf(withRouter('interpreter: {kind: test.new}')), [refusal('test.new interpreter')]);
  // Said although another key is wrong.
  assert.equal(messagesOf(`${ROUTERS}namers: [{kind: test.new, size: x}]`).length, 2);

  const config = configOf(`${ROUTERS}namers: [{kind: test.new, experimental: true, size: 2}]`);
  assert.deepEqual(config.namers[0]?.config, { size: 2 });
  // Harmless on what is not experimental.
  assert.equal(configOf(`${ROUTERS}namers: [{kind: io.l5d.fs, rootDir: a, experimental: true}]`).namers.length, 1);
});

test('identifier is one object or a list', () => {
  const kinds = (text: string): string[] => routerOf(withRouter(text)).identifier.map(({ kind }) => kind.kind);
  assert.deepEqual(kinds('identifier: {kind: io.l5d.path}'), ['io.l5d.path']);
  assert.deepEqual(kinds('identifier: [{kind: io.l5d.path}, {kind: io.l5d.header.token}]'), [
    'io.l5d.path',
    'io.l5d.header.token',
  ]);
  assert.deepEqual(errorsOf(withRouter('identifier: {kind: io.l5d.path, segments: 0}')), [
    'f:4:45: routers[0].identifier.segments: is 0, want at least 1',
  ]);
  assert.deepEqual(errorsOf(withRouter('identifier:', '- kind: io.l5d.path', '  segments: 0')), [
    'f:6:15: routers[0].identifier[0].segments: is 0, want at least 1',
  ]);
  assert.deepEqual(messagesOf(withRouter('identifier: path')), ['is "path", want a map or a list']);
  assert.deepEqual(messagesOf(withRouter('identifier: []')), ['is an empty list, want a list that is not empty']);
});
