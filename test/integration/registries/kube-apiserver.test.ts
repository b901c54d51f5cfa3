import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { fixed, startUpstream } from '../../support/upstream.js';
import { hostAddress, type KubeApiserver, startKubeApiserver } from './kube-apiserver.js';
import { registrySuite } from './registry-suite.js';
import { rest } from './rest.js';

expectNoOpenHandles();

registrySuite('kubernetes', () => {
  describe('kube-apiserver', () => {
    let server: KubeApiserver;
    let startedInMs = 0;
    before(async () => {
      const begun = performance.now();
      server = await startKubeApiserver();
      startedInMs = performance.now() - begun;
      await server.createNamespace('shop');
    });
    after(() => server.stop());

    const endpoints = {
      metadata: { name: 'web' },
      subsets: [{ addresses: [{ ip: hostAddress(7) }], ports: [{ name: 'http', port: 8080 }] }],
    };
    const collection = '/api/v1/namespaces/shop/endpoints';

    it('starts in time, in a network that has no other interface than loopback', () => {
      assert.ok(startedInMs < 20_000, `took ${startedInMs} ms`);
      assert.deepEqual(Object.keys(networkInterfaces()), ['lo']);
    });

    it('takes, changes and deletes objects', async () => {
      await server.create(collection, endpoints);
      await server.patch(`${collection}/web`, { metadata: { labels: { tier: 'front' } } });
      const patched = (await server.get(`${collection}/web`)) as typeof endpoints & { metadata: { labels: object } };
      assert.deepEqual(patched.metadata.labels, { tier: 'front' });
      assert.equal(patched.subsets[0]?.addresses[0]?.ip, hostAddress(7));
      await server.replace(`${collection}/web`, endpoints);
      await server.delete(`${collection}/web`);
      assert.equal((await server.api('GET', `${collection}/web`)).status, 404);
    });

    it('refuses loopback addresses, which is why a test has others, and those can be reached', async () => {
      const subsets = [{ addresses: [{ ip: '127.0.0.1' }], ports: [{ port: 80 }] }];
      await assert.rejects(server.create(collection, { metadata: { name: 'loop' }, subsets }), /loopback/);
      const upstream = await startUpstream(fixed(200, 'hello'), { host: hostAddress(7) });
      try {
        const answer = await rest({ origin: `http://${hostAddress(7)}:${upstream.port}` }, 'GET', '/');
        assert.equal(answer.body, 'hello');
      } finally {
        await upstream.close();
      }
    });

    it('serves EndpointSlices as v1beta1 and not as v1', async () => {
      const slices = (version: string) => server.api('GET', `/apis/discovery.k8s.io/${version}/endpointslices`);
      assert.equal((await slices('v1beta1')).status, 200);
      assert.equal((await slices('v1')).status, 404);
    });

    it('lets a user do what was granted and nothing else', async () => {
      const read = (path: string, token: string) =>
        server.api('GET', path, undefined, token).then(({ status }) => status);
      const { reader, nobody } = server.tokens;
      assert.equal(await read(collection, reader), 403);
      await server.grant([{ apiGroups: [''], resources: ['endpoints'], verbs: ['list'] }], { namespace: 'shop' });
      assert.equal(await read(collection, reader), 200);
      assert.equal(await read('/api/v1/endpoints', reader), 403);
      await server.grant([{ apiGroups: [''], resources: ['endpoints'], verbs: ['list'] }]);
      assert.equal(await read('/api/v1/endpoints', reader), 200);
      assert.equal(await read(collection, nobody), 403);
      assert.equal(await read(collection, 'no such token'), 401);
    });

    it('keeps its objects and its certificate over a crash and a restart on the same port', async () => {
      const { caFile } = server;
      await server.create(collection, endpoints);
      await server.kill();
      await assert.rejects(server.get(`${collection}/web`), /ECONNREFUSED/);
      await server.start();
      await server.get(`${collection}/web`);
      assert.equal(server.caFile, caFile);
    });

    it('answers nothing while it is frozen, and again when it is thawed', async () => {
      server.freeze();
      const asked = server.get(`${collection}/web`);
      const silent = new Promise((resolve) => setTimeout(resolve, 300, 'silence'));
      assert.equal(await Promise.race([asked, silent]), 'silence');
      server.thaw();
      await asked;
    });

    it('is gone with its etcd and its data after stop', async () => {
      const pids = [server.pid, server.etcd.pid];
      const folders = [server.folder, server.etcd.folder];
      await server.stop();
      for (const pid of pids) assert.equal(existsSync(`/proc/${pid}`), false);
      for (const folder of folders) assert.equal(existsSync(folder), false);
    });
  });
});
