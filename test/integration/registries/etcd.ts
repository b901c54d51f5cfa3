// etcd: one server or three, with TLS and authentication on request, and the calls that tests write with.

import { randomBytes } from 'node:crypto';
import type { Certificates, KeyPair } from './certificates.js';
import { Cluster } from './cluster.js';
import { onFreePorts } from './free-port.js';
import { installed } from './installed.js';
import { makeDataFolder, Program, startAll } from './program.js';
import { type RestTarget, rest, restOk } from './rest.js';

export interface EtcdOptions {
  readonly tls?: {
    readonly certificates: Certificates;
    /** True: who has no certificate of that authority is refused. */
    readonly clientCerts?: boolean;
  };
}

const HOST = '127.0.0.1';

export async function startEtcd(options: EtcdOptions = {}): Promise<Etcd> {
  const [etcd] = await startMembers(1, options);
  return etcd as Etcd;
}

export async function startEtcdCluster(options: EtcdOptions = {}): Promise<EtcdCluster> {
  return new EtcdCluster(await startMembers(3, options));
}

export class EtcdCluster extends Cluster<Etcd> {
  get urls(): readonly string[] {
    return this.nodes.map((node) => node.url);
  }
}

export class Etcd extends Program {
  readonly host = HOST;
  readonly port: number;
  /** `http://127.0.0.1:2379`, or https. */
  readonly url: string;
  readonly #rest: RestTarget;
  #rootPassword: string | undefined;

  constructor(name: string, port: number, peerPort: number, cluster: string, options: EtcdOptions, client?: KeyPair) {
    const url = `${options.tls ? 'https' : 'http'}://${HOST}:${port}`;
    const certificates = options.tls?.certificates;
    const target: RestTarget = {
      origin: url,
      ...(certificates && { ca: certificates.ca }),
      ...(client && { cert: client.cert, key: client.key }),
    };
    const folder = makeDataFolder('etcd');
    super({
      name: `etcd at ${HOST}:${port}`,
      command: installed('etcd'),
      folder,
      args: [
        ['--name', name, '--data-dir', `${folder}/data`, '--log-level', 'error'],
        ['--listen-client-urls', url, '--advertise-client-urls', url],
        ['--listen-peer-urls', `http://${HOST}:${peerPort}`],
        ['--initial-advertise-peer-urls', `http://${HOST}:${peerPort}`, '--initial-cluster', cluster],
        // A killed process loses nothing that it wrote: only a dead machine would, and syncing costs the tests their time.
        ['--unsafe-no-fsync'],
        certificates ? ['--cert-file', certificates.server.certFile, '--key-file', certificates.server.keyFile] : [],
        certificates && client ? ['--client-cert-auth', '--trusted-ca-file', certificates.caFile] : [],
      ].flat(),
      ready: async () => field(await restOk(target, 'GET', '/health'), 'health') === 'true',
    });
    this.port = port;
    this.url = url;
    this.#rest = target;
  }

  /** Resolves with the lease's id (a decimal number as text) when there is one. */
  async put(key: string, value: string, { leaseSeconds = 0 } = {}): Promise<string | undefined> {
    if (leaseSeconds === 0) {
      await this.api('/v3/kv/put', { key: base64(key), value: base64(value) });
      return undefined;
    }
    const lease = field(await this.api('/v3/lease/grant', { TTL: leaseSeconds }), 'ID');
    await this.api('/v3/kv/put', { key: base64(key), value: base64(value), lease });
    return String(lease);
  }

  /** Undefined when there is no such key. */
  async get(key: string): Promise<string | undefined> {
    const found = field(await this.api('/v3/kv/range', { key: base64(key) }), 'kvs');
    if (!Array.isArray(found)) return undefined;
    return Buffer.from(String(field(found[0], 'value') ?? ''), 'base64').toString();
  }

  async delete(key: string): Promise<void> {
    await this.api('/v3/kv/deleterange', { key: base64(key) });
  }

  async deletePrefix(prefix: string): Promise<void> {
    await this.api('/v3/kv/deleterange', { key: base64(prefix), range_end: endOfPrefix(prefix) });
  }

  /** Ends the lease: what was put with it is gone. */
  async revoke(lease: string): Promise<void> {
    await this.api('/v3/lease/revoke', { ID: lease });
  }

  /** Of the whole store; grows with every write. */
  async revision(): Promise<number> {
    const answer = await this.api('/v3/kv/range', { key: base64('-'), count_only: true });
    return Number(field(field(answer, 'header'), 'revision'));
  }

  /** Forgets the history up to now: a watch that has to start before is refused. */
  async compact(): Promise<void> {
    await this.api('/v3/kv/compaction', { revision: String(await this.revision()), physical: true });
  }

  /**
   * From here on callers must log in. The named user may read what is under the prefix and nothing else; this fixture goes on
   * as root, with a password of its own.
   */
  async enableAuth(user: {
    readonly username: string;
    readonly password: string;
    readonly readPrefix: string;
  }): Promise<void> {
    const rootPassword = randomBytes(16).toString('hex');
    await this.api('/v3/auth/user/add', { name: 'root', password: rootPassword });
    await this.api('/v3/auth/user/grant', { user: 'root', role: 'root' });
    await this.api('/v3/auth/user/add', { name: user.username, password: user.password });
    await this.api('/v3/auth/role/add', { name: user.username });
    const range = { key: base64(user.readPrefix), range_end: endOfPrefix(user.readPrefix) };
    await this.api('/v3/auth/role/grant', { name: user.username, perm: { permType: 'READ', ...range } });
    await this.api('/v3/auth/user/grant', { user: user.username, role: user.username });
    await this.api('/v3/auth/enable', {});
    this.#rootPassword = rootPassword;
  }

  /** Any call of the JSON gateway, as root. Keys and values are base64, 64-bit numbers text. Rejects with other than 2xx. */
  async api(path: string, body: object): Promise<unknown> {
    // A new token each time: a restart forgets them.
    return restOk(this.#rest, 'POST', path, body, await this.#authorization());
  }

  /** Whether it is the leader of its cluster; false too while it does not answer. */
  async leads(): Promise<boolean> {
    const status = await rest(this.#rest, 'POST', '/v3/maintenance/status', {}).catch(() => undefined);
    const leader = field(status?.body, 'leader');
    return leader !== undefined && leader === field(field(status?.body, 'header'), 'member_id');
  }

  async #authorization(): Promise<Record<string, string>> {
    if (this.#rootPassword === undefined) return {};
    const login = { name: 'root', password: this.#rootPassword };
    const token = field(await restOk(this.#rest, 'POST', '/v3/auth/authenticate', login), 'token');
    return { authorization: String(token) };
  }
}

async function startMembers(count: number, options: EtcdOptions): Promise<readonly Etcd[]> {
  const client = options.tls?.clientCerts ? await options.tls.certificates.client() : undefined;
  return onFreePorts(2 * count, async (ports) => {
    const peers = ports.slice(count);
    const cluster = peers.map((peer, i) => `e${i}=http://${HOST}:${peer}`).join(',');
    const members = peers.map((peer, i) => new Etcd(`e${i}`, ports[i] ?? 0, peer, cluster, options, client));
    await startAll(members);
    return members;
  });
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** The key after the last one with the prefix, in base64. */
function endOfPrefix(prefix: string): string {
  const end = Buffer.from(prefix);
  const last = end.length - 1;
  end.writeUInt8((end[last] ?? 0) + 1, last);
  return end.toString('base64');
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
