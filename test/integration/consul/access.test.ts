// io.l5d.consul before real agents that want a token or speak TLS.

import assert from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { z } from 'zod';
import { clientTlsSchema } from '../../../config/schema/tls.js';
import { eventually } from '../../support/eventually.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { Scene } from '../../support/scene.js';
import { type Certificates, makeCertificates } from '../registries/certificates.js';
import { type Consul, startConsul } from '../registries/consul.js';
import { registrySuite } from '../registries/registry-suite.js';
import { NamerScene } from './namer-scene.js';

expectNoOpenHandles();

const web = { service: 'web', address: '10.0.0.1', port: 80 };
const BOUND = '/#/io.l5d.consul/dc1/web /: 10.0.0.1:80';

registrySuite('consul', () => {
  describe('with ACLs', () => {
    let consul: Consul;
    before(async () => {
      consul = await startConsul({ acl: true });
      await consul.register(web);
    });
    after(() => consul.stop());

    it('sends its token', async (t) => {
      const token = await consul.createToken('service "web" { policy = "read" } node_prefix "" { policy = "read" }');
      assert.equal(await new NamerScene(t, consul, { token }).answer('/dc1/web'), BOUND);
    });

    it('is Neg where the token has no rights: Consul 1.8 answers as if there were no instances', async (t) => {
      const token = await consul.createToken('key_prefix "" { policy = "read" }');
      const scene = new NamerScene(t, consul, { token });
      assert.equal(await scene.answer('/dc1/web'), 'neg');
      assert.deepEqual(scene.warnings, []);
    });

    it('is Neg with the reason, and never shows the token, where Consul does not know it', async (t) => {
      const token = '5f5a1c9e-0000-4000-8000-5ec7e75ec7e7';
      const scene = new NamerScene(t, consul, { token });
      const answer = await scene.answer('/dc1/web');
      assert.match(answer, /^neg because Consul 127\.0\.0\.1:\d+: GET .*: status 403 ".*ACL not found/);
      assert.ok(scene.count('errors') > 0);
      const said = [answer, ...scene.logged, JSON.stringify(scene.namer.state())].join('\n');
      assert.ok(!said.includes(token), 'the token is in a message');
    });

    it('says which right is missing for setHost', async (t) => {
      const rules = 'service "web" { policy = "read" } node_prefix "" { policy = "read" }';
      const token = await consul.createToken(rules);
      const answer = await new NamerScene(t, consul, { token, setHost: true }).answer('/dc1/web');
      assert.match(
        answer,
        /^neg because .*: GET \/v1\/agent\/self: status 403 .*; setHost needs .* \(right agent:read\)$/,
      );
      const enough = await consul.createToken(`${rules} agent_prefix "" { policy = "read" }`);
      const scene = new NamerScene(t, consul, { token: enough, setHost: true });
      assert.equal(await scene.answer('/dc1/web'), `${BOUND} {"authority":"web.service.dc1.consul"}`);
    });
  });

  describe('with TLS', () => {
    let certificates: Certificates;
    let other: Certificates;
    let consul: Consul;
    before(async () => {
      [certificates, other] = await Promise.all([makeCertificates(), makeCertificates()]);
      consul = await startConsul({ tls: { certificates, clientCerts: true } });
      await consul.register(web);
    });
    after(async () => {
      await consul.stop();
      await Promise.all([certificates.remove(), other.remove()]);
    });

    /** As the configuration has it. */
    const tls = (keys: z.input<ReturnType<typeof clientTlsSchema>>) =>
      clientTlsSchema().parse({ commonName: 'localhost', ...keys });

    it('verifies the agent and shows its certificate', async (t) => {
      const { certFile: certPath, keyFile: keyPath } = await certificates.client('linkgate');
      const keys = { trustCertsBundle: certificates.caFile, clientAuth: { certPath, keyPath } };
      assert.equal(await new NamerScene(t, consul, { tls: tls(keys) }).answer('/dc1/web'), BOUND);
    });

    it('is Neg with the reason where the certificate of the agent does not verify', async (t) => {
      const scene = new NamerScene(t, consul, { tls: tls({ trustCertsBundle: other.caFile }) });
      assert.match(
        await scene.answer('/dc1/web'),
        /^neg because Consul 127\.0\.0\.1:\d+: GET .*: .*(certificate|unable to verify)/,
      );
    });

    it('is Neg with the reason where the certificate is for another name', async (t) => {
      const keys = { trustCertsBundle: certificates.caFile, commonName: 'consul.example.com' };
      const answer = await new NamerScene(t, consul, { tls: tls(keys) }).answer('/dc1/web');
      assert.match(answer, /^neg because .*altnames: Host: consul\.example\.com/);
    });

    it('is Neg with the reason where a file cannot be read', async (t) => {
      const scene = new NamerScene(t, consul, { tls: tls({ trustCertsBundle: '/nonexistent/ca.pem' }) });
      assert.match(await scene.answer('/dc1/web'), /cannot read the CA file \/nonexistent\/ca\.pem: ENOENT/);
    });

    it('is Neg with the reason where the agent wants a certificate and gets none', async (t) => {
      const scene = new NamerScene(t, consul, { tls: tls({ trustCertsBundle: certificates.caFile }) });
      assert.match(await scene.answer('/dc1/web'), /^neg because Consul 127\.0\.0\.1:\d+: GET /);
    });

    it('uses files that are replaced while it runs', async (t) => {
      const { certFile: certPath, keyFile: keyPath } = await certificates.client('linkgate');
      const trustCertsBundle = join(new Scene(t).directory(), 'ca.pem');
      await copyFile(other.caFile, trustCertsBundle);
      const scene = new NamerScene(t, consul, { tls: tls({ trustCertsBundle, clientAuth: { certPath, keyPath } }) });
      const name = scene.follow('/dc1/web');
      await name.becomes(/^neg because /);
      await copyFile(certificates.caFile, trustCertsBundle);
      await name.becomes(BOUND, 10_000);
    });

    it('is Neg with the reason where HTTP is spoken to HTTPS', async (t) => {
      const scene = new NamerScene(t, consul);
      assert.match(
        await scene.answer('/dc1/web'),
        /^neg because Consul 127\.0\.0\.1:\d+: GET .*status 400 "Client sent an HTTP request to an HTTPS server/,
      );
      await eventually(() => scene.count('errors') > 0);
    });
  });
});
