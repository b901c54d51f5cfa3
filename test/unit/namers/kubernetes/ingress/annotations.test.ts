import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compile, ingress } from '../../../../support/ingress-scene.js';

const routes = ['x.example.com/'];

function seen(annotations: Readonly<Record<string, unknown>>) {
  return compile([ingress('web', { routes, annotations }), ingress('good', { routes: ['good.example.com/'], age: 1 })]);
}

function options(annotations: Readonly<Record<string, string>>, spec: object = {}) {
  const [rule] = compile([ingress('web', { routes, annotations, spec })]).compiled.routes.rules;
  assert.ok(rule, 'is served');
  return rule.options;
}

describe('annotations', () => {
  it('are none by default: everything is as the router is configured', () => {
    assert.deepEqual(options({}), {
      policy: { backend: undefined, timeoutMs: undefined, attemptTimeoutMs: undefined, maxBodyBytes: undefined },
      rewriteTarget: undefined,
      httpsRedirect: false,
      allowedSources: undefined,
    });
  });

  it('of others mean nothing to us', () => {
    const { policy } = options({
      'nginx.ingress.kubernetes.io/proxy-body-size': 'x',
      'linkgate.io.evil/exposure': 'x',
    });
    assert.equal(policy.maxBodyBytes, undefined);
  });

  it('backend-protocol is one of four, in any case', () => {
    for (const [value, backend] of [
      ['HTTP', 'http'],
      ['HTTPS', 'https'],
      ['GRPC', 'grpc'],
      ['grpcs', 'grpcs'],
    ] as const) {
      assert.equal(options({ 'backend-protocol': value }).policy.backend, backend);
    }
  });

  it('request-timeout and attempt-timeout are times', () => {
    for (const [value, ms] of [
      ['500ms', 500],
      ['5s', 5000],
      ['1m', 60_000],
      ['24h', 86_400_000],
    ] as const) {
      assert.equal(options({ 'request-timeout': value }).policy.timeoutMs, ms);
      assert.equal(options({ 'attempt-timeout': value }).policy.attemptTimeoutMs, ms);
    }
  });

  it('max-body-size is in bytes, or 1024 times as much for k, m and g each', () => {
    for (const [value, bytes] of [
      ['1000', 1000],
      ['512k', 524_288],
      ['10m', 10_485_760],
      ['1G', 1_073_741_824],
    ] as const) {
      assert.equal(options({ 'max-body-size': value }).policy.maxBodyBytes, bytes);
    }
  });

  it('allowed-source-ranges are CIDR blocks', () => {
    const { allowedSources } = options({ 'allowed-source-ranges': '10.0.0.0/8, 192.0.2.1,fd00::/8' });
    assert.deepEqual(allowedSources?.shown, ['10.0.0.0/8', '192.0.2.1', 'fd00::/8']);
    assert.equal(allowedSources?.has('10.1.2.3'), true);
    assert.equal(allowedSources?.has('192.0.2.2'), false);
  });

  it('rewrite-target is a path, with groups where the path is a regular expression', () => {
    assert.equal(options({ 'rewrite-target': '/new' }).rewriteTarget, '/new');
    const groups = ingress('web', {
      annotations: { 'rewrite-target': '/$2' },
      spec: {
        rules: [
          {
            host: 'x.example.com',
            http: {
              paths: [
                { path: '/a(/|$)(.*)', backend: { serviceName: 'web', servicePort: 80 } },
                { path: '/b', pathType: 'Prefix', backend: { serviceName: 'web', servicePort: 80 } },
              ],
            },
          },
        ],
      },
    });
    const compiled = compile([groups], { pathRegex: true });
    assert.deepEqual(compiled.rules, ['x.example.com regex /a(/|$)(.*) -> /shop/80/web']);
    assert.deepEqual(compiled.messages('web'), [
      'spec.rules[0].http.paths[1]: annotation linkgate.io/rewrite-target "/$2" has groups, and the path is no regular expression; it is left out',
    ]);
  });

  it('ssl-redirect is for hosts in spec.tls when it is not given', () => {
    const redirects = (annotations: Readonly<Record<string, string>>, tls: readonly object[]) =>
      options(annotations, { tls }).httpsRedirect;
    assert.equal(redirects({}, [{ hosts: ['X.example.com'], secretName: 'tls' }]), true);
    assert.equal(redirects({}, [{ hosts: ['*.example.com'] }]), true);
    assert.equal(redirects({}, [{ hosts: ['y.example.com'], secretName: 'tls' }]), false);
    assert.equal(redirects({}, [{ secretName: 'tls' }]), true, 'an entry without hosts is for all of the Ingress');
    assert.equal(redirects({ 'ssl-redirect': 'false' }, [{ hosts: ['x.example.com'] }]), false);
    assert.equal(redirects({ 'ssl-redirect': 'true' }, []), true);
    const anyHost = compile([ingress('web', { routes: ['/'], spec: { tls: [{ secretName: 'tls' }] } })]);
    assert.equal(anyHost.compiled.routes.rules[0]?.options.httpsRedirect, false);
  });

  it('ssl-redirect goes by host in one Ingress', () => {
    const { rules } = compile([
      ingress('web', { routes: ['a.example.com/', 'b.example.com/'], spec: { tls: [{ hosts: ['a.example.com'] }] } }),
    ]).compiled.routes;
    assert.deepEqual(
      rules.map((one) => one.options.httpsRedirect),
      [true, false],
    );
  });

  it('exposure is internal unless something says external', () => {
    const exposure = (annotations: Readonly<Record<string, string>>) =>
      compile([ingress('web', { routes, annotations })]).compiled.routes.rules[0]?.exposure;
    assert.equal(exposure({}), 'internal');
    assert.equal(exposure({ exposure: 'internal' }), 'internal');
    assert.equal(exposure({ exposure: 'external' }), 'external');
  });
});

