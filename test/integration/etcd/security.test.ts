import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { EtcdNamerOptions } from '../../../namers/etcd/namer.js';
import { eventually } from '../../support/eventually.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { type Certificates, makeCertificates } from '../registries/certificates.js';
import { type Etcd, startEtcd } from '../registries/etcd.js';
import { registrySuite } from '../registries/registry-suite.js';
import { EtcdScene } from './etcd-scene.js';

expectNoOpenHandles();

registrySuite('etcd', () => {
  describe('etcd namer over TLS', () => {
    let certificates: Certificates;
    let strangers: Certificates;
    let etcd: Etcd;
    before(async () => {
      certificates = await makeCertificates(['127.0.0.1', 'etcd.test']);
      strangers = await makeCertificates(['127.0.0.1']);
      etcd = await startEtcd({ tls: { certificates, clientCerts: true } });
      await etcd.put('/services/shop/1', '10.0.0.1:80');
    });
    after(async () => {
      await etcd.stop();
      await certificates.remove();
      await strangers.remove();
    });

    const scene = (t: TestContext, tls: EtcdNamerOptions['tls']): EtcdScene =>
      new EtcdScene(t, { endpoints: [etcd.url], ...(tls && { tls }) });
    const verified = { enabled: true, disableValidation: false, commonName: 'etcd.test' };
    const because = (text: string): RegExp => new RegExp(`^neg because etcd 127.0.0.1:${etcd.port}: Range: .*${text}`);

    it('shows its certificate, one with a common name too, and checks the name of the server', async (t) => {
      const { certFile: certPath, keyFile: keyPath } = await certificates.client('gateway');
      const tls = { ...verified, trustCertsBundle: certificates.caFile, clientAuth: { certPath, keyPath } };
      const shop = scene(t, tls).follow('shop');
      await shop.sees('/shop: 10.0.0.1:80');
      await etcd.put('/services/shop/1', '10.0.0.2:80');
      await shop.sees('/shop: 10.0.0.2:80');
      await etcd.put('/services/shop/1', '10.0.0.1:80');
    });

    it('refuses a server whose certificate another authority signed, and says so', async (t) => {
      const { certFile: certPath, keyFile: keyPath } = await certificates.client();
      const tls = { ...verified, trustCertsBundle: strangers.caFile, clientAuth: { certPath, keyPath } };
      await scene(t, tls).follow('shop').sees(because('certificate'));
      await scene(t, undefined).follow('shop').sees(because('certificate'));
    });

    it('refuses a server of another name, and says so', async (t) => {
      const tls = { ...verified, commonName: 'other.test', trustCertsBundle: certificates.caFile };
      await scene(t, tls).follow('shop').sees(because('altnames'));
    });

    it('is refused without a certificate of its own, and says so', async (t) => {
      const tls = { ...verified, trustCertsBundle: certificates.caFile };
      await scene(t, tls).follow('shop').sees(because(''));
      const unchecked = { enabled: true, disableValidation: true };
      await scene(t, unchecked).follow('shop').sees(because(''));
    });

    it('names the file that it cannot read, and uses it once it is there', async (t) => {
      const { certFile: certPath } = await certificates.client();
      const missing = `${certPath}.missing`;
      const tls = { ...verified, trustCertsBundle: certificates.caFile, clientAuth: { certPath, keyPath: missing } };
      const shop = scene(t, tls).follow('shop');
      await shop.sees(/^neg because etcd .*: cannot read the private key file .*\.missing: ENOENT/);
    });
  });

  describe('etcd namer that trusts any certificate', () => {
    it('connects to a server that nobody vouches for', async (t) => {
      const certificates = await makeCertificates(['elsewhere.test', '127.0.0.1']);
      t.after(() => certificates.remove());
      const etcd = await startEtcd({ tls: { certificates } });
      t.after(() => etcd.stop());
      await etcd.put('/services/shop/1', '10.0.0.1:80');
      const one = new EtcdScene(t, { endpoints: [etcd.url], tls: { enabled: true, disableValidation: true } });
      await one.follow('shop').sees('/shop: 10.0.0.1:80');
    });
  });

  describe('etcd namer that logs in', () => {
    const user = { username: 'gateway', password: 'correct horse battery staple' };
    let etcd: Etcd;
    before(async () => {
      etcd = await startEtcd();
      await etcd.put('/services/shop/1', '10.0.0.1:80');
      await etcd.put('/private/shop/1', '10.0.0.1:80');
      await etcd.enableAuth({ ...user, readPrefix: '/services/' });
    });
    after(() => etcd.stop());

    const scene = (t: TestContext, options: Partial<EtcdNamerOptions>): EtcdScene =>
      new EtcdScene(t, { endpoints: [etcd.url], ...options });
    const expectNoSecret = (one: EtcdScene, ...texts: string[]): void => {
      const all = [JSON.stringify(one.namer.state()), ...one.logged, ...texts].join('\n');
      assert.equal(all.includes('staple'), false, all);
    };

    it('reads and watches what its user may read', async (t) => {
      const one = scene(t, user);
      const shop = one.follow('shop');
      await shop.sees('/shop: 10.0.0.1:80');
      await etcd.put('/services/shop/2', '10.0.0.2:80');
      await shop.sees('/shop: 10.0.0.1:80 10.0.0.2:80');
      expectNoSecret(one);
    });

    it('says that the password is wrong, and never shows it', async (t) => {
      const one = scene(t, { username: 'gateway', password: 'wrong staple' });
      const shop = one.follow('shop');
      await shop.sees(
        /^neg because etcd .*: Authenticate: etcdserver: authentication failed, invalid user ID or password$/,
      );
      assert.ok(one.count('errors') > 0);
      expectNoSecret(one, ...shop.seen);
    });

    it('says that it has to log in', async (t) => {
      await scene(t, {})
        .follow('shop')
        .sees(/^neg because etcd .*: Range: etcdserver: user name is empty$/);
    });

    it('says that its user may not read the prefix', async (t) => {
      const one = scene(t, { ...user, pathPrefix: '/private' });
      await one.follow('shop').sees(/^neg because etcd .*: Range: etcdserver: permission denied$/);
    });

    it('logs in anew when its token is refused, with nothing lost and no error', async (t) => {
      const one = scene(t, user);
      const shop = one.follow('shop');
      await shop.sees(/^\/shop: /);
      const { updates } = one.namer.state().watches['/services/'] ?? assert.fail('no watch');
      // Ends every token of that user.
      await etcd.api('/v3/auth/user/changepw', { name: user.username, password: user.password });
      const changedAt = performance.now();
      await eventually(() => performance.now() - changedAt > (one.namer.ageMs() ?? 0) + 1500, { timeoutMs: 6000 });
      await etcd.put('/services/shop/1', '10.0.0.9:80');
      await shop.sees(/10\.0\.0\.9:80/);
      assert.equal(one.count('errors'), 0);
      assert.equal(one.namer.state().watches['/services/']?.updates, updates + 1);
    });

    it('keeps its last answer when it may not read any more', async (t) => {
      const one = scene(t, user);
      const shop = one.follow('shop');
      await shop.sees(/^\/shop: /);
      const before = shop.seen.at(-1);
      await etcd.api('/v3/auth/user/revoke', { name: user.username, role: user.username });
      t.after(() => etcd.api('/v3/auth/user/grant', { user: user.username, role: user.username }));
      await eventually(() => one.failing === 'Range: etcdserver: permission denied', { timeoutMs: 5000 });
      assert.equal(shop.seen.at(-1), before);
    });
  });
});
