import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { projectIngress } from '../../../../../namers/kubernetes/ingress/ingress-object.js';
import { backend, compile, IngressScene, ingress, ingressClass, path } from '../../../../support/ingress-scene.js';

const withPaths = (...paths: readonly object[]) =>
  ingress('web', { spec: { rules: [{ host: 'a.example.com', http: { paths } }] } });

describe('path of a rule', () => {
  const seen = (value: string | undefined, pathType: string | undefined, pathRegex = false) => {
    const { pathType: _, ...bare } = path(value);
    const compiled = compile([withPaths(pathType === undefined ? bare : path(value, pathType))], { pathRegex });
    return compiled.rules[0]?.split(' ').slice(1, 3).join(' ') ?? compiled.reasons('web')[0];
  };

  it('is exact, or a prefix by elements', () => {
    assert.equal(seen('/cart', 'Exact'), 'exact /cart');
    assert.equal(seen('/cart/', 'Prefix'), 'prefix /cart/');
    assert.equal(seen('/', 'Prefix'), 'prefix /');
  });

  it('is a prefix when it is up to us, absent as in v1beta1, or of a type to come', () => {
    for (const pathType of ['ImplementationSpecific', undefined, 'Future', 'constructor']) {
      assert.equal(seen('/cart', pathType), 'prefix /cart');
    }
  });

  it('is any path when it is absent or empty, unless it is to be exact', () => {
    for (const value of [undefined, '']) {
      assert.equal(seen(value, 'Prefix'), 'prefix /');
      assert.equal(seen(value, 'ImplementationSpecific'), 'prefix /');
      assert.equal(seen(value, 'ImplementationSpecific', true), 'prefix /');
      assert.equal(seen(value, 'Exact'), 'InvalidPath');
    }
  });

  it('is a regular expression with pathRegex, where it is up to us', () => {
    assert.equal(seen('/foo/.*', 'ImplementationSpecific', true), 'regex /foo/.*');
    assert.equal(seen('.*', undefined, true), 'regex .*');
    assert.equal(seen('/foo.html', undefined, true), 'regex /foo.html');
    assert.equal(seen('/foo', undefined, true), 'exact /foo', 'an expression that matches itself alone');
    assert.equal(seen('/foo', 'Prefix', true), 'prefix /foo');
    assert.equal(seen('/foo', 'Exact', true), 'exact /foo');
  });

  it('is refused when it reads like an expression and pathRegex is not set', () => {
    for (const value of ['/foo/.*', '/foo.*', '/(a|b)', '/[ab]', '/a\\d', '/a+', '^/a', '/a$', '/a?', '/a{2}', '/a*']) {
      assert.equal(seen(value, 'ImplementationSpecific'), 'RegexNotEnabled', value);
    }
    assert.equal(seen('/a.b-c_d~e,f;g=h@i:j!k&l%20', 'ImplementationSpecific'), 'prefix /a.b-c_d~e,f;g=h@i:j!k&l%20');
    assert.equal(seen('/a+(b)', 'Prefix'), 'prefix /a+(b)', 'what says Prefix is one');
    assert.deepEqual(compile([withPaths(path('/foo/.*', 'ImplementationSpecific'))]).messages('web'), [
      'spec.rules[0].http.paths[0]: path "/foo/.*" of pathType ImplementationSpecific reads like a regular expression; set pathRegex: true to have it as one, as in Linkerd 1.x, or pathType Prefix to have it as it is; it is left out',
    ]);
  });

  it('is refused when it is an invalid expression, alone', () => {
    const bad = ['/a(', '/[b-a]', '(?=x)', '(a)\\1', '*'];
    const compiled = compile([withPaths(...[...bad, '/good'].map((value) => path(value, 'ImplementationSpecific')))], {
      pathRegex: true,
    });
    assert.deepEqual(compiled.rules, ['a.example.com exact /good -> /shop/80/web']);
    assert.deepEqual(
      compiled.reasons('web'),
      bad.map(() => 'InvalidRegex'),
    );
    assert.match(
      compiled.messages('web')[0] ?? '',
      /^spec\.rules\[0\]\.http\.paths\[0\]: path "\/a\(": .*; it is left out$/,
    );
  });

  it('is left out when the expressions of its Ingress are too many to compile', () => {
    const paths = Array.from({ length: 60 }, (_, i) =>
      path(`/${i + 10}/.*${'x'.repeat(400)}`, 'ImplementationSpecific'),
    );
    const compiled = compile([withPaths(...paths, path('/plain', 'Prefix'))], { pathRegex: true });
    assert.equal(compiled.rules.length, 50);
    assert.equal(compiled.rules.at(-1), 'a.example.com prefix /plain -> /shop/80/web');
    assert.deepEqual(new Set(compiled.reasons('web')), new Set(['TooManyRegexes']));
  });

  it('is refused when no request can have it', () => {
    for (const value of [
      'cart',
      '/a?b=1',
      '/a#b',
      '/a b',
      '/bücher',
      '/a//b',
      '/a/../b',
      '/a/.',
      '/..',
      '/./a',
      '/a%2Fb',
    ]) {
      assert.equal(seen(value, 'Prefix'), 'InvalidPath', value);
      assert.equal(seen(value, 'Exact'), 'InvalidPath', value);
    }
    assert.equal(seen('/..a/b..', 'Prefix'), 'prefix /..a/b..');
    assert.equal(seen(`/${'a'.repeat(2048)}`, 'Prefix'), 'InvalidPath');
    assert.equal(seen(`/${'a'.repeat(2047)}`, 'Prefix')?.startsWith('prefix'), true);
  });
});

