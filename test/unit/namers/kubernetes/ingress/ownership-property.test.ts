import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { covers } from '../../../../../namers/kubernetes/ingress/route-host.js';
import type { TlsSecret } from '../../../../../namers/kubernetes/ingress/tls-secret.js';
import { backend, compile, ingress } from '../../../../support/ingress-scene.js';

const HOSTS = [
  'a.example.com',
  'b.example.com',
  '*.example.com',
  'x.a.example.com',
  '*.a.example.com',
  'example.com',
  '',
];

const host = fc.constantFrom(...HOSTS);
const anIngress = fc.record({
  namespace: fc.constantFrom('red', 'green', 'blue'),
  age: fc.integer({ min: 0, max: 5 }),
  hosts: fc.array(host, { maxLength: 3 }),
  tlsHosts: fc.array(
    host.filter((one) => one !== ''),
    { maxLength: 3 },
  ),
  hasDefault: fc.boolean(),
  isCanary: fc.boolean(),
  isBad: fc.boolean(),
  isExternal: fc.boolean(),
});

const secret: TlsSecret = {
  type: 'certificate',
  chain: '',
  key: '',
  names: HOSTS.filter((one) => one !== ''),
  validFrom: 0,
  validTo: Number.MAX_SAFE_INTEGER,
};

describe('hostOwnership first, whatever the Ingresses', () => {
  it('has requests for a host served by one namespace alone, with its certificates alone', () => {
    fc.assert(
      fc.property(fc.array(anIngress, { maxLength: 8 }), (all) => {
        const ingresses = all.map(({ namespace, age, hosts, tlsHosts, hasDefault, isCanary, isBad, isExternal }, i) =>
          ingress(`${namespace}/i${i}`, {
            age,
            annotations: {
              exposure: isExternal ? 'external' : 'internal',
              ...(isCanary && { canary: 'true' }),
              ...(isBad && { 'max-body-size': 'x' }),
            },
            spec: {
              rules: hosts.map((one, j) => ({
                ...(one && { host: one }),
                http: { paths: [{ path: `/${j}`, pathType: 'Prefix', backend: backend('web') }] },
              })),
              tls: tlsHosts.length > 0 ? [{ hosts: tlsHosts, secretName: 'tls' }] : [{ secretName: 'tls' }],
              ...(hasDefault && { defaultBackend: backend('web') }),
            },
          }),
        );
        const secrets = { 'red/tls': secret, 'green/tls': secret, 'blue/tls': secret };
        const { compiled } = compile(ingresses, { secrets });
        const namespaces = new Map<string, string>();
        const claims: [string, string][] = [];
        const speaks = (one: string | undefined, namespace: string | undefined): void => {
          claims.push([one ?? '', namespace ?? '']);
          assert.equal(namespaces.get(one ?? '') ?? namespace, namespace, `${one} is served by two namespaces`);
          namespaces.set(one ?? '', namespace ?? '');
        };
        for (const rule of compiled.routes.rules) {
          speaks(rule.host, rule.backend.elements[0]);
          if (rule.canary) assert.equal(rule.canary.backend.elements[0], rule.backend.elements[0]);
        }
        for (const route of compiled.routes.defaults) {
          for (const one of route.hosts ?? [undefined]) speaks(one, route.backend.elements[0]);
        }
        for (const { hosts, origin } of compiled.certificates) {
          for (const one of hosts) speaks(one, origin.slice('secret '.length).split('/')[0]);
        }
        for (const [wide, ns] of claims) {
          for (const [narrow, other] of claims) {
            if (wide.startsWith('*.') && covers(wide, narrow)) assert.equal(ns, other, `${wide} is above ${narrow}`);
          }
        }
        const external = new Set(
          compiled.routes.rules.filter((one) => one.exposure === 'external').map((one) => one.host),
        );
        for (const route of compiled.routes.defaults) {
          if (route.exposure === 'external') for (const one of route.hosts ?? [undefined]) external.add(one);
        }
        assert.deepEqual(new Set(compiled.published.map((one) => one.host)), external);
        assert.equal(external.has(undefined), false);
      }),
      { numRuns: 500 },
    );
  });
});
