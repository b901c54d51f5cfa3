import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { type Certificates, makeCertificates } from './certificates.js';
import { type Consul, startConsul, startConsulCluster } from './consul.js';
import { type Etcd, startEtcd, startEtcdCluster } from './etcd.js';
import type { Program } from './program.js';
import { registrySuite } from './registry-suite.js';
import { rest } from './rest.js';
import { startZooKeeper, startZooKeeperEnsemble, type ZooKeeper } from './zookeeper.js';
import { NO_AUTH, ZooKeeperError } from './zookeeper-test-client.js';

/** What the whole start of a registry may take. */
const START_LIMIT_MS = 20_000;

expectNoOpenHandles();

registrySuite('etcd', () => {
  describe('etcd', () => {
    let etcd: Etcd;
    before(async () => {
      etcd = await startsInTime(startEtcd);
    });
    after(() => etcd.stop());

    it('keeps its data over a crash and a restart on the same port', async () => {
      await etcd.put('/services/web/1', '127.0.0.1:80');
      await etcd.kill();
      await etcd.start();
      assert.equal(await etcd.get('/services/web/1'), '127.0.0.1:80');
    });

    it('answers nothing while it is frozen, and again when it is thawed', () =>
      expectFreezes(etcd, etcd.url, '/health'));

    it('forgets what was put with a lease that is revoked', async () => {
      const lease = await etcd.put('/leased', 'x', { leaseSeconds: 60 });
      assert.equal(await etcd.get('/leased'), 'x');
      await etcd.revoke(lease ?? '');
      assert.equal(await etcd.get('/leased'), undefined);
    });

    it('deletes a key, and all keys with a prefix', async () => {
      for (const key of ['/p/1', '/p/2', '/p/3', '/q']) await etcd.put(key, 'x');
      await etcd.delete('/p/1');
      assert.deepEqual(await present(etcd, ['/p/1', '/p/2', '/p/3', '/q']), ['/p/2', '/p/3', '/q']);
      await etcd.deletePrefix('/p/');
      assert.deepEqual(await present(etcd, ['/p/1', '/p/2', '/p/3', '/q']), ['/q']);
    });

    it('refuses to read a revision that was compacted', async () => {
      const before = await etcd.revision();
      await etcd.put('/compacted', 'x');
      await etcd.compact();
      await assert.rejects(etcd.api('/v3/kv/range', { key: 'Lw==', revision: String(before) }), /compacted/);
    });

    it('lets in nobody without a password once authentication is on', async () => {
      await etcd.enableAuth({ username: 'gateway', password: 'secret', readPrefix: '/services/' });
      const anonymous = await rest({ origin: etcd.url }, 'POST', '/v3/kv/range', { key: 'Lw==' });
      assert.equal(anonymous.status, 400);
      await etcd.put('/services/web/2', 'as root');
      const login = { name: 'gateway', password: 'secret' };
      const { body } = await rest({ origin: etcd.url }, 'POST', '/v3/auth/authenticate', login);
      const headers = { authorization: (body as { token: string }).token };
      const read = (key: string) => rest({ origin: etcd.url, headers }, 'POST', '/v3/kv/range', { key: btoa(key) });
      assert.equal((await read('/services/web/2')).status, 200);
      assert.equal((await read('/other')).status, 403);
    });

    it('is gone with its data after stop, from whatever state', async () => {
      await expectGone(etcd);
      await expectGone(await startEtcd(), (program) => program.freeze());
      await expectGone(await startEtcd(), (program) => program.kill());
    });
  });

  it('etcd cluster elects another leader when its leader is killed', async () => {
    const cluster = await startsInTime(startEtcdCluster);
    try {
      const leader = await cluster.leader();
      await leader.kill();
      const next = await cluster.leader();
      assert.notEqual(next, leader);
      await next.put('/after', 'the election');
      await leader.start();
      assert.equal(await leader.get('/after'), 'the election');
    } finally {
      await cluster.stop();
    }
  });

  it('etcd with client certificates refuses who has none', () =>
    withCertificates(async (certificates) => {
      const etcd = await startsInTime(() => startEtcd({ tls: { certificates, clientCerts: true } }));
      try {
        await etcd.put('/tls', 'x');
        assert.equal(await etcd.get('/tls'), 'x');
        const stranger = { origin: etcd.url, ca: certificates.ca };
        await assert.rejects(rest(stranger, 'GET', '/health'), /certificate required|bad certificate|ECONNRESET/);
        const { cert, key } = await certificates.client('gateway');
        assert.equal((await rest({ ...stranger, cert, key }, 'GET', '/health')).status, 200);
      } finally {
        await etcd.stop();
      }
    }));
});