describe('backend of a rule', () => {
  const seen = (one: object) => {
    const compiled = compile([withPaths({ path: '/', pathType: 'Prefix', backend: one })]);
    return compiled.rules[0]?.split(' -> ')[1] ?? compiled.messages('web')[0];
  };

  it('is named by namespace, port and service, as in 1.x', () => {
    assert.equal(seen(backend('web', { number: 8080 })), '/shop/8080/web');
    assert.equal(seen(backend('web', { name: 'http-alt-2' })), '/shop/http-alt-2/web', 'port names with dashes');
    assert.equal(seen({ serviceName: 'web', servicePort: 80 }), '/shop/80/web');
    assert.equal(seen({ serviceName: 'web', servicePort: '80' }), '/shop/80/web');
    assert.equal(seen({ serviceName: 'web', servicePort: 'http' }), '/shop/http/web');
  });

  it('is in namespace default where the Ingress has none', () => {
    const one = { metadata: { name: 'web' }, spec: { rules: [{ http: { paths: [path('/')] } }] } };
    assert.deepEqual(compile([one]).rules, ['* prefix / -> /default/80/web']);
  });

  it('is refused when it is no service', () => {
    const at = 'spec.rules[0].http.paths[0].backend';
    assert.equal(
      seen({ resource: { apiGroup: 'k8s.example.com', kind: 'StorageBucket', name: 'assets' } }),
      `${at}.resource: resources are not served, want a service; it is left out`,
    );
    assert.equal(seen({}), `${at}: undefined is no name of a service; it is left out`);
    assert.equal(seen(backend('a/b')), `${at}: "a/b" is no name of a service; it is left out`);
    const want = 'want a number in 1-65535 or the name of a port of the service; it is left out';
    assert.equal(seen(backend('web', {})), `${at}: port undefined of service web: ${want}`);
    for (const port of [70000, 0.5, -1]) {
      assert.equal(seen(backend('web', { number: port })), `${at}: port ${port} of service web: ${want}`);
    }
    for (const name of ['a/b', '-a', 'a-', 'http port']) {
      assert.equal(seen(backend('web', { name })), `${at}: port "${name}" of service web: ${want}`);
    }
  });
});

