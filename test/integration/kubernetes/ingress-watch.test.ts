import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { effect } from '@preact/signals-core';
import { eventually } from '../../support/eventually.js';
import {
  CORE,
  EXTENSIONS_V1BETA1,
  type FakeKubeApiserver,
  NETWORKING_V1BETA1,
  sendStatus,
  service,
} from '../../support/fake-kube-apiserver.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { SkippingClock } from '../../support/skipping-clock.js';
import { TestCertificates } from '../../support/test-certificates.js';
import {
  type IngressScene,
  ingress,
  ingressClass,
  ingressPath,
  startIngressServer,
  startSource,
} from './ingress-source-scene.js';

expectNoOpenHandles();

describe('the watches of io.l5d.ingress', () => {
  let server: FakeKubeApiserver;
  let scene: IngressScene;

  beforeEach(async () => {
    server = await startIngressServer();
  });
  afterEach(async () => {
    await scene.close();
    await server.close();
  });

  it('name requests by the Ingresses of all namespaces, as they come, change and go', async () => {
    scene = startSource(server.port);
    await eventually(() => scene.source.pending === undefined);
    assert.equal(scene.ask('shop.example.com'), 'none');
    server.put('shop/ingresses', ingress('web', 'shop.example.com'));
    await eventually(() => scene.ask('shop.example.com') === '/svc/shop/http/web');
    server.put('shop/ingresses', ingress('web', 'www.example.com'));
    await eventually(() => scene.ask('www.example.com') === '/svc/shop/http/web');
    assert.equal(scene.ask('shop.example.com'), 'none');
    server.delete('shop/ingresses', 'web');
    await eventually(() => scene.ask('www.example.com') === 'none');
  });

  it('tell Ingresses of one name in two namespaces apart', async () => {
    server.put('blog/services', service('web', { ports: [{ name: 'http', port: 80 }] }));
    server.put('shop/ingresses', ingress('web', 'shop.example.com'));
    server.put('blog/ingresses', ingress('web', 'blog.example.com'));
    scene = startSource(server.port);
    await eventually(() => scene.ask('blog.example.com') === '/svc/blog/http/web');
    assert.equal(scene.ask('shop.example.com'), '/svc/shop/http/web');
    server.delete('blog/ingresses', 'web');
    await eventually(() => scene.ask('blog.example.com') === 'none');
    assert.equal(scene.ask('shop.example.com'), '/svc/shop/http/web');
  });

  it('are those of one namespace where the configuration names one', async () => {
    server.put('shop/ingresses', ingress('web', 'shop.example.com'));
    server.put('blog/ingresses', ingress('web', 'blog.example.com'));
    scene = startSource(server.port, { namespace: 'shop' });
    await eventually(() => scene.ask('shop.example.com') === '/svc/shop/http/web');
    assert.equal(scene.ask('blog.example.com'), 'none');
    assert.equal(server.streams('blog/ingresses'), 0);
    assert.equal(server.asked('/v1/ingresses?') + server.asked('/api/v1/services'), 0);
  });

  it('answer requests with routes-pending until all of the first lists are there, and say what is missing', async () => {
    server.forbidden.add('*/ingresses');
    scene = startSource(server.port);
    assert.equal(scene.ask('shop.example.com'), 'routes-pending');
    await eventually(() => /ingresses are not known yet: .*status 403/.test(scene.source.pending ?? ''));
    assert.equal(scene.ask('shop.example.com'), 'routes-pending');
    server.put('shop/ingresses', ingress('web', 'shop.example.com'));
    server.forbidden.clear();
    await eventually(() => scene.ask('shop.example.com') === '/svc/shop/http/web', { timeoutMs: 8000 });
    assert.equal(scene.source.pending, undefined);
  });

  it('wait for services that cannot be read now, as a server that has just started', async () => {
    server.put('shop/ingresses', ingress('web', 'shop.example.com'));
    server.intercept = (request, response, url) => {
      if (url.pathname.endsWith('/services')) sendStatus(response, 500, 'starting');
      else server.serve(request, response, url);
    };
    scene = startSource(server.port);
    await eventually(() => /services are not known yet: .*starting/.test(scene.source.pending ?? ''));
    assert.equal(scene.ask('shop.example.com'), 'routes-pending');
    server.intercept = undefined;
    await eventually(() => scene.ask('shop.example.com') === '/svc/shop/http/web', { timeoutMs: 8000 });
  });

  for (const [resource, key] of [
    ['*/services', 'services'],
    ['*/ingressclasses', 'ingressclasses'],
  ] as const) {
    it(`go on without ${key} where they are forbidden, and complain once`, async () => {
      server.forbidden.add(resource);
      server.put('shop/ingresses', ingress('web', 'shop.example.com'));
      server.put('shop/ingresses', ingress('blind', 'blind.example.com', { paths: [ingressPath('/', 'nowhere')] }));
      scene = startSource(server.port);
      await eventually(() => scene.ask('shop.example.com') === '/svc/shop/http/web');
      assert.equal(scene.ask('blind.example.com'), key === 'services' ? '/svc/shop/http/nowhere' : 'none');
      await eventually(() => scene.metric('service', 'errors') >= 3);
      const told = scene.warnings.filter((line) => line.includes(`${key}: GET`));
      assert.equal(told.length, 1, scene.warnings.join('\n'));
      assert.match(told[0] ?? '', /status 403/);
    });
  }

  it('obey IngressClasses as they come and go', async () => {
    const spec = { ingressClassName: 'edge' };
    server.put('shop/ingresses', ingress('web', 'shop.example.com', { spec }));
    scene = startSource(server.port);
    await eventually(() => scene.source.pending === undefined);
    assert.equal(scene.ask('shop.example.com'), 'none');
    server.put('/ingressclasses', ingressClass('edge'));
    await eventually(() => scene.ask('shop.example.com') === '/svc/shop/http/web');
    server.delete('/ingressclasses', 'edge');
    await eventually(() => scene.ask('shop.example.com') === 'none');
    assert.ok(
      scene.warnings.some((line) => /ingress shop\/web: none of it is served: ClassNotFound: .*"edge"/.test(line)),
    );
    server.put('/ingressclasses', ingressClass('edge', 'example.com/other'));
    await eventually(() => scene.messages.includes('ingress shop/web: has no problem any more'));
    assert.equal(scene.ask('shop.example.com'), 'none');
  });

  it('see a service that a route was waiting for', async () => {
    server.put('shop/ingresses', ingress('cart', 'cart.example.com', { paths: [ingressPath('/', 'cart')] }));
    scene = startSource(server.port);
    await eventually(() => scene.metric('rejected') === 1);
    assert.equal(scene.metric('ingresses'), 1);
    assert.equal(scene.metric('routes'), 0);
    server.put('shop/services', service('cart', { ports: [{ name: 'http', port: 80 }] }));
    await eventually(() => scene.ask('cart.example.com') === '/svc/shop/http/cart');
    assert.equal(scene.metric('rejected'), 0);
    assert.equal(scene.metric('routes'), 1);
    server.delete('shop/services', 'cart');
    await eventually(() => scene.metric('rejected') === 1);
  });

  for (const [api, backend] of [
    [NETWORKING_V1BETA1, 'networking.k8s.io/v1beta1'],
    [EXTENSIONS_V1BETA1, 'extensions/v1beta1'],
  ] as const) {
    it(`read ${backend} where the server has nothing newer`, async () => {
      server.apis = [CORE, api];
      const paths = [{ path: '/', backend: { serviceName: 'web', servicePort: 80 } }];
      server.put('shop/ingresses', ingress('web', 'shop.example.com', { paths }));
      scene = startSource(server.port);
      await eventually(() => scene.ask('shop.example.com') === '/svc/shop/80/web');
      assert.ok(scene.messages.includes(`ingresses are read from ${backend} ingresses`), scene.messages.join('\n'));
    });
  }

  it('compile a burst of changes once, and take little of the time for it', async () => {
    scene = startSource(server.port);
    await eventually(() => scene.source.pending === undefined);
    const before = scene.metric('compiles');
    for (let i = 0; i < 200; i++) server.put('shop/ingresses', ingress(`web-${i}`, `h${i}.example.com`));
    await eventually(() => scene.ask('h199.example.com') === '/svc/shop/http/web');
    const more = scene.metric('compiles') - before;
    assert.ok(more <= 10, `${more} times`);
  });

  it('publish hosts of external classes and routes to the outside, and no others', async () => {
    server.put(
      'shop/ingresses',
      ingress('web', 'shop.example.com', { annotations: { 'linkgate.io/exposure': 'external' } }),
    );
    server.put('shop/ingresses', ingress('back', 'back.example.com'));
    scene = startSource(server.port);
    await eventually(() => scene.source.pending === undefined);
    assert.deepEqual(scene.source.published.value, [{ host: 'shop.example.com', by: 'ingress shop/web' }]);
    assert.equal(scene.ask('shop.example.com', '/', 'external'), '/ext/shop/http/web');
    assert.equal(scene.ask('back.example.com', '/', 'external'), 'none');
    assert.equal(scene.ask('back.example.com'), '/svc/shop/http/web');
    assert.deepEqual(
      scene.source.routes().map(({ host, path, exposure }) => `${host} ${path} ${exposure}`),
      ['shop.example.com /* external', 'back.example.com /* internal'].sort((a, b) => order(a) - order(b)),
    );
    server.delete('shop/ingresses', 'web');
    await eventually(() => scene.source.published.value.length === 0);
  });

  it('keep what they know through an outage, and lose what was deleted meanwhile', async () => {
    for (const name of ['web', 'gone']) server.put('shop/ingresses', ingress(name, `${name}.example.com`));
    scene = startSource(server.port);
    await eventually(() => scene.ask('gone.example.com') === '/svc/shop/http/web');
    server.intercept = (_request, response) => sendStatus(response, 503, 'down');
    server.drop();
    await eventually(() => scene.metric('service', 'errors') >= 6);
    assert.equal(scene.ask('web.example.com'), '/svc/shop/http/web');
    assert.equal(scene.ask('gone.example.com'), '/svc/shop/http/web');
    server.forget('shop/ingresses', 'gone');
    server.compact();
    server.intercept = undefined;
    await eventually(() => scene.ask('gone.example.com') === 'none', { timeoutMs: 8000 });
    assert.equal(scene.ask('web.example.com'), '/svc/shop/http/web');
  });

  for (const [title, object, problem] of [
    ['rules that are no list', { spec: { rules: 7 } }, /InvalidIngress/],
    ['a spec that is text', { spec: 'rules' }, /InvalidIngress/],
    [
      'a path without a backend',
      { spec: { rules: [{ host: 'bad.example.com', http: { paths: [{ path: '/' }] } }] } },
      /./,
    ],
  ] as const) {
    it(`leave out an Ingress with ${title}, and serve the others`, async () => {
      const metadata = { name: 'bad' };
      server.put('shop/ingresses', { metadata, ...object });
      server.put('shop/ingresses', ingress('web', 'shop.example.com'));
      scene = startSource(server.port);
      await eventually(() => scene.ask('shop.example.com') === '/svc/shop/http/web');
      const told = scene.warnings.filter((line) => line.includes('shop/bad'));
      assert.equal(told.length, 1, scene.warnings.join('\n'));
      assert.match(told[0] ?? '', problem);
    });
  }

  it('leave out an Ingress with an annotation of 1 MB, and serve the others', async () => {
    const annotations = { 'linkgate.io/rewrite-target': `/${'x'.repeat(1 << 20)}` };
    server.put('shop/ingresses', ingress('huge', 'huge.example.com', { annotations }));
    server.put('shop/ingresses', ingress('web', 'shop.example.com'));
    scene = startSource(server.port);
    await eventually(() => scene.ask('shop.example.com') === '/svc/shop/http/web');
    assert.equal(scene.ask('huge.example.com'), 'none');
    const told = scene.warnings.filter((line) => line.includes('ingress shop/huge: '));
    assert.equal(told.length, 1);
    assert.ok((told[0] ?? '').length < 1000);
  });

  it('stay in use when what is made of them cannot be handed on', async () => {
    server.put('shop/ingresses', ingress('web', 'shop.example.com'));
    scene = startSource(server.port);
    await eventually(() => scene.ask('shop.example.com') === '/svc/shop/http/web');
    const stop = effect(() => {
      if (scene.source.published.value.length > 0) throw new Error('a defect');
    });
    const external = { annotations: { 'linkgate.io/exposure': 'external' } };
    server.put('shop/ingresses', ingress('out', 'out.example.com', external));
    await eventually(() => scene.metric('compile_errors') === 1);
    assert.ok(scene.warnings.some((line) => /^the Ingresses could not be compiled: Error: a defect/.test(line)));
    stop();
    server.put('shop/ingresses', ingress('next', 'next.example.com'));
    await eventually(() => scene.ask('next.example.com') === '/svc/shop/http/web');
  });

  it('are shown to operators with what is wrong with each', async () => {
    server.put('shop/ingresses', ingress('web', 'shop.example.com'));
    server.put('shop/ingresses', ingress('bad', 'bad.example.com', { paths: [ingressPath('/', 'nowhere')] }));
    server.put('shop/ingresses', ingress('other', 'o.example.com', { spec: { ingressClassName: 'nobody' } }));
    scene = startSource(server.port);
    await eventually(() => scene.source.pending === undefined);
    const state = scene.source.state() as {
      readonly ingressesFrom: string;
      readonly pending: null;
      readonly leader: null;
      readonly ingresses: Readonly<
        Record<string, { served: boolean; problems?: unknown[]; notOurs?: { reason: string } }>
      >;
      readonly watches: object;
    };
    assert.equal(state.ingressesFrom, 'networking.k8s.io/v1');
    assert.deepEqual([state.pending, state.leader], [null, null]);
    assert.deepEqual(state.ingresses['shop/web'], { served: true, problems: [] });
    assert.equal(state.ingresses['shop/bad']?.problems?.length, 1);
    assert.equal(state.ingresses['shop/other']?.notOurs?.reason, 'ClassNotFound');
    assert.deepEqual(Object.keys(state.watches), ['ingresses', 'ingressclasses', 'services']);
  });

  it('close without a trace, also while they are answered', async () => {
    server.put('shop/ingresses', ingress('web', 'shop.example.com'));
    scene = startSource(server.port);
    await eventually(() => server.streams() >= 1);
    await scene.close();
    await eventually(() => server.streams() === 0);
    scene.source.start();
    await scene.close();
    assert.equal(server.streams(), 0);
  });

  describe('of secrets', () => {
    const certificates = new TestCertificates();
    const secret = async (name: string, host: string): Promise<void> => {
      const { certPath, keyPath } = await certificates.issue(host);
      const data = { 'tls.crt': readFileSync(certPath, 'base64'), 'tls.key': readFileSync(keyPath, 'base64') };
      server.put('shop/secrets', { metadata: { name }, type: 'kubernetes.io/tls', data });
    };
    const tls = (secretName: string) => ({
      spec: { tls: [{ hosts: ['shop.example.com'], secretName }], rules: rules },
    });
    const rules = [{ host: 'shop.example.com', http: { paths: [ingressPath('/')] } }];
    const chain = (): string | undefined => scene.source.certificates.value[0]?.chain;

    it('ask for those that are referred to, each by its name alone', async () => {
      await secret('web-tls', 'shop.example.com');
      await secret('other', 'other.example.com');
      server.put('shop/ingresses', ingress('web', 'shop.example.com', tls('web-tls')));
      scene = startSource(server.port);
      await eventually(() => chain() !== undefined && scene.source.pending === undefined);
      const asked = server.requests.filter((path) => path.includes('/secrets'));
      assert.ok(asked.length > 0 && asked.every((path) => path.includes('fieldSelector=metadata.name%3Dweb-tls')));
      assert.doesNotMatch(JSON.stringify(scene.source.state()), /PRIVATE|CERTIFICATE-----/);
    });

    it('take a rotated certificate at once, and say so when the secret is gone', async () => {
      await secret('web-tls', 'shop.example.com');
      server.put('shop/ingresses', ingress('web', 'shop.example.com', tls('web-tls')));
      scene = startSource(server.port);
      await eventually(() => chain() !== undefined);
      const first = chain();
      await secret('web-tls', 'shop.example.com');
      await eventually(() => chain() !== undefined && chain() !== first);
      server.delete('shop/secrets', 'web-tls');
      await eventually(() => chain() === undefined);
      assert.equal(scene.ask('shop.example.com'), '/svc/shop/http/web');
      await eventually(() => scene.warnings.some((line) => line.includes('SecretNotFound')));
    });

    it('are pending until each was answered, so that no gateway is ready without its certificates', async () => {
      await secret('web-tls', 'shop.example.com');
      server.put('shop/ingresses', ingress('web', 'shop.example.com', tls('web-tls')));
      let release = (): void => {};
      server.intercept = (request, response, url) => {
        if (!url.pathname.endsWith('/secrets')) server.serve(request, response, url);
        else release = () => server.serve(request, response, url);
      };
      scene = startSource(server.port);
      await eventually(() => /1 secrets with certificates are not known yet/.test(scene.source.pending ?? ''));
      assert.equal(scene.ask('shop.example.com'), '/svc/shop/http/web');
      server.intercept = undefined;
      release();
      await eventually(() => scene.source.pending === undefined);
      assert.ok(chain() !== undefined);
    });

    it('that may not be read are a problem that says which right is missing', async () => {
      server.forbidden.add('shop/secrets');
      server.put('shop/ingresses', ingress('web', 'shop.example.com', tls('web-tls')));
      scene = startSource(server.port);
      await eventually(() =>
        scene.warnings.some((line) =>
          /^ingress shop\/web: .*may not be read: .*status 403 "secrets is forb/.test(line),
        ),
      );
      assert.equal(scene.ask('shop.example.com'), '/svc/shop/http/web');
      assert.equal(scene.source.pending, undefined);
    });

    it('are let go of when nothing refers to them any more, and asked for again when something does', async () => {
      await secret('web-tls', 'shop.example.com');
      server.put('shop/ingresses', ingress('web', 'shop.example.com', tls('web-tls')));
      scene = startSource(server.port);
      await eventually(() => server.streams('shop/secrets') === 1);
      server.put('shop/ingresses', ingress('web', 'shop.example.com'));
      await eventually(() => server.streams('shop/secrets') === 0);
      assert.equal(scene.source.certificates.value.length, 0);
      server.put('shop/ingresses', ingress('web', 'shop.example.com', tls('web-tls')));
      await eventually(() => chain() !== undefined);
    });

    it('tell of a certificate that expires while nothing else changes', async () => {
      const clock = new SkippingClock();
      await secret('web-tls', 'shop.example.com');
      server.put('shop/ingresses', ingress('web', 'shop.example.com', tls('web-tls')));
      scene = startSource(server.port, { clock });
      await eventually(() => chain() !== undefined && scene.metric('rejected') === 0);
      clock.skip(40 * 365 * 24 * 3_600_000);
      await eventually(() => scene.warnings.some((line) => line.includes('CertificateExpired')));
    });
  });
});

/** Of the time of creation, then by name. */
function order(line: string): number {
  return line.startsWith('back') ? 0 : 1;
}