describe('an annotation that will not do', () => {
  const UNTIL = '; nothing of the Ingress is served until it is right';

  for (const [name, value, wrong] of [
    ['exposure', 'exteral', 'is "exteral", want one of internal, external'],
    ['exposure', '', 'is "", want one of internal, external'],
    ['backend-protocol', 'FCGI', 'is "FCGI", want one of http, https, grpc, grpcs'],
    ['request-timeout', '5', 'is "5", want a time such as 500ms, 5s or 1m, at most 24h'],
    ['request-timeout', '0s', 'is "0s", want a time such as 500ms, 5s or 1m, at most 24h'],
    ['attempt-timeout', '25h', 'is "25h", want a time such as 500ms, 5s or 1m, at most 24h'],
    ['attempt-timeout', '-1s', 'is "-1s", want a time such as 500ms, 5s or 1m, at most 24h'],
    [
      'max-body-size',
      '0',
      'is "0", want a size such as 1000, 512k, 10m or 1g, at most 1024g; without the annotation there is no limit',
    ],
    [
      'max-body-size',
      '10mb',
      'is "10mb", want a size such as 1000, 512k, 10m or 1g, at most 1024g; without the annotation there is no limit',
    ],
    [
      'max-body-size',
      '2000g',
      'is "2000g", want a size such as 1000, 512k, 10m or 1g, at most 1024g; without the annotation there is no limit',
    ],
    ['allowed-source-ranges', '', 'is "", "" is no range of addresses; want a list such as 10.0.0.0/8, 192.0.2.1'],
    [
      'allowed-source-ranges',
      '10.0.0.0/8,',
      'is "10.0.0.0/8,", "" is no range of addresses; want a list such as 10.0.0.0/8, 192.0.2.1',
    ],
    [
      'allowed-source-ranges',
      '10.0.0.0/33',
      'is "10.0.0.0/33", "10.0.0.0/33" is no range of addresses; want a list such as 10.0.0.0/8, 192.0.2.1',
    ],
    ['rewrite-target', 'new', 'is "new", want a path that begins with /, without ? and #, of at most 2048 characters'],
    [
      'rewrite-target',
      '/a?b',
      'is "/a?b", want a path that begins with /, without ? and #, of at most 2048 characters',
    ],
    [
      'rewrite-target',
      '/a\r\nx: y',
      'is "/a x: y", want a path that begins with /, without ? and #, of at most 2048 characters',
    ],
    ['ssl-redirect', 'yes', 'is "yes", want "true" or "false"'],
    ['ssl-redirect', 'True', 'is "True", want "true" or "false"'],
    ['canary', '1', 'is "1", want "true" or "false"'],
    ['exposre', 'internal', 'is unknown, maybe linkgate.io/exposure was meant'],
    ['allowed-source-range', '10.0.0.0/8', 'is unknown, maybe linkgate.io/allowed-source-ranges was meant'],
    ['zzz', 'x', 'is unknown'],
  ] as const) {
    it(`is refused with its whole Ingress, and that alone: ${name}: ${JSON.stringify(value)}`, () => {
      const compiled = seen({ [name]: value });
      assert.deepEqual(compiled.rules, ['good.example.com prefix / -> /shop/80/web']);
      assert.deepEqual(compiled.verdict('web'), {
        accepted: true,
        isServed: false,
        problems: [{ reason: 'InvalidAnnotation', message: `annotation linkgate.io/${name} ${wrong}${UNTIL}` }],
      });
    });
  }

  it('keeps the paths of its Ingress from a younger one, which may not have its source ranges', () => {
    const compiled = compile([
      ingress('web', { routes, annotations: { 'allowed-source-ranges': '10.0.0.0' + '/99' } }),
      ingress('open', { routes, age: 1 }),
    ]);
    assert.deepEqual(compiled.rules, []);
    assert.deepEqual(compiled.reasons('open'), ['DuplicatePath']);
  });

  it('takes default backend and certificate of its Ingress away too', () => {
    const compiled = compile([
      ingress('web', {
        routes,
        annotations: { exposre: 'x' },
        spec: {
          defaultBackend: { serviceName: 'web', servicePort: 80 },
          tls: [{ hosts: ['x.example.com'], secretName: 'tls' }],
        },
      }),
    ]);
    assert.deepEqual(compiled.defaults, []);
    assert.deepEqual(compiled.reasons('web'), ['InvalidAnnotation'], 'nobody looks for its secret');
    assert.deepEqual(
      [...compiled.compiled.referencedSecrets],
      ['shop/tls'],
      'it is ready when the annotation is right',
    );
  });
});
