import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { eventually } from '../../support/eventually.js';
import { type FakeKubeApiserver, type KubeObject, sendStatus, service } from '../../support/fake-kube-apiserver.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { SkippingClock } from '../../support/skipping-clock.js';
import {
  type IngressScene,
  ingress,
  ingressClass,
  ingressPath,
  reporting,
  startIngressServer,
  startSource,
} from './ingress-source-scene.js';

expectNoOpenHandles();

describe('what io.l5d.ingress writes', () => {
  let server: FakeKubeApiserver;
  let clock: SkippingClock;
  const scenes: IngressScene[] = [];

  const start = (instance?: string, more: Parameters<typeof reporting>[1] = {}): IngressScene => {
    const scene = startSource(server.port, { clock, report: reporting(instance, more), seed: scenes.length });
    scenes.push(scene);
    return scene;
  };
  const leading = async (...of: Parameters<typeof start>): Promise<IngressScene> => {
    const scene = start(...of);
    await eventually(() => scene.metric('leader') === 1 && scene.source.pending === undefined);
    return scene;
  };
  /** Lets time go by in steps; answers how much it took. */
  const passUntil = async (condition: () => boolean, stepMs: number): Promise<number> => {
    let passed = 0;
    await eventually(() => {
      if (condition()) return true;
      clock.skip(stepMs);
      passed += stepMs;
      return false;
    });
    return passed;
  };
  const lease = (): Readonly<Record<string, unknown>> =>
    (server.object('linkgate/leases', 'linkgate-ingress')?.spec ?? {}) as Readonly<Record<string, unknown>>;
  const status = (name: string): unknown => {
    const { status: of } = (server.object('shop/ingresses', name) ?? {}) as { status?: LoadBalancerStatus };
    return of?.loadBalancer?.ingress;
  };
  const events = (): readonly KubeObject[] =>
    server.writes.filter(({ what }) => what.startsWith('POST shop/events')).map(({ body }) => body);
  const statusWrites = (): number => server.writes.filter(({ what }) => what.endsWith('/status')).length;

  beforeEach(async () => {
    server = await startIngressServer();
    clock = new SkippingClock();
  });
  afterEach(async () => {
    await Promise.all(scenes.splice(0).map((scene) => scene.close()));
    await server.close();
  });

  describe('the lease', () => {
    it('is held by one of two gateways, and passes to the other when that one ends', async () => {
      const first = await leading('gateway-1');
      const second = start('gateway-2');
      assert.match(String(lease().holderIdentity), /^gateway-1_[0-9a-f]{8}$/);
      assert.deepEqual(
        { seconds: lease().leaseDurationSeconds, transitions: lease().leaseTransitions },
        { seconds: 15, transitions: 0 },
      );
      assert.match(String(lease().renewTime), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
      await eventually(() => second.source.pending === undefined);
      assert.equal(second.metric('leader'), 0);
      await first.close();
      assert.equal(lease().holderIdentity, '');
      clock.skip(3000);
      await eventually(() => second.metric('leader') === 1);
      assert.match(String(lease().holderIdentity), /^gateway-2_/);
      assert.equal(lease().leaseTransitions, 1);
    });

    it('is renewed every two seconds, and keeps the time at which it was taken', async () => {
      await leading();
      const { acquireTime, renewTime } = lease();
      clock.skip(2001);
      await eventually(() => lease().renewTime !== renewTime);
      assert.equal(lease().acquireTime, acquireTime);
    });

    it('of a holder that is dead is taken 15 seconds after it was last seen to change, whatever its times say', async () => {
      const times = { acquireTime: '2099-01-01T00:00:00.000000Z', renewTime: '2099-01-01T00:00:00.000000Z' };
      const spec = { holderIdentity: 'dead', leaseDurationSeconds: 15, leaseTransitions: 4, ...times };
      server.put('linkgate/leases', { metadata: { name: 'linkgate-ingress' }, spec });
      const scene = start();
      await eventually(() => server.asked('/leases/') === 1);
      const passed = await passUntil(() => scene.metric('leader') === 1, 500);
      assert.ok(passed >= 15_000 && passed <= 25_000, `taken after ${passed} ms`);
      assert.equal(lease().leaseTransitions, 5);
    });

    it('is given up, with all writing, by a holder that cannot renew it for 10 seconds', async () => {
      const scene = await leading();
      server.put('shop/ingresses', ingress('web', 'shop.example.com'));
      await eventually(() => status('web') !== undefined);
      server.forbidden.add('linkgate/leases');
      clock.skip(5000);
      await eventually(() =>
        scene.warnings.some((line) => /lease linkgate\/linkgate-ingress: .*status 403/.test(line)),
      );
      assert.equal(scene.metric('leader'), 1, 'it cannot be another yet');
      clock.skip(5001);
      await eventually(() => scene.messages.includes('does not hold the lease any more'));
      assert.equal(scene.metric('leader'), 0);
      server.put('shop/ingresses', ingress('late', 'late.example.com'));
      await eventually(() => scene.ask('late.example.com') === '/svc/shop/http/web');
      assert.equal(status('late'), undefined);
      assert.equal(scene.warnings.filter((line) => line.includes('status 403')).length, 1, 'said once');
      server.forbidden.clear();
      clock.skip(3000);
      await eventually(() => scene.metric('leader') === 1 && status('late') !== undefined);
    });

    it('goes to one alone of two that take it at once', async () => {
      const [one, other] = [start('gateway-1'), start('gateway-2')];
      await eventually(() => one.metric('leader') + other.metric('leader') === 1);
      clock.skip(3000);
      await eventually(() => server.asked('/leases/') >= 4);
      assert.equal(one.metric('leader') + other.metric('leader'), 1);
    });

    it('is not asked for by a gateway that writes nothing', async () => {
      const scene = startSource(server.port, { clock });
      scenes.push(scene);
      await eventually(() => scene.source.pending === undefined);
      assert.equal(server.asked('/leases'), 0);
      assert.deepEqual(server.writes, []);
    });
  });

  describe('the status', () => {
    it('is written once to those that are ours, and not again by the next leader', async () => {
      server.put('shop/ingresses', ingress('web', 'shop.example.com'));
      server.put('shop/ingresses', ingress('other', 'o.example.com', { spec: { ingressClassName: 'nginx' } }));
      server.put('/ingressclasses', ingressClass('nginx', 'k8s.io/ingress-nginx', false));
      const first = await leading('gateway-1', { publish: [{ ip: '192.0.2.1' }, { hostname: 'edge.example.com' }] });
      await eventually(() => status('web') !== undefined);
      assert.deepEqual(status('web'), [{ ip: '192.0.2.1' }, { hostname: 'edge.example.com' }]);
      assert.equal(status('other'), undefined);
      await eventually(() => first.metric('status_writes') === 1);
      const compiles = first.metric('compiles');
      await first.close();
      const second = await leading('gateway-2', { publish: [{ ip: '192.0.2.1' }, { hostname: 'edge.example.com' }] });
      server.put('shop/ingresses', ingress('next', 'next.example.com'));
      await eventually(() => status('next') !== undefined);
      await eventually(() => second.metric('status_writes') === 1);
      assert.equal(statusWrites(), 2);
      assert.equal(first.metric('compiles'), compiles, 'what we wrote ourselves compiles nothing anew');
    });

    it('follows the Service that is published, and stays when that goes away', async () => {
      const balancer = (...ingress: readonly object[]) => ({ status: { loadBalancer: { ingress } } });
      server.put('linkgate/services', service('edge', {}, balancer({ ip: '192.0.2.7' })));
      server.put('shop/ingresses', ingress('web', 'shop.example.com'));
      await leading('gateway-1', { publish: { namespace: 'linkgate', name: 'edge' } });
      await eventually(() => status('web') !== undefined);
      assert.deepEqual(status('web'), [{ ip: '192.0.2.7' }]);
      server.put('linkgate/services', service('edge', {}, balancer({ hostname: 'lb.example.com' })));
      await eventually(() => JSON.stringify(status('web')) === '[{"hostname":"lb.example.com"}]');
      server.put('linkgate/services', service('edge', { externalIPs: ['192.0.2.8'] }));
      await eventually(() => JSON.stringify(status('web')) === '[{"ip":"192.0.2.8"}]');
      const before = statusWrites();
      server.delete('linkgate/services', 'edge');
      server.put('shop/ingresses', ingress('mark', 'mark.example.com'));
      const [scene] = scenes;
      await eventually(() => scene?.ask('mark.example.com') === '/svc/shop/http/web');
      assert.equal(statusWrites(), before);
      assert.deepEqual(status('web'), [{ ip: '192.0.2.8' }]);
    });

    it('says why a path is not served, until it is', async () => {
      server.put('shop/ingresses', ingress('web', 'shop.example.com', { paths: [ingressPath('/', 'cart')] }));
      await leading();
      await eventually(() => status('web') !== undefined);
      const ports = [{ port: 80, protocol: 'TCP', error: 'linkgate.io/ServiceNotFound' }];
      assert.deepEqual(status('web'), [{ ip: '192.0.2.1', ports }]);
      server.put('shop/services', service('cart', { ports: [{ name: 'http', port: 80 }] }));
      await eventually(() => JSON.stringify(status('web')) === '[{"ip":"192.0.2.1"}]');
    });

    it('is written once where the server has no ports in it', async () => {
      server.intercept = (request, response, url) => {
        if (request.method === 'PATCH' && url.pathname.endsWith('/status')) {
          server.put('shop/ingresses', {
            ...ingress('web', 'shop.example.com', { paths: [ingressPath('/', 'cart')] }),
            status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
          });
          request.resume();
          response.writeHead(200, { 'content-type': 'application/json' });
          response.end(JSON.stringify(server.object('shop/ingresses', 'web')));
        } else server.serve(request, response, url);
      };
      server.put('shop/ingresses', ingress('web', 'shop.example.com', { paths: [ingressPath('/', 'cart')] }));
      const scene = await leading();
      await eventually(() => status('web') !== undefined);
      for (const name of ['mark', 'mark-2']) {
        server.put('shop/ingresses', {
          ...ingress(name, `${name}.example.com`),
          status: server.object('shop/ingresses', 'web')?.status,
        });
        await eventually(() => scene.ask(`${name}.example.com`) === '/svc/shop/http/web');
      }
      assert.equal(scene.metric('status_writes'), 1);
    });

    it('is taken back from an Ingress that is of another class now, and from no other', async () => {
      server.put('/ingressclasses', ingressClass('nginx', 'k8s.io/ingress-nginx', false));
      server.put('shop/ingresses', ingress('web', 'shop.example.com'));
      await leading();
      await eventually(() => status('web') !== undefined);
      const ours = server.object('shop/ingresses', 'web') as KubeObject;
      const spec = { ...(ours.spec as object), ingressClassName: 'nginx' };
      const managedFields = [{ manager: 'linkgate-ingress', subresource: 'status' }];
      server.put('shop/ingresses', { ...ours, spec, metadata: { ...ours.metadata, managedFields } });
      await eventually(() => status('web') === undefined);
      const theirs = { loadBalancer: { ingress: [{ ip: '203.0.113.9' }] } };
      server.put('shop/ingresses', { ...ingress('other', 'o.example.com', { spec }), status: theirs });
      server.put('shop/ingresses', ingress('mark', 'mark.example.com'));
      await eventually(() => status('mark') !== undefined);
      assert.deepEqual(status('other'), [{ ip: '203.0.113.9' }]);
    });

    it('is written again after a conflict, from what is there then', async () => {
      let conflicts = 0;
      server.intercept = (request, response, url) => {
        if (request.method === 'PATCH' && url.pathname.endsWith('/status') && ++conflicts === 1) {
          sendStatus(response, 409, 'the object has been modified');
          request.resume();
        } else server.serve(request, response, url);
      };
      server.put('shop/ingresses', ingress('web', 'shop.example.com'));
      const scene = await leading();
      await eventually(() => status('web') !== undefined);
      assert.equal(scene.metric('status_errors'), 0);
    });

    it('is tried again ever more rarely when it is refused, and that is said once', async () => {
      server.forbidden.add('PATCH shop/ingresses');
      for (const name of ['a', 'b', 'c']) server.put('shop/ingresses', ingress(name, `${name}.example.com`));
      const scene = await leading();
      await eventually(() => scene.metric('status_errors') === 3);
      assert.equal(scene.warnings.filter((line) => line.startsWith('status of shop/')).length, 1);
      assert.equal(scene.ask('a.example.com'), '/svc/shop/http/web');
      server.forbidden.clear();
      clock.skip(1001);
      await eventually(() => ['a', 'b', 'c'].every((name) => status(name) !== undefined));
    });
  });

  describe('events', () => {
    const bad = (name: string): KubeObject =>
      ingress(name, `${name}.example.com`, { paths: [ingressPath('/', 'nowhere')] });

    it('tell each problem of each Ingress once, with all that kubectl shows', async () => {
      server.put('shop/ingresses', bad('web'));
      const scene = await leading();
      await eventually(() => events().length === 1);
      const [event] = events() as [KubeObject & Record<string, unknown>];
      assert.equal(event.reason, 'ServiceNotFound');
      assert.equal(event.type, 'Warning');
      assert.match(String(event.message), /^spec\.rules\[0\]\.http\.paths\[0\].*nowhere/);
      assert.deepEqual(event.involvedObject, {
        kind: 'Ingress',
        apiVersion: 'networking.k8s.io/v1',
        namespace: 'shop',
        name: 'web',
        uid: 'uid-shop-web',
      });
      assert.equal(event.reportingComponent, 'linkgate.io/ingress-controller');
      assert.equal(event.count, 1);
      server.put('shop/ingresses', ingress('mark', 'mark.example.com'));
      await eventually(() => status('mark') !== undefined);
      assert.equal(events().length, 1);
      await eventually(() => scene.metric('events') === 1);
    });

    it('are counted up rarely while the problem lasts, also by the next leader', async () => {
      server.put('shop/ingresses', bad('web'));
      const first = await leading('gateway-1');
      await eventually(() => first.metric('events') === 1);
      const name = events()[0]?.metadata.name ?? '';
      const passed = await passUntil(() => server.object('shop/events', name)?.count === 2, 60_000);
      assert.ok(passed >= 45 * 60_000, `after ${passed} ms`);
      await first.close();
      await leading('gateway-2');
      await eventually(() => Number(server.object('shop/events', name)?.count) >= 3);
      assert.equal(events().length, 1);
    });

    it('that the server has forgotten are told anew', async () => {
      server.put('shop/ingresses', bad('web'));
      const scene = await leading();
      // Written, and heard of by who wrote it: time that passes before has the request time out and be made again.
      await eventually(() => scene.metric('events') === 1);
      server.delete('shop/events', events()[0]?.metadata.name ?? '');
      const passed = await passUntil(() => events().length === 2, 60_000);
      assert.ok(passed >= 45 * 60_000, `after ${passed} ms`);
    });

    it('come at a bounded rate, and no more than a few of one Ingress', async () => {
      const paths = Array.from({ length: 50 }, (_, i) => ingressPath(`/${i}`, `nowhere-${i}`));
      server.put('shop/ingresses', ingress('many', 'many.example.com', { paths }));
      for (let i = 0; i < 100; i++) server.put('shop/ingresses', bad(`web-${i}`));
      const begunAt = clock.now();
      const scene = await leading();
      await eventually(() => events().length >= 25);
      const mostAt = (now: number): number => 26 + (5 * (now - begunAt)) / 1000;
      assert.ok(events().length <= mostAt(clock.now()), `${events().length} events`);
      const of = events().filter(({ involvedObject }) => (involvedObject as { name: string }).name === 'many');
      assert.equal(of.length, 5);
      await passUntil(() => events().length >= 50, 500);
      assert.ok(events().length <= mostAt(clock.now()), `${events().length} events`);
      assert.equal(scene.warnings.filter((line) => line.startsWith('ingress shop/')).length, 100);
      assert.ok(scene.warnings.includes('1 more ingresses have problems that are new or over'));
    });

    it('that may not be written are complained of once', async () => {
      server.forbidden.add('POST shop/events');
      server.put('shop/ingresses', bad('web'));
      server.put('shop/ingresses', bad('web-2'));
      const scene = await leading();
      await eventually(() => scene.metric('event_errors') >= 2);
      assert.equal(scene.warnings.filter((line) => line.startsWith('an event of')).length, 1);
      await eventually(() => status('web') !== undefined);
    });

    it('say that a class was deleted under an Ingress that was ours', async () => {
      server.put('/ingressclasses', ingressClass('edge'));
      server.put('shop/ingresses', ingress('web', 'shop.example.com', { spec: { ingressClassName: 'edge' } }));
      const scene = await leading();
      await eventually(() => status('web') !== undefined);
      server.delete('/ingressclasses', 'edge');
      await eventually(() => events().some(({ reason }) => reason === 'ClassNotFound'));
      await eventually(() => JSON.stringify(status('web')).includes('linkgate.io/ClassNotFound'));
      assert.equal(scene.ask('shop.example.com'), 'none');
    });

    it('are not written where the configuration says so', async () => {
      server.put('shop/ingresses', bad('web'));
      await leading('gateway-1', { events: false });
      await eventually(() => status('web') !== undefined);
      assert.deepEqual(events(), []);
    });
  });
});

interface LoadBalancerStatus {
  readonly loadBalancer?: { readonly ingress?: unknown };
}
