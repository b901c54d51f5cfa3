import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { backend, compile, type IngressWords, ingress } from '../../../../support/ingress-scene.js';

const withDefault = (id: string, service: string, { spec, ...words }: IngressWords = {}) =>
  ingress(id, { ...words, spec: { ...spec, defaultBackend: backend(service) } });

describe('a default backend', () => {
  it('is for the hosts of its Ingress, and the oldest for all that is left', () => {
    const seen = compile(
      [
        withDefault('b/web', 'young', { routes: ['b.example.com/x'], age: 2 }),
        withDefault('a/web', 'old', { routes: ['a.example.com/x', '*.a.example.com/x'], age: 1 }),
      ],
      { hostOwnership: 'shared' },
    );
    assert.deepEqual(seen.defaults, [
      'a.example.com,*.a.example.com -> /a/80/old',
      'b.example.com -> /b/80/young',
      '* -> /a/80/old',
    ]);
  });

  it('is that of v1beta1 as well', () => {
    const old = ingress('web', { spec: { backend: { serviceName: 'fallback', servicePort: 80 } } });
    assert.deepEqual(compile([old]).defaults, ['* -> /shop/80/fallback']);
  });

  it('answers for no host that another namespace owns, and for all of its own', () => {
    const seen = compile([
      withDefault('a/web', 'old', { routes: ['a.example.com/x'], age: 1 }),
      ingress('a/more', { routes: ['more.example.com/x'], age: 2 }),
      ingress('b/web', { routes: ['b.example.com/x'], age: 3 }),
    ]);
    assert.deepEqual(seen.defaults, [
      'a.example.com -> /a/80/old',
      'a.example.com,more.example.com -> /a/80/old',
      '* -> /a/80/old',
    ]);
    assert.deepEqual(seen.compiled.routes.ownedHosts, ['a.example.com', 'more.example.com', 'b.example.com']);
  });

  it('is ignored with ignoreDefaultBackends, and then owns nothing', () => {
    const seen = compile([withDefault('a/web', 'old'), ingress('b/web', { routes: ['/'], age: 1 })], {
      ignoreDefaultBackends: true,
    });
    assert.deepEqual(seen.defaults, []);
    assert.deepEqual(seen.rules, ['* prefix / -> /b/80/web']);
    assert.deepEqual(seen.reasons('a/web'), []);
  });

  it('is that of the namespace with the rules for any host, when there are some', () => {
    const seen = compile([
      withDefault('a/web', 'old', { routes: ['a.example.com/x'], age: 1 }),
      ingress('b/any', { routes: ['/x'], age: 2 }),
      withDefault('b/web', 'any', { age: 3 }),
    ]);
    assert.deepEqual(seen.defaults, ['a.example.com -> /a/80/old', '* -> /b/80/any']);
  });

  it('is for its named hosts alone where another namespace has the rules for any host', () => {
    const seen = compile([
      ingress('a/any', { routes: ['/a'], age: 1 }),
      withDefault('b/web', 'mixed', { routes: ['/b', 'b.example.com/x'], age: 2 }),
      withDefault('c/web', 'alone', { age: 3 }),
    ]);
    assert.deepEqual(seen.defaults, ['b.example.com -> /b/80/mixed']);
    assert.deepEqual(seen.reasons('b/web'), ['HostOwned']);
    assert.deepEqual(seen.reasons('c/web'), ['HostOwned']);
    assert.equal(seen.verdict('c/web').isServed, false);
  });

  it('is left out when its service is not there, and then the next one is general', () => {
    const seen = compile(
      [withDefault('a/web', 'gone', { routes: ['a.example.com/x'] }), withDefault('b/web', 'here', { age: 1 })],
      { services: { 'b/here': { ports: [{ port: 80 }] }, 'a/web': { ports: [{ port: 80 }] } } },
    );
    assert.deepEqual(seen.defaults, ['* -> /b/80/here']);
    assert.deepEqual(seen.messages('a/web'), [
      'spec.defaultBackend: there is no service a/gone; it is left out until there is',
    ]);
    assert.equal(seen.verdict('b/web').isServed, true);
  });

  it('is that of the oldest for one host', () => {
    const seen = compile([
      withDefault('one', 'one', { routes: ['x.example.com/1'] }),
      withDefault('two', 'two', { routes: ['x.example.com/2', 'y.example.com/'], age: 1 }),
    ]);
    assert.deepEqual(seen.defaults, [
      'x.example.com -> /shop/80/one',
      'y.example.com -> /shop/80/two',
      'x.example.com,y.example.com -> /shop/80/one',
      '* -> /shop/80/one',
    ]);
    assert.deepEqual(seen.messages('two'), [
      'spec.defaultBackend: ingress shop/one has a default backend for x.example.com, and comes first (by age, then name); for that host it is left out',
    ]);
  });

  it('is refused when it is a resource or no service', () => {
    const bad = ingress('web', { spec: { defaultBackend: { resource: { kind: 'X', name: 'x' } } } });
    assert.deepEqual(compile([bad]).reasons('web'), ['UnsupportedBackend']);
  });

  it('redirects hosts of spec.tls to https, and no others; is not rewritten', () => {
    const seen = compile([
      withDefault('web', 'fallback', {
        routes: ['a.example.com/x', 'b.example.com/x'],
        annotations: { 'rewrite-target': '/new', 'request-timeout': '1s' },
        spec: { tls: [{ hosts: ['a.example.com'] }] },
      }),
    ]);
    const shown = seen.compiled.routes.defaults.map(({ hosts, options: { httpsRedirect, rewriteTarget, policy } }) => ({
      hosts,
      httpsRedirect,
      rewriteTarget,
      timeoutMs: policy.timeoutMs,
    }));
    const common = { rewriteTarget: undefined, timeoutMs: 1000 };
    assert.deepEqual(shown, [
      { hosts: ['a.example.com'], httpsRedirect: true, ...common },
      { hosts: ['b.example.com'], httpsRedirect: false, ...common },
      { hosts: ['a.example.com', 'b.example.com'], httpsRedirect: false, ...common },
      { hosts: undefined, httpsRedirect: false, ...common },
    ]);
  });

  it('goes out to callers outside for the hosts of its Ingress alone', () => {
    const seen = compile([
      withDefault('web', 'fallback', {
        annotations: { exposure: 'external' },
        spec: { rules: [{ host: 'x.example.com' }] },
      }),
    ]);
    assert.deepEqual(
      seen.compiled.routes.defaults.map(({ hosts, exposure }) => `${hosts?.join() ?? '*'} ${exposure}`),
      ['x.example.com external', 'x.example.com internal', '* internal'],
    );
    assert.deepEqual(seen.published, ['x.example.com by ingress shop/web']);
  });
});