registrySuite('consul', () => {
  describe('consul', () => {
    let consul: Consul;
    before(async () => {
      consul = await startsInTime(startConsul);
    });
    after(() => consul.stop());

    it('serves the services that were registered, with their status', async () => {
      const web = { service: 'web', address: '127.0.0.1', port: 8080 };
      await consul.register({
        ...web,
        id: 'web-1',
        tags: ['v1'],
        meta: { zone: 'a' },
        weights: { passing: 3, warning: 1 },
      });
      await consul.register({ ...web, id: 'web-2', status: 'critical' });
      const ids = (entries: unknown) => (entries as { Service: { ID: string } }[]).map(({ Service }) => Service.ID);
      assert.deepEqual(ids((await consul.api('GET', '/v1/health/service/web')).body), ['web-1', 'web-2']);
      assert.deepEqual(ids((await consul.api('GET', '/v1/health/service/web?passing')).body), ['web-1']);
      await consul.deregister({ service: 'web', id: 'web-1' });
      assert.deepEqual(ids((await consul.api('GET', '/v1/health/service/web')).body), ['web-2']);
    });

    it('answers nothing while it is frozen, and again when it is thawed', () =>
      expectFreezes(consul, consul.url, '/v1/status/leader'));

    it('is empty after a restart in development mode, its index low again', async () => {
      for (const key of ['a', 'b', 'c']) await consul.setKey(key, 'x');
      await consul.kill();
      await consul.start();
      assert.equal((await consul.api('GET', '/v1/kv/a')).status, 404);
    });

    it('is gone with its data after stop, from whatever state', async () => {
      await expectGone(consul);
      await expectGone(await startConsul(), (program) => program.freeze());
    });
  });

  it('consul that is persistent keeps its data over a crash and a restart on the same port', async () => {
    const consul = await startsInTime(() => startConsul({ persistent: true }));
    try {
      await consul.setKey('kept', 'as it was');
      await consul.register({ service: 'web', address: '127.0.0.1', port: 8080 });
      await consul.kill();
      await consul.start();
      assert.equal((await consul.api('GET', '/v1/kv/kept?raw')).body, 'as it was');
      assert.equal(((await consul.api('GET', '/v1/health/service/web')).body as unknown[]).length, 1);
    } finally {
      await consul.stop();
    }
  });

  it('consul with ACLs shows nothing without a token, and what a token may see with it', async () => {
    const consul = await startsInTime(() => startConsul({ acl: true }));
    try {
      await consul.register({ service: 'web', address: '127.0.0.1', port: 8080 });
      const token = await consul.createToken(
        'service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }',
      );
      const seen = async (headers: Record<string, string>) =>
        ((await rest({ origin: consul.url, headers }, 'GET', '/v1/health/service/web')).body as unknown[]).length;
      assert.equal(await seen({}), 0);
      assert.equal(await seen({ 'x-consul-token': token }), 1);
    } finally {
      await consul.stop();
    }
  });

  it('consul with client certificates refuses who has none', () =>
    withCertificates(async (certificates) => {
      const consul = await startsInTime(() => startConsul({ tls: { certificates, clientCerts: true } }));
      try {
        await consul.setKey('tls', 'x');
        const stranger = { origin: consul.url, ca: certificates.ca };
        await assert.rejects(rest(stranger, 'GET', '/v1/kv/tls'), /certificate required|bad certificate|ECONNRESET/);
      } finally {
        await consul.stop();
      }
    }));

  it('consul cluster elects another leader when its leader is killed', async () => {
    const cluster = await startsInTime(startConsulCluster);
    try {
      const leader = await cluster.leader();
      await leader.kill();
      assert.notEqual(await cluster.leader(), leader);
    } finally {
      await cluster.stop();
    }
  });
});

