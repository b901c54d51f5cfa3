import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAX_HOSTS, MAX_PATHS, projectIngress } from '../../../../../namers/kubernetes/ingress/ingress-object.js';
import { backend, compile, ingress, path } from '../../../../support/ingress-scene.js';

describe('projectIngress', () => {
  it('keeps what routes are made of', () => {
    const object = ingress('web', {
      annotations: { exposure: 'external', 'kubernetes.io/ingress.class': 'linkerd', 'other.io/x': 'y' },
      spec: {
        ingressClassName: 'edge',
        defaultBackend: backend('fallback', { name: 'http' }),
        rules: [{ host: 'Shop.example.com', http: { paths: [path('/cart', 'Exact')] } }, { host: 'bare.example.com' }],
        tls: [{ hosts: ['Shop.example.com'], secretName: 'tls' }, {}],
      },
    });
    assert.deepEqual(projectIngress(object), {
      namespace: 'shop',
      name: 'web',
      id: 'shop/web',
      uid: 'uid of web',
      createdAtMs: Date.UTC(2026, 0, 1, 10),
      className: 'edge',
      classAnnotation: 'linkerd',
      annotations: new Map([['exposure', 'external']]),
      rules: [
        {
          at: 'spec.rules[0]',
          host: 'Shop.example.com',
          paths: [
            {
              at: 'spec.rules[0].http.paths[0]',
              path: '/cart',
              pathType: 'Exact',
              backend: { at: 'spec.rules[0].http.paths[0].backend', service: 'web', port: 80, isResource: false },
            },
          ],
        },
        { at: 'spec.rules[1]', host: 'bare.example.com', paths: [] },
      ],
      defaultBackend: { at: 'spec.defaultBackend', service: 'fallback', port: 'http', isResource: false },
      tls: [
        { at: 'spec.tls[0]', hosts: ['shop.example.com'], secretName: 'tls' },
        { at: 'spec.tls[1]', hosts: [], secretName: undefined },
      ],
      problems: [],
    });
  });

  it('reads v1beta1 as what it says in v1', () => {
    const old = projectIngress(
      ingress('web', {
        spec: {
          backend: { serviceName: 'fallback', servicePort: 'http' },
          rules: [{ http: { paths: [{ path: '/a', backend: { serviceName: 'web', servicePort: 8080 } }] } }],
        },
      }),
    );
    assert.deepEqual(old.defaultBackend, { at: 'spec.backend', service: 'fallback', port: 'http', isResource: false });
    assert.deepEqual(old.rules[0]?.paths[0]?.backend, {
      at: 'spec.rules[0].http.paths[0].backend',
      service: 'web',
      port: 8080,
      isResource: false,
    });
    assert.equal(old.rules[0]?.paths[0]?.pathType, undefined);
  });

  it('is of namespace default where the object has none, and younger than all where it has no time', () => {
    const bare = projectIngress({ metadata: { name: 'web' } });
    assert.equal(bare.id, 'default/web');
    assert.equal(bare.createdAtMs, Number.POSITIVE_INFINITY);
    assert.deepEqual([bare.rules, bare.tls, bare.defaultBackend, bare.problems], [[], [], undefined, []]);
  });

  it('refuses names that are no part of a path of the API', () => {
    for (const metadata of [{}, { name: 'a/b' }, { name: '..' }, { name: 'web', namespace: 'a/../b' }]) {
      assert.throws(() => projectIngress({ metadata }), /^Error: metadata\.name(space)? .* that an object can have$/);
    }
  });

  it('says where a part is not what the API has there', () => {
    for (const [spec, message] of [
      [7, 'spec 7 is no object; nothing of the Ingress is served'],
      [{ rules: {} }, 'spec.rules {} is no list; nothing of the Ingress is served'],
      [{ rules: ['x'] }, 'spec.rules[0] "x" is no object; nothing of the Ingress is served'],
      [{ rules: [{ host: 1 }] }, 'spec.rules[0].host 1 is no text; nothing of the Ingress is served'],
      [{ tls: [{ hosts: [1] }] }, 'spec.tls[0].hosts[0] 1 is no text; nothing of the Ingress is served'],
      [
        { defaultBackend: { service: { name: 'web', port: { number: [] } } } },
        'spec.defaultBackend: port [] is neither a number nor a name; nothing of the Ingress is served',
      ],
    ] as const) {
      const { problems } = projectIngress({ metadata: { name: 'web' }, spec });
      assert.deepEqual(problems, [{ reason: 'InvalidIngress', message }]);
    }
  });
});