describe('published hosts', () => {
  const external = (id: string, words: IngressWords) =>
    ingress(id, { ...words, annotations: { exposure: 'external' } });

  it('are those of external rules that are served, once for each Ingress', () => {
    const seen = compile([
      external('web', { routes: ['x.example.com/a', 'X.example.com/b', '*.example.com/'] }),
      external('more', { routes: ['x.example.com/c'], age: 1 }),
      ingress('inside', { routes: ['inside.example.com/'], age: 2 }),
      external('other/web', { routes: ['x.example.com/d'], age: 3 }),
    ]);
    assert.deepEqual(seen.published, [
      'x.example.com by ingress shop/web',
      '*.example.com by ingress shop/web',
      'x.example.com by ingress shop/more',
    ]);
    const gone = compile([external('web', { routes: ['x.example.com/a'] })], { services: {} });
    assert.deepEqual(gone.published, []);
  });

  it('must be named: a rule without a host is for callers inside, and says so', () => {
    const seen = compile([external('web', { routes: ['/a', 'x.example.com/b'] })]);
    assert.deepEqual(
      seen.compiled.routes.rules.map(({ host, exposure }) => `${host} ${exposure}`),
      ['undefined internal', 'x.example.com external'],
    );
    assert.deepEqual(seen.published, ['x.example.com by ingress shop/web']);
    assert.deepEqual(seen.messages('web'), [
      'spec.rules: one without a host in an Ingress of exposure external: callers outside are served only for hosts that are published by name; it is served to callers inside alone',
    ]);
    const bare = compile([
      ingress('web', { spec: { defaultBackend: backend('x') }, annotations: { exposure: 'external' } }),
    ]);
    assert.deepEqual(bare.reasons('web'), ['HostRequired']);
    assert.deepEqual(
      bare.compiled.routes.defaults.map(({ exposure }) => exposure),
      ['internal'],
    );
  });
});
