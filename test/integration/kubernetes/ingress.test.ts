import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { TLSSocket } from 'node:tls';
import type { TestGateway } from '../../support/gateway.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { RawClient } from '../../support/raw-client.js';
import { request } from '../../support/scene.js';
import { TestCertificates } from '../../support/test-certificates.js';
import { Traffic } from '../../support/traffic.js';
import { hostAddress } from '../registries/kube-apiserver.js';
import { registrySuite } from '../registries/registry-suite.js';
import { ask, IngressWorld, ingress, rule, to, until } from './ingress-world.js';

expectNoOpenHandles();
const certificates = new TestCertificates();

registrySuite(['kubernetes', 'kubectl'], () => {
  describe('io.l5d.ingress', () => {
    let world: IngressWorld;
    let gateway: TestGateway;
    const gets = (host: string, answer: string, path = '/'): Promise<number> =>
      until(async () => (await ask(gateway, host, path)) === answer);

    before(async () => {
      world = await IngressWorld.start('shop', 'blog', 'bad');
      await world.apply({
        apiVersion: 'networking.k8s.io/v1',
        kind: 'IngressClass',
        metadata: { name: 'linkgate', annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } },
        spec: { controller: 'linkgate.io/ingress-controller' },
      });
      await world.service('shop', 'web', [
        { name: 'http', port: 80, answer: 'web' },
        { name: 'metrics-v2', port: 9090, answer: 'metrics' },
      ]);
      await world.service('blog', 'web', [{ name: 'http', port: 80, answer: 'blog' }]);
      await world.service('shop', 'nameless', [{ port: 8000, answer: 'nameless' }]);
      gateway = await world.gateway('publishAddresses: [192.0.2.1, edge.example.com], pathRegex: true', {
        'partner.example.net': hostAddress(2),
      });
      await until(async () => gateway.metric('rt', 'http', 'identifier', 'io.l5d.ingress', 'leader') === 1);
    });
    after(() => world.close());

    describe('routes to', () => {
      it('services of the namespace of each Ingress, which is another than that of the gateway', async () => {
        await world.apply(
          ingress('shop', 'web', { rules: [rule('shop.example.com', to('web', 'http'))] }),
          ingress('blog', 'web', { rules: [rule('blog.example.com', to('web', 'http'))] }),
        );
        await gets('shop.example.com', '200 web');
        await gets('blog.example.com', '200 blog');
      });

      it('ports whose names have dashes, and several ports of one service', async () => {
        const paths = [to('web', 'http'), to('web', 'metrics-v2', '/metrics')];
        await world.apply(ingress('shop', 'ports', { rules: [rule('ports.example.com', ...paths)] }));
        await gets('ports.example.com', '200 metrics', '/metrics');
        await gets('ports.example.com', '200 web');
      });

      it('ports by number, of services whose containers listen on others', async () => {
        const paths = [to('web', 80), to('web', 9090, '/metrics'), to('nameless', 8000, '/nameless')];
        await world.apply(ingress('shop', 'numbers', { rules: [rule('numbers.example.com', ...paths)] }));
        await gets('numbers.example.com', '200 nameless', '/nameless');
        await gets('numbers.example.com', '200 web');
        await gets('numbers.example.com', '200 metrics', '/metrics');
      });

      it('services of type ExternalName, by the number and the name of a port', async () => {
        const backend = await world.backend('partner');
        const ports = [{ name: 'http', port: backend.port }];
        await world.apply(
          {
            apiVersion: 'v1',
            kind: 'Service',
            metadata: { namespace: 'shop', name: 'partner' },
            spec: { type: 'ExternalName', externalName: 'partner.example.net', ports },
          },
          ingress('shop', 'partner', {
            rules: [rule('partner.example.com', to('partner', backend.port), to('partner', 'http', '/named'))],
          }),
        );
        await gets('partner.example.com', '200 partner');
        await gets('partner.example.com', '200 partner', '/named');
      });

      it('the longest path and the exact host first, across Ingresses', async () => {
        await world.apply(
          ingress('shop', 'wild', { rules: [rule('*.wild.example.com', to('nameless', 8000))] }),
          ingress('shop', 'short', { rules: [rule('a.wild.example.com', to('web', 'http'))] }),
          ingress('shop', 'long', { rules: [rule('a.wild.example.com', to('web', 9090, '/a/b'))] }),
        );
        await gets('b.wild.example.com', '200 nameless');
        await gets('a.wild.example.com', '200 web', '/a/bc');
        await gets('a.wild.example.com', '200 metrics', '/a/b/c');
      });

      it('the default backend, what no rule takes', async () => {
        const service = { name: 'nameless', port: { number: 8000 } };
        await world.apply(ingress('shop', 'fallback', { defaultBackend: { service } }));
        await gets('nobody.example.org', '200 nameless');
        await world.kubectl(['delete', 'ingress', '-n', 'shop', 'fallback']);
        await until(async () => (await ask(gateway, 'nobody.example.org')).startsWith('400 '));
      });
    });

    describe('obeys classes', () => {
      const classOf = (name: string, controller: string): object => ({
        apiVersion: 'networking.k8s.io/v1',
        kind: 'IngressClass',
        metadata: { name },
        spec: { controller },
      });

      it('and leaves those of other controllers alone', async () => {
        await world.apply(
          classOf('other', 'example.com/other'),
          ingress('shop', 'other', { ingressClassName: 'other', rules: [rule('other.example.com', to('web', 80))] }),
          ingress(
            'shop',
            'old',
            { rules: [rule('old.example.com', to('web', 80))] },
            {
              'kubernetes.io/ingress.class': 'linkerd',
            },
          ),
        );
        await gets('old.example.com', '200 web');
        assert.match(await ask(gateway, 'other.example.com'), /^400 .*no ingress rule matches/);
        assert.equal(await world.status('shop', 'other'), undefined);
      });

      it('and takes its status back from an Ingress that is given to another', async () => {
        await world.apply(ingress('shop', 'moved', { rules: [rule('moved.example.com', to('web', 80))] }));
        await until(async () => (await world.status('shop', 'moved')) !== undefined);
        await world.kubectl(['patch', 'ingress', '-n', 'shop', 'moved', '-p', '{"spec":{"ingressClassName":"other"}}']);
        await until(async () => (await ask(gateway, 'moved.example.com')).startsWith('400 '));
        await until(async () => (await world.status('shop', 'moved')) === undefined);
      });

      it('and says so when one is deleted under an Ingress', async () => {
        await world.apply(
          classOf('doomed', 'linkgate.io/ingress-controller'),
          ingress('bad', 'orphan', { ingressClassName: 'doomed', rules: [rule('orphan.example.com', to('web', 80))] }),
        );
        await until(async () => (await world.status('bad', 'orphan')) !== undefined);
        await world.kubectl(['delete', 'ingressclass', 'doomed']);
        await until(async () => (await world.reasons('bad', 'orphan')).includes('ClassNotFound'));
        await until(async () => JSON.stringify(await world.status('bad', 'orphan')).includes('/ClassNotFound"'));
      });
    });

    describe('tells the cluster', () => {
      it('its addresses, in the status of each Ingress that it serves', async () => {
        await world.apply(ingress('shop', 'told', { rules: [rule('told.example.com', to('web', 80))] }));
        await until(async () => (await world.status('shop', 'told')) !== undefined);
        assert.deepEqual(await world.status('shop', 'told'), [{ ip: '192.0.2.1' }, { hostname: 'edge.example.com' }]);
        const listed = await world.kubectl(['get', 'ingress', '-n', 'shop', 'told']);
        assert.match(listed, /told +linkgate|told +<none> +told\.example\.com +192\.0\.2\.1,edge\.example\.com/);
      });

      it('who of several gateways leads, and passes that on when it ends', async () => {
        const second = await world.gateway('publishAddresses: [192.0.2.1, edge.example.com], pathRegex: true', {}, 2);
        const holder = async (): Promise<string> => {
          const lease = await world.get<{ spec: { holderIdentity: string } }>(
            'lease',
            '-n',
            'linkgate',
            'linkgate-ingress',
          );
          return lease.spec.holderIdentity;
        };
        await until(async () => (await ask(second, 'told.example.com')) === '200 web');
        assert.equal(second.metric('rt', 'http', 'identifier', 'io.l5d.ingress', 'leader'), 0);
        const first = await holder();
        await world.closeGateway(gateway);
        gateway = second;
        await until(async () => second.metric('rt', 'http', 'identifier', 'io.l5d.ingress', 'leader') === 1, 10_000);
        assert.notEqual(await holder(), first);
        await world.apply(ingress('shop', 'next', { rules: [rule('next.example.com', to('web', 80))] }));
        await until(async () => (await world.status('shop', 'next')) !== undefined);
      });
    });

    describe('serves certificates of spec.tls', () => {
      const secret = async (name: string, host: string, key?: string): Promise<void> => {
        const { certPath, keyPath } = await certificates.issue(host.replaceAll('.', '-'), {
          altNames: `DNS:${host}`,
          subject: `/CN=${name}-${++issued}`,
        });
        const data = { 'tls.crt': readFileSync(certPath, 'base64'), 'tls.key': key ?? readFileSync(keyPath, 'base64') };
        await world.apply({
          apiVersion: 'v1',
          kind: 'Secret',
          type: 'kubernetes.io/tls',
          metadata: { namespace: 'shop', name },
          data,
        });
      };
      let issued = 0;
      const shownFor = async (servername: string): Promise<string> => {
        const tls = { servername, rejectUnauthorized: false };
        const client = await RawClient.connect({ port: gateway.ports[1] as number, tls }).catch(() => undefined);
        const name = (client?.socket as TLSSocket | undefined)?.getPeerCertificate().subject.CN;
        client?.close();
        return String(name);
      };

      it('by SNI, and takes a rotated one at once', async () => {
        await secret('web-tls', 'tls.example.com');
        const tls = [{ hosts: ['tls.example.com'], secretName: 'web-tls' }];
        await world.apply(ingress('shop', 'tls', { tls, rules: [rule('tls.example.com', to('web', 80))] }));
        await until(async () => (await shownFor('tls.example.com')) === `web-tls-${issued}`);
        await secret('web-tls', 'tls.example.com');
        await until(async () => (await shownFor('tls.example.com')) === `web-tls-${issued}`);
        assert.equal(issued, 2);
      });

      it('and tells of a key that is of another certificate', async () => {
        const { keyPath } = await certificates.issue('stranger');
        await secret('odd-tls', 'odd.example.com', readFileSync(keyPath, 'base64'));
        const tls = [{ hosts: ['odd.example.com'], secretName: 'odd-tls' }];
        await world.apply(ingress('shop', 'odd', { tls, rules: [rule('odd.example.com', to('web', 80))] }));
        await until(async () => (await world.reasons('shop', 'odd')).includes('SecretInvalid'));
        assert.equal(await shownFor('tls.example.com'), `web-tls-${issued - 1}`);
      });
    });

    describe('rejects alone, with an event and a status that say why,', () => {
      const web = to('web', 80);
      const tls = (secretName: string): object => ({
        tls: [{ hosts: [`${secretName}.example.com`], secretName }],
        rules: [rule(`${secretName}.example.com`, web)],
      });
      const cases: readonly (readonly [
        title: string,
        name: string,
        reason: string,
        spec: object,
        annotations?: object,
      ])[] = [
        [
          'an invalid regular expression',
          'regex',
          'InvalidRegex',
          { rules: [rule('regex.example.com', { ...web, path: '/(a', pathType: 'ImplementationSpecific' })] },
        ],
        [
          'a missing service',
          'service',
          'ServiceNotFound',
          { rules: [rule('service.example.com', to('nowhere', 80), to('web', 80, '/web'))] },
        ],
        ['a missing port', 'port', 'ServicePortNotFound', { rules: [rule('port.example.com', to('web', 81))] }],
        ['a missing secret', 'no-secret', 'SecretNotFound', tls('absent')],
        ['a malformed secret', 'bad-secret', 'SecretInvalid', tls('garbage')],
        ["a host that is another namespace's", 'thief', 'HostOwned', { rules: [rule('shop.example.com', web)] }],
        [
          'an annotation of 200 KB',
          'long-annotation',
          'InvalidAnnotation',
          { rules: [rule('long.example.com', web)] },
          { 'linkgate.io/rewrite-target': `/${'x'.repeat(200_000)}` },
        ],
        [
          '10,000 paths',
          'paths',
          'TooManyPaths',
          { rules: [rule('paths.example.com', ...Array.from({ length: 10_000 }, (_, i) => to('web', 80, `/${i}`)))] },
        ],
      ];

      before(async () => {
        await world.service('bad', 'web', [{ name: 'http', port: 80, answer: 'thief' }]);
        const data = { 'tls.crt': Buffer.from('garbage').toString('base64'), 'tls.key': '' };
        const metadata = { namespace: 'bad', name: 'garbage' };
        await world.apply(
          { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata, data },
          ingress('bad', 'good', { rules: [rule('good.example.com', to('web', 80))] }),
        );
        await gets('good.example.com', '200 thief');
      });

      for (const [title, name, reason, spec, annotations] of cases) {
        it(title, async () => {
          const at = '/apis/networking.k8s.io/v1/namespaces/bad/ingresses';
          // What kubectl would keep of it in an annotation of its own is too long for some of these.
          await world.server.create(at, ingress('bad', name, spec, annotations));
          await until(async () => (await world.reasons('bad', name)).includes(reason));
          await until(async () => JSON.stringify(await world.status('bad', name))?.includes(`linkgate.io/${reason}`));
          assert.equal(await ask(gateway, 'good.example.com'), '200 thief');
          assert.equal(await ask(gateway, 'shop.example.com'), '200 web');
        });
      }

      it('and serves what is right in an Ingress beside what is wrong', async () => {
        assert.equal(await ask(gateway, 'service.example.com', '/web'), '200 thief');
      });
    });
  });

  describe('io.l5d.ingress at scale', () => {
    const COUNT = 1000;
    let world: IngressWorld;
    let gateway: TestGateway | undefined;
    const at = '/apis/networking.k8s.io/v1/namespaces/many/ingresses';
    const many = (i: number): object => {
      const paths = ['/', '/a', '/a/b', '/c', '/d'].map((path) => to('web', 80, path));
      return ingress('many', `web-${i}`, { rules: [rule(`h${i}.example.com`, ...paths)] });
    };

    before(async () => {
      world = await IngressWorld.start('many');
      await world.service('many', 'web', [{ name: 'http', port: 80, answer: 'web' }]);
      for (let i = 0; i < COUNT; i += 50) {
        await Promise.all(Array.from({ length: 50 }, (_, j) => world.server.create(at, many(i + j))));
      }
    });
    after(() => world.close());

    it('has 1,000 Ingresses of 5 paths loaded 3 seconds after its start', async (t) => {
      const startedAt = performance.now();
      gateway = await world.gateway();
      const { port } = gateway;
      await until(async () => (await ask({ port }, `h${COUNT - 1}.example.com`, '/a/b')) === '200 web', 3000);
      t.diagnostic(`loaded in ${Math.round(performance.now() - startedAt)} ms`);
      assert.equal(gateway.metric('rt', 'http', 'identifier', 'io.l5d.ingress', 'routes'), 5 * COUNT);
    });

    it('serves a change of one Ingress soon after it was made', async (t) => {
      const { port } = gateway as TestGateway;
      const took: number[] = [];
      for (let i = 0; i < 20; i++) {
        const changed = { spec: { rules: [rule(`changed-${i}.example.com`, to('web', 80))] } };
        await world.server.patch(`${at}/web-${i}`, changed);
        took.push(await until(async () => (await ask({ port }, `changed-${i}.example.com`)) === '200 web'));
      }
      const median = took.sort((a, b) => a - b)[10] as number;
      t.diagnostic(
        `effective after ${Math.round(median)} ms in the median, at most ${Math.round(took.at(-1) as number)} ms`,
      );
      assert.ok(median < 1000, `${median} ms`);
    });

    it('fails no request while the API server is down for 30 seconds, and forgets what was deleted then', async (t) => {
      const { port } = gateway as TestGateway;
      const traffic = await Traffic.start({ port, request: request('GET /a', ['Host: h900.example.com']) });
      try {
        assert.equal(await ask({ port }, 'h901.example.com'), '200 web');
        const downAt = performance.now();
        await world.server.kill();
        await world.server.etcd.delete('/registry/ingress/many/web-901');
        await traffic.until('30 seconds without an API server', () => performance.now() - downAt > 30_000, 40_000);
        assert.equal(await ask({ port }, 'h901.example.com'), '200 web', 'the last good routes stay');
        await world.server.start();
        await until(async () => (await ask({ port }, 'h901.example.com')).startsWith('400 '), 20_000);
        await world.server.create(at, ingress('many', 'new', { rules: [rule('new.example.com', to('web', 80))] }));
        await until(async () => (await ask({ port }, 'new.example.com')) === '200 web', 10_000);
      } finally {
        await traffic.stop();
      }
      t.diagnostic(`${await traffic.end()} requests, none failed`);
    });
  });
});