describe('an Ingress that is too large', () => {
  const big = 'x'.repeat(1024 * 1024);

  it('costs nothing by a 1 MB annotation of others', () => {
    const object = ingress('web', { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': big } });
    assert.ok(JSON.stringify(projectIngress(object)).length < 1000);
    assert.deepEqual(projectIngress(object).problems, []);
  });

  it('is refused alone for a 1 MB annotation that is ours', () => {
    const routes = ['a.example.com/'];
    const seen = compile([
      ingress('web', { routes, annotations: { 'allowed-source-ranges': big } }),
      ingress('named', { routes: ['c.example.com/'], annotations: { [big]: 'x' } }),
      ingress('good', { routes: ['b.example.com/'] }),
    ]);
    assert.deepEqual(seen.rules, ['b.example.com prefix / -> /shop/80/web']);
    assert.deepEqual(seen.messages('web'), [
      'annotation "linkgate.io/allowed-source-ranges" is 1048576 characters long, want at most 16384 characters of text; nothing of the Ingress is served',
    ]);
    assert.equal(seen.reasons('named')[0], 'InvalidAnnotation');
    assert.ok(seen.messages('named').every((message) => message.length < 500));
  });

  it('is refused for more than 50 annotations of ours, and for one that is no text', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`a${i}`, 'x']));
    assert.equal(projectIngress(ingress('web', { annotations: many })).annotations.size, 50);
    assert.equal(projectIngress(ingress('web', { annotations: many })).problems[0]?.reason, 'InvalidAnnotation');
    assert.match(
      projectIngress(ingress('web', { annotations: { canary: true } })).problems[0]?.message ?? '',
      /is no text/,
    );
  });

  it('is served with 5,000 paths, and refused alone with 10,000', () => {
    const withPaths = (count: number) => {
      const paths = Array.from({ length: count }, (_, i) => path(`/p${i}`, 'Exact'));
      return ingress('web', { spec: { rules: [{ host: 'a.example.com', http: { paths } }] } });
    };
    const good = ingress('good', { routes: ['b.example.com/'], age: 1 });
    assert.equal(compile([withPaths(MAX_PATHS), good]).rules.length, MAX_PATHS + 1);
    const seen = compile([withPaths(10_000), good, ingress('thief/web', { routes: ['a.example.com/'], age: 2 })]);
    assert.deepEqual(seen.rules, ['b.example.com prefix / -> /shop/80/web']);
    assert.deepEqual(seen.messages('web'), [
      'spec.rules: 10000 paths, want at most 5000; nothing of the Ingress is served, split it into several',
    ]);
    assert.deepEqual(seen.reasons('thief/web'), ['HostOwned'], 'its host stays its own');
  });

  it('is refused with too many hosts, in rules or in spec.tls', () => {
    const hosts = Array.from({ length: MAX_HOSTS + 1 }, (_, i) => `h${i}.example.com`);
    const seen = compile([
      ingress('rules', { routes: hosts.map((host) => `${host}/`) }),
      ingress('tls', { spec: { tls: [{ hosts, secretName: 'tls' }] } }),
      ingress('entries', { spec: { tls: Array.from({ length: 1001 }, () => ({})) } }),
    ]);
    assert.deepEqual(seen.rules, []);
    for (const name of ['rules', 'tls', 'entries']) assert.deepEqual(seen.reasons(name), ['TooManyHosts']);
  });

  it('has its first 20 problems listed, and the number of the others', () => {
    const seen = compile([ingress('web', { routes: Array.from({ length: 5000 }, () => 'a.example.com/a//b') })]);
    assert.equal(seen.messages('web').length, 21);
    assert.equal(seen.messages('web').at(-1), '4980 more problems are not listed');
    assert.equal(seen.reasons('web').at(-1), 'MoreProblems');
  });
});
