import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventually } from '../../support/eventually.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { type Consul, startConsul } from '../registries/consul.js';
import { registrySuite } from '../registries/registry-suite.js';
import { DnsScene } from './dns-scene.js';

expectNoOpenHandles();

/** The DNS interface of a real agent: truncation, TCP, addresses sent along and TTLs are as somebody else understands them. */
registrySuite('consul', () => {
  let consul: Consul;
  before(async () => {
    consul = await startConsul();
  });
  after(() => consul.stop());

  test('dnssrv binds sixty instances of a service in Consul, and hears of one less', async (t) => {
    const scene = await DnsScene.start(t, { dnsHosts: [{ host: '127.0.0.1', port: consul.dnsPort }], useWeight: true });
    const register = (i: number): Promise<unknown> =>
      consul.register({ service: 'web', id: `web-${i}`, address: `10.1.0.${i}`, port: 8000 + i });
    for (let i = 1; i <= 60; i++) await register(i);
    const web = scene.follow('/web.service.consul./users');
    await eventually(() => web.now.includes('10.1.0.60:8060'));
    assert.equal(web.now.match(/10\.1\.0\.\d+:80\d\d/g)?.length, 60, web.now);
    assert.match(web.now, /^\/#\/io\.l5d\.dnssrv\/web\.service\.consul\. \/users: /);
    await consul.deregister({ service: 'web', id: 'web-60' });
    scene.clock.skip(5000);
    await eventually(() => !web.now.includes('10.1.0.60:8060'));
    assert.equal(web.now.match(/10\.1\.0\.\d+:80\d\d/g)?.length, 59);
    for (let i = 1; i < 60; i++) await consul.deregister({ service: 'web', id: `web-${i}` });
    scene.clock.skip(5000);
    await eventually(() => web.now === 'neg');
  });
});