registrySuite('zookeeper', () => {
  describe('zookeeper', () => {
    let zookeeper: ZooKeeper;
    before(async () => {
      zookeeper = await startsInTime(startZooKeeper);
    });
    after(() => zookeeper.stop());

    it('keeps its data over a crash and a restart on the same port', async () => {
      const first = await zookeeper.client();
      await first.create('/discovery/web/member', '{"port": 80}', { parents: true });
      await zookeeper.kill();
      await zookeeper.start();
      const second = await zookeeper.client();
      assert.equal(await second.get('/discovery/web/member'), '{"port": 80}');
      await second.set('/discovery/web/member', 'other');
      assert.equal(await second.get('/discovery/web/member'), 'other');
      assert.deepEqual(await second.children('/discovery/web'), ['member']);
      await second.deleteAll('/discovery');
      assert.equal(await second.exists('/discovery'), false);
      await second.close();
    });

    it('takes the ephemeral nodes away with their session, whether it is closed or expired', async () => {
      const observer = await zookeeper.client();
      for (const end of ['closed', 'expired']) {
        const owner = await zookeeper.client();
        const path = await owner.create(`/${end}-`, '', { ephemeral: true, sequential: true });
        assert.match(path, /-\d{10}$/);
        assert.equal(await observer.exists(path), true);
        if (end === 'closed') await owner.close();
        else await zookeeper.expireSession(owner);
        assert.equal(await observer.exists(path), false);
        await assert.rejects(zookeeper.client({ resume: owner }), /expired/);
      }
      await observer.close();
    });

    it('keeps a session whose connection was cut', async () => {
      const owner = await zookeeper.client();
      await owner.create('/survives', '', { ephemeral: true });
      owner.drop();
      const resumed = await zookeeper.client({ resume: owner });
      assert.equal(await resumed.exists('/survives'), true);
      await resumed.close();
    });

    it('shows a protected node only to who has its password', async () => {
      const owner = await zookeeper.client();
      await owner.addAuth('digest', 'gateway:secret');
      await owner.create('/secret', 'x', { acl: [{ permissions: 31, scheme: 'auth', id: '' }] });
      assert.equal(await owner.get('/secret'), 'x');
      const stranger = await zookeeper.client();
      const refused = (error: unknown) => error instanceof ZooKeeperError && error.code === NO_AUTH;
      await assert.rejects(stranger.get('/secret'), refused);
      await stranger.close();
      await owner.close();
    });

    it('answers nothing while it is frozen, and again when it is thawed', async () => {
      zookeeper.freeze();
      assert.equal(await zookeeper.mode(), undefined);
      zookeeper.thaw();
      assert.equal(await zookeeper.mode(), 'standalone');
    });

    it('is gone with its data after stop, from whatever state', async () => {
      await expectGone(zookeeper);
      await expectGone(await startZooKeeper(), (program) => program.freeze());
    });
  });

  it('zookeeper ensemble elects another leader when its leader is killed', async () => {
    const ensemble = await startsInTime(startZooKeeperEnsemble);
    try {
      const leader = await ensemble.leader();
      await leader.kill();
      const next = await ensemble.leader();
      assert.notEqual(next, leader);
      const client = await next.client();
      await client.create('/after', 'the election');
      await client.close();
    } finally {
      await ensemble.stop();
    }
  });
});

async function startsInTime<T>(start: () => Promise<T>): Promise<T> {
  const begun = performance.now();
  const fixture = await start();
  const took = performance.now() - begun;
  assert.ok(took < START_LIMIT_MS, `took ${took} ms to start`);
  return fixture;
}

/** No process, no data, nobody at its port; a second stop changes nothing. */
async function expectGone(program: Program & { port: number }, first?: (program: Program) => void | Promise<void>) {
  const { pid } = program;
  assert.ok(pid !== undefined && existsSync(`/proc/${pid}`) && existsSync(program.folder));
  await first?.(program);
  await program.stop();
  assert.equal(program.pid, undefined);
  assert.equal(existsSync(`/proc/${pid}`), false);
  assert.equal(existsSync(program.folder), false);
  assert.equal(await accepts(program.port), false);
  await program.stop();
}

async function expectFreezes(program: Program, origin: string, path: string): Promise<void> {
  program.freeze();
  // Its socket still accepts: only a time limit notices.
  const asked = rest({ origin }, 'GET', path);
  const silent = new Promise((resolve) => setTimeout(resolve, 300, 'silence'));
  assert.equal(await Promise.race([asked, silent]), 'silence');
  program.thaw();
  assert.equal((await asked).status, 200);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function present(etcd: Etcd, keys: readonly string[]): Promise<readonly string[]> {
  const found = [];
  for (const key of keys) if ((await etcd.get(key)) !== undefined) found.push(key);
  return found;
}

async function withCertificates(body: (certificates: Certificates) => Promise<void>): Promise<void> {
  const certificates = await makeCertificates();
  try {
    await body(certificates);
  } finally {
    await certificates.remove();
  }
}