describe('service of a backend', () => {
  const http = {
    ports: [
      { port: 80, name: 'http', targetPort: 8080 },
      { port: 9090, name: 'grpc-web' },
    ],
  };
  const seen = (one: object, services: Readonly<Record<string, object>>) =>
    compile(
      [
        withPaths(
          { path: '/', pathType: 'Prefix', backend: one },
          { path: '/good', pathType: 'Prefix', backend: backend('good', { name: 'http' }) },
        ),
      ],
      { services: { 'shop/good': http, ...services } },
    );

  it('may have several ports, by number and by name, that differ from those of its pods', () => {
    for (const port of [{ number: 80 }, { name: 'http' }, { number: 9090 }, { name: 'grpc-web' }]) {
      assert.deepEqual(seen(backend('web', port), { 'shop/web': http }).reasons('web'), []);
    }
  });

  it('costs its path alone when it does not exist', () => {
    const compiled = seen(backend('gone'), { 'other/gone': http });
    assert.deepEqual(compiled.rules, ['a.example.com prefix /good -> /shop/http/good']);
    assert.deepEqual(compiled.verdict('web'), {
      accepted: true,
      isServed: true,
      problems: [
        {
          reason: 'ServiceNotFound',
          message: 'spec.rules[0].http.paths[0].backend: there is no service shop/gone; it is left out until there is',
        },
      ],
    });
  });

  it('costs its path alone when it has no such port', () => {
    const at = 'spec.rules[0].http.paths[0].backend: service shop/web has no TCP port';
    for (const [port, message] of [
      [{ number: 8080 }, `${at} 8080, it has 80 (http), 9090 (grpc-web); it is left out until there is`],
      [{ name: 'https' }, `${at} "https", it has 80 (http), 9090 (grpc-web); it is left out until there is`],
    ] as const) {
      const compiled = seen(backend('web', port), { 'shop/web': http });
      assert.deepEqual(compiled.messages('web'), [message]);
      assert.deepEqual(compiled.reasons('web'), ['ServicePortNotFound']);
      assert.equal(compiled.rules.length, 1);
    }
    const udp = { ports: [{ port: 80, name: 'http', protocol: 'UDP' }, { port: 53 }] };
    assert.deepEqual(seen(backend('web'), { 'shop/web': udp }).messages('web'), [
      `${at} 80, it has 53; it is left out until there is`,
    ]);
  });

  it('needs no ports when it is an ExternalName, unless they are asked for by name', () => {
    const external = { type: 'ExternalName', externalName: 'shop.example.net' };
    assert.deepEqual(seen(backend('web', { number: 443 }), { 'shop/web': external }).reasons('web'), []);
    assert.deepEqual(seen(backend('web', { name: 'https' }), { 'shop/web': external }).messages('web'), [
      'spec.rules[0].http.paths[0].backend: service shop/web has no TCP port "https", it has none; it is left out until there is',
    ]);
    const withPort = { ...external, ports: [{ port: 443, name: 'https' }] };
    assert.deepEqual(seen(backend('web', { name: 'https' }), { 'shop/web': withPort }).reasons('web'), []);
    assert.deepEqual(seen(backend('web', { number: 80 }), { 'shop/web': withPort }).reasons('web'), [
      'ServicePortNotFound',
    ]);
  });

  it('is taken to be there when services cannot be read', () => {
    assert.equal(compile([withPaths(path('/'))]).rules.length, 1);
  });
});

