import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfig, showConfigError } from '../../../../config/schema/parse.js';
import { consulInterpreter, consulNamer } from '../../../../namers/consul/index.js';
import { kinds as builtIn } from '../../../../src/kinds.js';

const kinds = {
  ...builtIn,
  namer: [consulNamer],
  interpreter: [...builtIn.interpreter.filter(({ kind }) => kind !== consulInterpreter.kind), consulInterpreter],
};

const TOKEN = 's3cret-token';

/** What the configuration says of the first namer, or all that is wrong with it. */
function parse(namer: object, interpreter: object = {}): unknown {
  const router = {
    protocol: 'http',
    servers: [{ port: 0 }],
    interpreter: { kind: 'io.l5d.consul.interpreter', ...interpreter },
  };
  const file = { namers: [{ kind: 'io.l5d.consul', ...namer }], routers: [router] };
  const parsed = parseConfig(JSON.stringify(file), 'linkerd.yaml', kinds);
  if (!parsed.ok) return parsed.errors.map(showConfigError).join('\n');
  return { namer: parsed.config.namers[0]?.config, interpreter: parsed.config.routers[0]?.interpreter.config };
}

describe('configuration of io.l5d.consul', () => {
  it("has Linkerd's defaults", () => {
    const { namer } = parse({}) as { namer: unknown };
    assert.deepEqual(namer, {
      host: 'localhost',
      port: 8500,
      includeTag: false,
      useHealthCheck: false,
      healthStatuses: ['passing'],
      setHost: false,
      consistencyMode: 'default',
      failFast: false,
      preferServiceAddress: true,
      weights: [],
      transferMetadata: false,
      publish: false,
    });
  });

  it('takes every key of Linkerd', () => {
    const keys = {
      host: 'consul.example.com',
      port: 8501,
      includeTag: true,
      useHealthCheck: true,
      healthStatuses: ['passing', 'warning', 'critical', 'maintenance'],
      token: TOKEN,
      setHost: true,
      consistencyMode: 'stale',
      failFast: true,
      preferServiceAddress: false,
      weights: [{ tag: 'big', weight: 2.5 }],
      fixedLengthStreamedAfterKB: 5120,
      transferMetadata: true,
      publish: true,
      publishDatacenter: 'dc2',
    };
    const tls = { commonName: 'consul.example.com', trustCertsBundle: '/ca.pem' };
    const { namer } = parse({ ...keys, tls }) as { namer: { readonly tls: object } };
    assert.deepEqual({ ...namer, tls: {} }, { ...keys, tls: {} });
    assert.deepEqual(namer.tls, { enabled: true, disableValidation: false, ...tls });
  });

  for (const [what, keys, message] of [
    ['a port of 70000', { port: 70000 }, /namers\.0\.port|namers\[0\]\.port/],
    ['an unknown status', { healthStatuses: ['ok'] }, /healthStatuses/],
    ['no status at all', { healthStatuses: [] }, /healthStatuses/],
    ['an unknown mode', { consistencyMode: 'eventual' }, /consistencyMode/],
    ['a negative weight', { weights: [{ tag: 'a', weight: -1 }] }, /weight/],
    ['a weight without a tag', { weights: [{ weight: 1 }] }, /tag/],
    ['an unknown key', { helthStatuses: ['passing'] }, /helthStatuses/],
    ['an empty host', { host: '' }, /host/],
    ['TLS without a name', { tls: {} }, /commonName/],
    ['a token that is no text', { token: 12345678 }, /token/],
    ['a datacenter that publishes nothing', { publishDatacenter: 'dc2' }, /`publish` is not true/],
  ] as const) {
    it(`refuses ${what}, and shows no token`, () => {
      const errors = String(parse({ token: TOKEN, ...keys }));
      assert.match(errors, message);
      assert.ok(!errors.includes(TOKEN) && !errors.includes('12345678'), errors);
    });
  }
});

describe('configuration of io.l5d.consul.interpreter', () => {
  it("has Linkerd's defaults", () => {
    const { interpreter } = parse({}) as { interpreter: { readonly pathPrefix: object } };
    assert.deepEqual(
      { ...interpreter, pathPrefix: String(interpreter.pathPrefix) },
      {
        host: 'localhost',
        port: 8500,
        pathPrefix: '/namerd/dtabs',
        namespace: 'default',
        readConsistencyMode: 'default',
        writeConsistencyMode: 'default',
        failFast: false,
      },
    );
  });

  it('takes every key of Linkerd', () => {
    const keys = {
      host: 'consul',
      port: 8501,
      namespace: 'edge',
      token: TOKEN,
      datacenter: 'dc2',
      readConsistencyMode: 'stale',
      writeConsistencyMode: 'consistent',
      failFast: true,
      backoff: { kind: 'jittered', minMs: 5, maxMs: 500 },
      tls: { disableValidation: true },
    };
    const { interpreter } = parse({}, { ...keys, pathPrefix: '/a/b' }) as { interpreter: object };
    assert.deepEqual({ ...interpreter, tls: keys.tls, pathPrefix: '/a/b' }, { ...keys, pathPrefix: '/a/b' });
  });
});
