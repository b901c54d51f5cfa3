import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { type ApiOptions, serverOf } from '../../../namers/kubernetes/api-options.js';
import type { PodEnvironment } from '../../../namers/kubernetes/kube-server.js';
import { eventually } from '../../support/eventually.js';
import { type FakeKubeApiserver, slice, startFakeKubeApiserver } from '../../support/fake-kube-apiserver.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { type Certificates, type KeyPair, makeCertificates } from '../registries/certificates.js';
import { type KubeScene, makeScene, type WatchedName } from './kube-scene.js';

expectNoOpenHandles();

describe('Kubernetes credentials', () => {
  let certificates: Certificates;
  let strangers: Certificates;
  let client: KeyPair;
  let folder: string;
  let server: FakeKubeApiserver;
  let scene: KubeScene | undefined;
  let pod: PodEnvironment;

  before(async () => {
    [certificates, strangers] = await Promise.all([makeCertificates(), makeCertificates(['other.example.com'])]);
    client = await certificates.client('linkgate');
  });
  after(async () => {
    await Promise.all([certificates.remove(), strangers.remove()]);
  });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'linkgate-kubernetes-'));
    server = await startFakeKubeApiserver({ token: 'first-secret', tls: certificates.server });
    server.put('prod/endpointslices', slice('web', ['10.0.0.1']));
    await mkdir(join(folder, 'account'));
    pod = {
      env: { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(server.port) },
      accountFolder: join(folder, 'account'),
    };
  });
  afterEach(async () => {
    await scene?.close();
    scene = undefined;
    await server.close();
    await rm(folder, { recursive: true });
  });

  const watch = (options: ApiOptions): WatchedName => {
    scene = makeScene(server.port, { server: serverOf(options, pod) });
    return scene.watch('/prod/http/web');
  };
  const mount = async (token: string, ca = certificates.ca): Promise<void> => {
    await writeFile(join(folder, 'account/token'), `${token}\n`);
    await writeFile(join(folder, 'account/ca.crt'), ca);
  };
  const kubeconfig = async (cluster: object, user: object): Promise<string> => {
    const file = join(folder, 'config');
    const config = {
      'current-context': 'one',
      contexts: [{ name: 'one', context: { cluster: 'c', user: 'u' } }],
      clusters: [{ name: 'c', cluster: { server: `https://127.0.0.1:${server.port}`, ...cluster } }],
      users: [{ name: 'u', user }],
    };
    await writeFile(file, JSON.stringify(config));
    return file;
  };

  it('of a pod are its token and CA, read again when the kubelet has replaced them', async () => {
    await mount('first-secret');
    const web = watch({ inCluster: true });
    await eventually(() => web.shown === '10.0.0.1:8080');
    await mount('second-secret');
    server.token = 'second-secret';
    server.drop();
    server.put('prod/endpointslices', slice('web', ['10.0.0.2']));
    await eventually(() => web.shown === '10.0.0.2:8080');
  });

  it('that are wrong are refused with a clear message that does not hold them, until they are right', async () => {
    await mount('wrong-secret');
    const web = watch({ inCluster: true });
    await eventually(() => web.shown.startsWith('neg: '));
    assert.match(
      web.shown,
      /^neg: Kubernetes 127\.0\.0\.1:\d+: GET \/apis\/.*: status 401 "Unauthorized: the credentials are not accepted"$/,
    );
    assert.equal(scene?.warnings.join('').includes('secret'), false);
    assert.equal(JSON.stringify(scene?.namer.state()).includes('secret'), false);
    await mount('first-secret');
    await eventually(() => web.shown === '10.0.0.1:8080');
  });

  it('that lie in no file are an error that names the file', async () => {
    const web = watch({ inCluster: true });
    await eventually(() =>
      /^neg: .*cannot read the (token|CA) file .*account\/(token|ca\.crt): ENOENT/.test(web.shown),
    );
  });

  it('of a pod are an error that says so where there is no pod', async () => {
    pod = { ...pod, env: {} };
    const web = watch({ inCluster: true });
    await eventually(() => /^neg: Kubernetes: .*KUBERNETES_SERVICE_HOST is not set; is this a pod/.test(web.shown));
  });

  it('are not sent to a server whose certificate does not verify', async () => {
    await mount('first-secret', strangers.ca);
    const web = watch({ inCluster: true });
    await eventually(() => /^neg: Kubernetes 127\.0\.0\.1:\d+: GET .*(certificate|self-signed)/.test(web.shown));
    assert.equal(server.requests.length, 0);
  });

  it('of a kubeconfig are a token and a CA in it or beside it', async () => {
    const data = Buffer.from(certificates.ca).toString('base64');
    await writeFile(join(folder, 'the-token'), 'first-secret\n');
    await writeFile(join(folder, 'the-ca'), certificates.ca);
    for (const [cluster, user] of [
      [{ 'certificate-authority-data': data }, { token: 'first-secret' }],
      [{ 'certificate-authority': 'the-ca' }, { tokenFile: 'the-token', token: 'not used' }],
      [{ 'insecure-skip-tls-verify': true }, { token: 'first-secret' }],
      [{ 'certificate-authority': 'the-ca', 'tls-server-name': 'localhost' }, { token: 'first-secret' }],
    ] as const) {
      const web = watch({ kubeconfig: await kubeconfig(cluster, user) });
      await eventually(() => web.shown === '10.0.0.1:8080');
      await scene?.close();
    }
  });

  it('of a kubeconfig may be a client certificate', async () => {
    await server.close();
    server = await startFakeKubeApiserver({
      tls: { ...certificates.server, ca: certificates.ca, requestCert: true, rejectUnauthorized: true },
    });
    server.put('prod/endpointslices', slice('web', ['10.0.0.1']));
    const ca = { 'certificate-authority': certificates.caFile };
    const web = watch({
      kubeconfig: await kubeconfig(ca, { 'client-certificate': client.certFile, 'client-key': client.keyFile }),
    });
    await eventually(() => web.shown === '10.0.0.1:8080');
    await scene?.close();
    const without = watch({ kubeconfig: await kubeconfig(ca, {}) });
    await eventually(() => without.shown.startsWith('neg: Kubernetes'));
  });

  it('of a kubeconfig that is written anew are used from then on', async () => {
    const ca = { 'certificate-authority': certificates.caFile };
    const web = watch({ kubeconfig: await kubeconfig(ca, { token: 'first-secret' }) });
    await eventually(() => web.shown === '10.0.0.1:8080');
    server.token = 'second-secret';
    await kubeconfig(ca, { token: 'second-secret' });
    server.drop();
    server.put('prod/endpointslices', slice('web', ['10.0.0.2']));
    await eventually(() => web.shown === '10.0.0.2:8080');
  });

  it('of a kubeconfig that has become unreadable leave what is known in use', async () => {
    const file = await kubeconfig({ 'certificate-authority': certificates.caFile }, { token: 'first-secret' });
    const web = watch({ kubeconfig: file });
    await eventually(() => web.shown === '10.0.0.1:8080');
    await writeFile(file, 'token: first-secret\n  bad: [');
    server.drop();
    await eventually(() => /it is not YAML \(line \d+: [A-Z_]+\)/.test(scene?.warnings.join() ?? ''));
    assert.equal(web.shown, '10.0.0.1:8080');
    assert.equal(scene?.warnings.join('').includes('secret'), false);
  });

  it('of a server behind a path are used with that path in front of every other', async () => {
    await kubeconfig({}, {});
    const web = watch({
      kubeconfig: await kubeconfig(
        { server: `https://127.0.0.1:${server.port}/k8s/clusters/c1/`, 'certificate-authority': certificates.caFile },
        { token: 'first-secret' },
      ),
    });
    await eventually(() => web.shown.startsWith('neg: '));
    assert.match(server.requests[0] ?? '', /^\/k8s\/clusters\/c1\/apis\/discovery/);
  });
});