describe('order of rules', () => {
  it('is by age, then namespace and name, then as they are written', () => {
    const seen = compile(
      [
        ingress('b/a', { routes: ['/3'], age: 1 }),
        ingress('a/b', { routes: ['/2'], age: 1 }),
        ingress('a/a', { routes: ['/1b', '/1a'], age: 1 }),
        ingress('z/old', { routes: ['/0'] }),
      ],
      { hostOwnership: 'shared' },
    );
    assert.deepEqual(
      seen.rules.map((one) => one.split(' ')[2]),
      ['/0', '/1b', '/1a', '/2', '/3'],
    );
  });

  it('leaves out the later of two of the same host and path, and says who has it', () => {
    const seen = compile([
      ingress('a', { routes: ['x.example.com/cart', 'X.example.com/cart/', 'x.example.com/other'], age: 1 }),
      ingress('b', { routes: ['x.example.com/cart', 'x.example.com/more'], age: 2 }),
    ]);
    assert.deepEqual(
      seen.rules.map((one) => one.split(' ')[2]),
      ['/cart', '/other', '/more'],
    );
    assert.deepEqual(seen.messages('a'), [
      'spec.rules[1].http.paths[0]: x.example.com with path /cart/ (prefix): this Ingress has it already; it is left out',
    ]);
    assert.deepEqual(seen.messages('b'), [
      'spec.rules[0].http.paths[0]: x.example.com with path /cart (prefix): ingress shop/a has it, and comes first (by age, then name); it is left out',
    ]);
    assert.deepEqual(seen.reasons('b'), ['DuplicatePath']);
  });

  it('takes an exact path beside a prefix, and exact paths with and without a slash, as different', () => {
    const paths = [
      path('/a', 'Exact'),
      path('/a', 'Prefix'),
      path('/a/', 'Exact'),
      path('/a', 'ImplementationSpecific'),
    ];
    assert.equal(compile([withPaths(...paths)]).rules.length, 3);
  });

  it('leaves a path with the older one while that is not served: requests must not change sides by a mistake', () => {
    const services = { 'shop/other': { ports: [{ port: 80 }] } };
    const spec = (service: string) => ({
      rules: [{ host: 'x.example.com', http: { paths: [path('/', 'Prefix', service)] } }],
    });
    const seen = compile([ingress('a', { spec: spec('gone') }), ingress('b', { spec: spec('other'), age: 1 })], {
      services,
    });
    assert.deepEqual(seen.rules, []);
    assert.deepEqual(seen.reasons('b'), ['DuplicatePath']);
  });
});

describe('an Ingress with nothing to serve', () => {
  it('is accepted, without problems', () => {
    const seen = compile([
      ingress('empty'),
      ingress('bare', { spec: { rules: [{ host: 'x.example.com' }, {}] } }),
      { metadata: { namespace: 'shop', name: 'nothing' } },
    ]);
    for (const name of ['empty', 'bare', 'nothing']) {
      assert.deepEqual(seen.verdict(name), { accepted: true, isServed: false, problems: [] });
    }
    assert.deepEqual(seen.compiled.routes, { rules: [], defaults: [], ownedHosts: ['x.example.com'] });
  });
});

describe('compiling again', () => {
  it('keeps the rules of Ingresses that did not change the same objects', () => {
    const scene = new IngressScene();
    const stays = projectIngress(ingress('stays', { routes: ['a.example.com/'] }));
    const before = scene.compile([stays, ingress('web', { routes: ['b.example.com/'], age: 1 })]);
    const after = scene.compile([stays, ingress('web', { routes: ['c.example.com/'], age: 1 })]);
    assert.deepEqual(after.rules, ['a.example.com prefix / -> /shop/80/web', 'c.example.com prefix / -> /shop/80/web']);
    assert.equal(after.compiled.routes.rules[0], before.compiled.routes.rules[0]);
  });

  it('has problems of the last time only', () => {
    const scene = new IngressScene();
    const web = projectIngress(ingress('web', { routes: ['a.example.com/'], age: 1 }));
    const first = ingress('first', { routes: ['a.example.com/'] });
    assert.deepEqual(scene.compile([first, web]).reasons('web'), ['DuplicatePath']);
    assert.deepEqual(scene.compile([web]).reasons('web'), []);
    assert.deepEqual(scene.compile([first, web]).reasons('web'), ['DuplicatePath']);
  });

  it('makes a rule anew when the exposure of its class changes', () => {
    const scene = new IngressScene();
    const web = projectIngress(ingress('web', { routes: ['a.example.com/'], spec: { ingressClassName: 'a' } }));
    const exposure = (classes: readonly ReturnType<typeof ingressClass>[]) =>
      scene.compile([web], { classes }).compiled.routes.rules[0]?.exposure;
    assert.equal(exposure([ingressClass('a')]), 'internal');
    assert.equal(exposure([ingressClass('a', { exposure: 'external' })]), 'external');
    assert.equal(exposure([ingressClass('a')]), 'internal');
  });
});
