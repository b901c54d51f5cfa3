// Consul: an agent in development mode, a persistent one or three servers, with ACLs and TLS on request, and the calls that tests
// write with.

import { randomUUID } from 'node:crypto';
import type { Certificates, KeyPair } from './certificates.js';
import { Cluster } from './cluster.js';
import { onFreePorts } from './free-port.js';
import { installed } from './installed.js';
import { makeDataFolder, Program, startAll } from './program.js';
import { type RestAnswer, type RestTarget, rest, restOk } from './rest.js';

export interface ConsulOptions {
  /** Keeps its data over a restart, which then takes two seconds longer. Default: a restart finds it empty, its index low again. */
  readonly persistent?: boolean;
  /** Denies everything to whoever has no token. */
  readonly acl?: boolean;
  readonly tls?: {
    readonly certificates: Certificates;
    /** True: who has no certificate of that authority is refused. */
    readonly clientCerts?: boolean;
  };
}

export interface ConsulService {
  readonly service: string;
  /** Default: the service's name. */
  readonly id?: string;
  readonly address: string;
  readonly port: number;
  readonly tags?: readonly string[];
  readonly meta?: Readonly<Record<string, string>>;
  readonly weights?: { readonly passing: number; readonly warning: number };
  /** Default passing. */
  readonly status?: 'passing' | 'warning' | 'critical';
  /** Default: a node of its own, named as the id. */
  readonly node?: string;
}

const HOST = '127.0.0.1';

export async function startConsul(options: ConsulOptions = {}): Promise<Consul> {
  const [consul] = await startServers(1, options);
  return consul as Consul;
}

/** Three servers that keep their data. */
export async function startConsulCluster(options: ConsulOptions = {}): Promise<Cluster<Consul>> {
  return new Cluster(await startServers(3, { ...options, persistent: true }));
}

interface ServerHealth {
  readonly Node: { readonly Node: string };
}

/** What an agent is to listen on, and whom to join. */
interface Place {
  readonly node: string;
  readonly http: number;
  readonly dns: number;
  readonly server: number;
  readonly serf: number;
  /** The Serf ports of all servers, its own among them. */
  readonly servers: readonly number[];
}

export class Consul extends Program {
  readonly host = HOST;
  /** The HTTPS port of one with TLS. */
  readonly port: number;
  readonly dnsPort: number;
  readonly datacenter = 'dc1';
  readonly url: string;
  /** May do everything; undefined without ACLs. */
  readonly managementToken: string | undefined;
  readonly #rest: RestTarget;

  constructor(place: Place, options: ConsulOptions, token: string | undefined, client: KeyPair | undefined) {
    const url = `${options.tls ? 'https' : 'http'}://${HOST}:${place.http}`;
    const target: RestTarget = {
      origin: url,
      ...(options.tls && { ca: options.tls.certificates.ca }),
      ...(client && { cert: client.cert, key: client.key }),
      ...(token !== undefined && { headers: { 'x-consul-token': token } }),
    };
    const folder = makeDataFolder('consul');
    super({
      name: `consul at ${HOST}:${place.http}`,
      command: installed('consul'),
      folder,
      args: [
        ['agent', '-node', place.node, '-bind', HOST, '-client', HOST, '-log-level', 'warn'],
        ['-server-port', `${place.server}`, '-serf-lan-port', `${place.serf}`, '-serf-wan-port', '-1'],
        ['-dns-port', `${place.dns}`, '-grpc-port', '-1'],
        options.persistent ? persistentArgs(folder, place) : ['-dev'],
        // The HTTP port last: the development mode has one of its own.
        options.tls ? ['-http-port', '-1', '-https-port', `${place.http}`] : ['-http-port', `${place.http}`],
        ['-hcl', settings(options, token)],
      ].flat(),
      ready: async () => {
        // Answered by the leader, and only once this server has joined.
        const servers = await restOk(target, 'GET', '/v1/health/service/consul?passing');
        return (servers as ServerHealth[]).some(({ Node }) => Node.Node === place.node);
      },
    });
    this.port = place.http;
    this.dnsPort = place.dns;
    this.url = url;
    this.managementToken = token;
    this.#rest = target;
  }

