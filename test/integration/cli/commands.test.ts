// The commands that people use before they trust a gateway with a registry: check asks none, delegate asks the live one.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Consul, startConsul } from '../registries/consul.js';
import { type Etcd, startEtcd } from '../registries/etcd.js';
import { freePorts } from '../registries/free-port.js';
import { registrySuite } from '../registries/registry-suite.js';
import { startZooKeeper, type ZooKeeper } from '../registries/zookeeper.js';

const MAIN = fileURLToPath(new URL('../../../src/main.js', import.meta.url));

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function linkgate(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { timeout: 30_000 }, (error, out, err) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, out, err });
    });
  });
}

let directory = '';
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'linkgate-cli-'));
});
after(() => rmSync(directory, { recursive: true, force: true }));

function configFile(
  namer: object | readonly object[],
  dtab: string,
  servers: readonly object[] = [{ port: 0 }],
): string {
  const file = join(directory, 'linkerd.yaml');
  const config = { admin: { port: 0 }, namers: [namer].flat(), routers: [{ protocol: 'http', dtab, servers }] };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

const EXTERNAL = [{ port: 0, exposure: 'external', externalHosts: ['fixed.example.com'] }];

describe('with a registry that cannot be reached', () => {
  const namers = (port: number): readonly object[] => [
    { kind: 'io.l5d.consul', host: '127.0.0.1', port },
    { kind: 'io.l5d.serversets', zkAddrs: [{ host: '127.0.0.1', port }] },
    { kind: 'io.l5d.etcd', endpoints: [`http://127.0.0.1:${port}`] },
    { kind: 'io.l5d.k8s', host: '127.0.0.1', port },
    { kind: 'io.l5d.dnssrv', experimental: true, dnsHosts: [`127.0.0.1:${port}`] },
    { kind: 'io.l5d.marathon', host: '127.0.0.1', port },
  ];

  it('check succeeds, for every kind of registry', async () => {
    for (const namer of namers((await freePorts(1))[0] as number)) {
      const { code, out, err } = await linkgate('check', configFile(namer, '/svc => /#/nowhere'));
      assert.deepEqual([code, err], [0, ''], JSON.stringify(namer));
      assert.match(out, /linkerd\.yaml: ok \(1 router, 1 server, 1 namer\)\n$/);
    }
  });

  it('delegate says that the name is not known, and why', async () => {
    const [port] = await freePorts(1);
    const file = configFile({ kind: 'io.l5d.consul', host: '127.0.0.1', port }, '/svc => /#/io.l5d.consul/dc1');
    const { out } = await linkgate('delegate', '--config', file, '/svc/web');
    assert.match(out, new RegExp(`not known: Consul 127\\.0\\.0\\.1:${port}: .*ECONNREFUSED`));
    const json = await linkgate('delegate', '--json', '--config', file, '/svc/web');
    assert.match(json.out, /"type":"neg".*"message":"Consul .*ECONNREFUSED/);
  });

  it('exposure prints what is known without it, and fails with who did not answer', async () => {
    const [port] = await freePorts(1);
    const consul = { kind: 'io.l5d.consul', host: '127.0.0.1', port, publish: true };
    const file = configFile(consul, '/ext => /#/io.l5d.consul/dc1', EXTERNAL);
    const { code, out, err } = await linkgate('exposure', '--timeout', '1', file);
    assert.equal(code, 1);
    assert.match(
      out,
      /\nfixed\.example\.com {3}\(externalHosts\)\n {2}\/ext\/fixed\.example\.com: not known \(Consul .*ECONNREFUSED/,
    );
    assert.match(
      err,
      /^linkgate: not all is known after 1 s:\n {2}Consul 127\.0\.0\.1:\d+: GET \/v1\/catalog\/services: .*ECONNREFUSED/m,
    );
  });
});

registrySuite(['consul', 'etcd', 'zookeeper'], () => {
  let consul: Consul;
  let etcd: Etcd;
  let zookeeper: ZooKeeper;
  before(async () => {
    [consul, etcd, zookeeper] = await Promise.all([startConsul({}), startEtcd({}), startZooKeeper()]);
  });
  after(() => Promise.all([consul.stop(), etcd.stop(), zookeeper.stop()]));

  const delegated = async (namer: object, dtab: string): Promise<string> => {
    const { code, out, err } = await linkgate('delegate', '--config', configFile(namer, dtab), '/svc/web');
    assert.deepEqual([code, err], [0, '']);
    return out;
  };

  it('delegate prints the addresses that a live Consul has', async () => {
    await consul.register({ service: 'web', address: '10.1.2.3', port: 8080 });
    const { host, port } = consul;
    const out = await delegated({ kind: 'io.l5d.consul', host, port }, '/svc => /#/io.l5d.consul/dc1');
    assert.match(out, /✓ .*\/#\/io\.l5d\.consul\/dc1\/web[\s\S]*10\.1\.2\.3:8080/);
  });

  it('delegate prints the addresses that a live etcd has', async () => {
    await etcd.put('/services/web/1', '10.1.2.4:8080');
    const out = await delegated({ kind: 'io.l5d.etcd', endpoints: [etcd.url] }, '/svc => /#/io.l5d.etcd');
    assert.match(out, /✓ .*\/#\/io\.l5d\.etcd\/web[\s\S]*10\.1\.2\.4:8080/);
  });

  it('exposure prints the hosts that a live Consul and a live etcd publish, and what they lead to', async () => {
    const [tags, metadata] = [['linkgate.io/external=shop.example.com'], { 'linkgate.io/external': 'api.example.com' }];
    await consul.register({ service: 'shop', address: '10.1.2.6', port: 8080, tags });
    await etcd.put('/services/api/1', JSON.stringify({ host: '10.1.2.7', port: 8080, metadata }));
    const file = configFile(
      [
        { kind: 'io.l5d.consul', host: consul.host, port: consul.port, publish: true },
        { kind: 'io.l5d.etcd', endpoints: [etcd.url], publish: true },
      ],
      '/ext/shop.example.com => /#/io.l5d.consul/dc1/shop; /ext/api.example.com => /#/io.l5d.etcd/api',
      EXTERNAL,
    );
    const { code, out, err } = await linkgate('exposure', file);
    assert.deepEqual([code, err], [0, '']);
    const hosts = out.split('\n').slice(3).join('\n');
    assert.equal(
      hosts,
      `api.example.com   (etcd 127.0.0.1:${etcd.port} /services/api)
  /ext/api.example.com
    ✓ /#/io.l5d.etcd/api   1 address

fixed.example.com   (externalHosts)
  /ext/fixed.example.com: nothing, 404

shop.example.com   (Consul 127.0.0.1:${consul.port} service shop)
  /ext/shop.example.com
    ✓ /#/io.l5d.consul/dc1/shop   1 address
`,
    );
  });

  it('delegate prints the addresses that a live ZooKeeper has', async () => {
    const client = await zookeeper.client();
    const member = { serviceEndpoint: { host: '10.1.2.5', port: 8080 }, additionalEndpoints: {}, status: 'ALIVE' };
    await client.create('/discovery/web/member_0000000000', JSON.stringify(member), { parents: true });
    const { host, port } = zookeeper;
    const out = await delegated(
      { kind: 'io.l5d.serversets', zkAddrs: [{ host, port }] },
      '/svc => /#/io.l5d.serversets/discovery',
    );
    assert.match(out, /✓ .*\/#\/io\.l5d\.serversets\/discovery\/web[\s\S]*10\.1\.2\.5:8080/);
    await client.close();
  });
});
