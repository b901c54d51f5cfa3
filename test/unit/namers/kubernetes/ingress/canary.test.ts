import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { backend, compile, type IngressWords, ingress, path } from '../../../../support/ingress-scene.js';

const at = (service: string, value = '/', pathType = 'Prefix') => ({
  rules: [{ host: 'x.example.com', http: { paths: [path(value, pathType, service)] } }],
});
const primary = (words: IngressWords = {}) => ingress('web', { spec: at('web'), ...words });
const canary = (annotations: Readonly<Record<string, string>> = {}, words: IngressWords = {}) =>
  ingress('next', { spec: at('next'), age: 1, ...words, annotations: { canary: 'true', ...annotations } });

describe('a canary Ingress', () => {
  it('adds to the rule of the same host and path, and no rules of its own', () => {
    const seen = compile([canary({ 'canary-weight': '25' }), primary()]);
    assert.deepEqual(seen.rules, ['x.example.com prefix / -> /shop/80/web']);
    const added = seen.compiled.routes.rules[0]?.canary;
    assert.equal(added?.backend.show(), '/shop/80/next');
    assert.equal(added?.weight, 0.25);
    assert.equal(added?.origin, 'ingress shop/next');
    assert.deepEqual(seen.verdict('next'), { accepted: true, isServed: true, problems: [] });
  });

  it('goes by header, by its value, and by cookie', () => {
    const [rule] = compile([
      primary(),
      canary({ 'canary-by-header': 'X-Canary', 'canary-by-header-value': 'blue one', 'canary-by-cookie': 'Canary' }),
    ]).compiled.routes.rules;
    const { header, headerValue, cookie, weight } = rule?.canary ?? {};
    assert.deepEqual(
      { header, headerValue, cookie, weight },
      {
        header: 'x-canary',
        headerValue: 'blue one',
        cookie: 'Canary',
        weight: 0,
      },
    );
  });

  it('may be older than its primary', () => {
    const seen = compile([canary({}, { age: 0 }), primary({ age: 5 })]);
    assert.ok(seen.compiled.routes.rules[0]?.canary);
  });

  it('has what it does not say from its primary, and who may come always', () => {
    const [rule] = compile([
      primary({
        annotations: {
          'request-timeout': '5s',
          'max-body-size': '1k',
          'allowed-source-ranges': '10.0.0.0/8',
          'ssl-redirect': 'true',
          'rewrite-target': '/a',
        },
      }),
      canary({ 'request-timeout': '1s', 'backend-protocol': 'GRPC' }),
    ]).compiled.routes.rules;
    assert.deepEqual(rule?.canary?.options, {
      ...rule?.options,
      policy: { backend: 'grpc', timeoutMs: 1000, attemptTimeoutMs: undefined, maxBodyBytes: 1024 },
    });
    assert.deepEqual(rule?.canary?.options.allowedSources?.shown, ['10.0.0.0/8']);
  });

  it('needs a primary that is served, with the same host, path and pathType', () => {
    const services = { 'shop/next': { ports: [{ port: 80 }] } };
    for (const seen of [
      compile([canary()]),
      compile([canary({}, { spec: at('next', '/other') }), primary()]),
      compile([canary({}, { spec: at('next', '/', 'Exact') }), primary()]),
      compile([canary(), primary()], { services }),
      compile([canary(), primary({ annotations: { exposre: 'x' } })]),
    ]) {
      assert.deepEqual(seen.reasons('next'), ['CanaryWithoutPrimary']);
      assert.equal(seen.verdict('next').isServed, false);
    }
    assert.deepEqual(compile([canary()]).messages('next'), [
      'spec.rules[0].http.paths[0]: a canary of x.example.com with path / (prefix), which no Ingress serves; want an Ingress that is served with the same host, path and pathType',
    ]);
  });

  it('needs its own service too', () => {
    const seen = compile([canary(), primary()], { services: { 'shop/web': { ports: [{ port: 80 }] } } });
    assert.deepEqual(seen.reasons('next'), ['ServiceNotFound']);
    assert.equal(seen.compiled.routes.rules[0]?.canary, undefined);
  });

  it('may not be of another namespace, unless hosts are shared', () => {
    const other = ingress('other/next', { spec: at('next'), annotations: { canary: 'true' } });
    assert.deepEqual(compile([primary({ age: 1 }), other]).reasons('other/next'), ['HostOwned']);
    assert.equal(compile([primary({ age: 1 }), other]).compiled.routes.rules[0]?.canary, undefined);
    const shared = compile([primary(), other], { hostOwnership: 'shared' });
    assert.equal(shared.compiled.routes.rules[0]?.canary?.backend.show(), '/other/80/next');
  });

  it('owns no host: it cannot keep a primary of another namespace away', () => {
    const seen = compile([canary({}, { age: 0 }), ingress('late/web', { spec: at('web'), age: 9 })]);
    assert.deepEqual(seen.rules, ['x.example.com prefix / -> /late/80/web']);
  });

  it('is the only one of a path: the later is left out', () => {
    const seen = compile([
      primary(),
      canary(),
      ingress('third', { spec: at('third'), age: 2, annotations: { canary: 'true' } }),
    ]);
    assert.equal(seen.compiled.routes.rules[0]?.canary?.origin, 'ingress shop/next');
    assert.deepEqual(seen.messages('third'), [
      'spec.rules[0].http.paths[0]: ingress shop/next is the canary of x.example.com with path / (prefix), and comes first (by age, then name); it is left out',
    ]);
  });

  it('must say external itself to be reached from outside by an external primary', () => {
    const external = primary({ annotations: { exposure: 'external' } });
    const seen = compile([external, canary()]);
    assert.equal(seen.compiled.routes.rules[0]?.canary, undefined);
    assert.deepEqual(seen.messages('next'), [
      'spec.rules[0].http.paths[0]: the canary is internal, and ingress shop/web external; it is left out until it has annotation linkgate.io/exposure: external too',
    ]);
    assert.ok(compile([external, canary({ exposure: 'external' })]).compiled.routes.rules[0]?.canary);
  });

  it('opens nothing outside by being external itself', () => {
    const seen = compile([primary(), canary({ exposure: 'external' })]);
    assert.equal(seen.compiled.routes.rules[0]?.exposure, 'internal');
    assert.deepEqual(seen.published, []);
  });

  it('has no default backend', () => {
    const seen = compile([primary(), canary({}, { spec: { ...at('next'), defaultBackend: backend('x') } })]);
    assert.deepEqual(seen.defaults, []);
    assert.deepEqual(seen.messages('next'), ['spec.defaultBackend: a canary has no default backend; it is left out']);
  });

  for (const [annotations, wrong] of [
    [{ 'canary-weight': '101' }, 'canary-weight is "101", want a whole number of percent from 0 to 100'],
    [{ 'canary-weight': '-1' }, 'canary-weight is "-1", want a whole number of percent from 0 to 100'],
    [{ 'canary-weight': '0.5' }, 'canary-weight is "0.5", want a whole number of percent from 0 to 100'],
    [
      { 'canary-by-header': 'x y' },
      'canary-by-header is "x y", want a name of letters, digits and -, of at most 100 characters',
    ],
    [
      { 'canary-by-cookie': 'a=b' },
      'canary-by-cookie is "a=b", want a name of letters, digits and -, of at most 100 characters',
    ],
    [{ 'canary-by-header-value': 'x' }, 'canary-by-header-value has no meaning without canary-by-header'],
    [
      { 'canary-by-header': 'a', 'canary-by-header-value': 'x\ny' },
      'canary-by-header-value is "x y", want visible ASCII, without blanks around it, of at most 1000 characters',
    ],
    [{ 'ssl-redirect': 'false' }, 'ssl-redirect is for the primary Ingress, whose setting holds for its canary'],
    [
      { 'allowed-source-ranges': '10.0.0.0/8' },
      'allowed-source-ranges is for the primary Ingress, whose setting holds for its canary',
    ],
    [{ canary: 'ture' }, 'canary is "ture", want "true" or "false"'],
  ] as const) {
    it(`is refused alone with ${JSON.stringify(annotations)}`, () => {
      const seen = compile([primary({ age: 3 }), canary(annotations)]);
      assert.deepEqual(seen.rules, ['x.example.com prefix / -> /shop/80/web'], 'the primary goes on, though younger');
      assert.equal(seen.compiled.routes.rules[0]?.canary, undefined);
      assert.deepEqual(seen.messages('next'), [
        `annotation linkgate.io/${wrong}; nothing of the Ingress is served until it is right`,
      ]);
    });
  }

  it('is one only with canary: "true": its settings alone are a mistake, with "false" they are at rest', () => {
    const settings = { 'canary-weight': '10' };
    const forgotten = ingress('web', { spec: at('web'), annotations: settings });
    assert.deepEqual(compile([forgotten]).messages('web'), [
      'annotation linkgate.io/canary-weight has no meaning without canary: "true"; nothing of the Ingress is served until it is right',
    ]);
    const atRest = ingress('web', { spec: at('web'), annotations: { ...settings, canary: 'false' } });
    assert.equal(compile([atRest]).rules.length, 1);
  });
});