  /**
   * Writes the service into the catalog, or writes it anew. Not through the agent: what is on nodes other than the agent's own
   * stays as it was written.
   */
  async register(service: ConsulService): Promise<void> {
    const { id = service.service, node = id } = service;
    const { passing, warning } = service.weights ?? { passing: 1, warning: 1 };
    await this.#ok('PUT', '/v1/catalog/register', {
      Node: node,
      Address: HOST,
      Service: {
        ID: id,
        Service: service.service,
        Address: service.address,
        Port: service.port,
        Tags: service.tags ?? [],
        Meta: service.meta ?? {},
        Weights: { Passing: passing, Warning: warning },
      },
      Checks: [
        { Node: node, CheckID: `service:${id}`, ServiceID: id, Name: 'check', Status: service.status ?? 'passing' },
      ],
    });
  }

  /** Takes the service off its node, and the node away when it was the service's own. */
  async deregister(service: Pick<ConsulService, 'service' | 'id' | 'node'>): Promise<void> {
    const { id = service.service, node } = service;
    await this.#ok('PUT', '/v1/catalog/deregister', node === undefined ? { Node: id } : { Node: node, ServiceID: id });
  }

  async setKey(key: string, value: string): Promise<void> {
    await this.#ok('PUT', `/v1/kv/${key}`, value);
  }

  async deleteKey(key: string): Promise<void> {
    await this.#ok('DELETE', `/v1/kv/${key}`);
  }

  /** A token with these rights (HCL) and no others: its secret. */
  async createToken(rules: string): Promise<string> {
    const name = `test-${randomUUID()}`;
    await this.#ok('PUT', '/v1/acl/policy', { Name: name, Rules: rules });
    const token = await this.#ok('PUT', '/v1/acl/token', { Policies: [{ Name: name }] });
    return (token as { readonly SecretID: string }).SecretID;
  }

  /** Any call, with the management token if there is one. A text body is sent as it is, another as JSON. */
  api(method: string, path: string, body?: unknown): Promise<RestAnswer> {
    return rest(this.#rest, method, path, body);
  }

  /** Whether it is the leader of its cluster; false too while it does not answer. */
  async leads(): Promise<boolean> {
    const self = await this.api('GET', '/v1/agent/self').catch(() => undefined);
    const stats = self?.body as { readonly Stats?: { readonly consul?: { readonly leader?: string } } } | undefined;
    return stats?.Stats?.consul?.leader === 'true';
  }

  #ok(method: string, path: string, body?: unknown): Promise<unknown> {
    return restOk(this.#rest, method, path, body);
  }
}

function persistentArgs(folder: string, { servers }: Place): readonly string[] {
  const join = servers.length > 1 ? servers.flatMap((port) => ['-retry-join', `${HOST}:${port}`]) : [];
  return [
    '-server',
    `-bootstrap-expect=${servers.length}`,
    '-data-dir',
    `${folder}/data`,
    '-retry-interval',
    '1s',
    ...join,
  ];
}

function settings({ tls }: ConsulOptions, token: string | undefined): string {
  const lines = [
    // The default is for machines far slower than this one: an election takes eight seconds with it.
    'performance { raft_multiplier = 1 }',
    'disable_update_check = true',
  ];
  if (token !== undefined) {
    lines.push(`acl { enabled = true default_policy = "deny" tokens { master = "${token}" agent = "${token}" } }`);
  }
  if (tls) {
    const { certificates, clientCerts } = tls;
    lines.push(`cert_file = "${certificates.server.certFile}"`, `key_file = "${certificates.server.keyFile}"`);
    lines.push(`ca_file = "${certificates.caFile}"`);
    if (clientCerts) lines.push('verify_incoming_https = true');
  }
  return lines.join('\n');
}

async function startServers(count: number, options: ConsulOptions): Promise<readonly Consul[]> {
  const client = options.tls?.clientCerts ? await options.tls.certificates.client() : undefined;
  const token = options.acl ? randomUUID() : undefined;
  return onFreePorts(4 * count, async (ports) => {
    const group = (n: number): readonly number[] => ports.slice(n * count, (n + 1) * count);
    const servers = group(0).map((serf, i) => {
      const [http = 0, dns = 0, server = 0] = [group(1)[i], group(2)[i], group(3)[i]];
      return new Consul({ node: `server-${i}`, serf, http, dns, server, servers: group(0) }, options, token, client);
    });
    await startAll(servers);
    return servers;
  });
}
