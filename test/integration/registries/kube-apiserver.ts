// KubeApiserver: the API server of Kubernetes 1.20 on an etcd of its own, with users of different rights; no kubelet, no
// controllers, so that Endpoints and EndpointSlices are what a test writes.
//
// It serves EndpointSlices as v1beta1 only. It refuses loopback addresses in them: `hostAddress` gives others.

import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type Etcd, startEtcd } from './etcd.js';
import { onFreePorts } from './free-port.js';
import { installed } from './installed.js';
import { enterOwnNetwork, hostAddress } from './own-network.js';
import { makeDataFolder, Program } from './program.js';
import { type RestAnswer, type RestTarget, rest, restOk } from './rest.js';

// Here and not in a function: a test file that imports this has then defined no test yet.
enterOwnNetwork();

export { hostAddress } from './own-network.js';

/** Rights of Kubernetes, as in a Role. */
export interface Rule {
  /** `''` for the core group. */
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** Bearer tokens of the users, which are named as here: the administrator, one with the rights that a test grants, one without. */
export interface Tokens {
  readonly admin: string;
  readonly reader: string;
  readonly nobody: string;
}

const HOST = '127.0.0.1';
const TOKENS: Tokens = { admin: 'admin-token', reader: 'reader-token', nobody: 'nobody-token' };

/** All others are off: a quarter less work for the start, and half the memory. */
const APIS = [
  'api/v1',
  'apps/v1',
  'coordination.k8s.io/v1',
  'discovery.k8s.io/v1beta1',
  'networking.k8s.io/v1',
  'networking.k8s.io/v1beta1',
  'policy/v1beta1',
  'rbac.authorization.k8s.io/v1',
  'authentication.k8s.io/v1',
  'authorization.k8s.io/v1',
  'apiextensions.k8s.io/v1',
  'apiregistration.k8s.io/v1',
];

/** Plugins that wait for APIs that are off, or for service accounts, which no controller makes here. */
const NOT_ADMITTED_BY = [
  'ServiceAccount',
  'Priority',
  'RuntimeClass',
  'DefaultStorageClass',
  'StorageObjectInUseProtection',
  'PersistentVolumeClaimResize',
  'DefaultIngressClass',
  'MutatingAdmissionWebhook',
  'ValidatingAdmissionWebhook',
  'ResourceQuota',
  'LimitRanger',
  'TaintNodesByCondition',
  'DefaultTolerationSeconds',
  'CertificateApproval',
  'CertificateSigning',
  'CertificateSubjectRestriction',
];

const RBAC = '/apis/rbac.authorization.k8s.io/v1';

export async function startKubeApiserver(): Promise<KubeApiserver> {
  return onFreePorts(1, async ([port = 0]) => {
    const etcd = await startEtcd();
    const server = new KubeApiserver(port, etcd);
    try {
      await server.start();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  });
}

export class KubeApiserver extends Program {
  readonly host = HOST;
  readonly port: number;
  /** `https://127.0.0.1:6443` */
  readonly url: string;
  readonly tokens = TOKENS;
  /** Where its state is; kill that and it answers 500. */
  readonly etcd: Etcd;
  #grants = 0;

  constructor(port: number, etcd: Etcd) {
    const folder = makeDataFolder('kube-apiserver');
    writeKeysAndTokens(folder);
    super({
      name: `kube-apiserver at ${HOST}:${port}`,
      command: installed('kubernetes'),
      folder,
      args: [
        ['--bind-address', HOST, '--secure-port', `${port}`, '--insecure-port', '0', '--cert-dir', `${folder}/tls`],
        // It takes no loopback address for its own, and looks for another along the default route, which there is none.
        ['--advertise-address', hostAddress(1), '--service-cluster-ip-range', '10.0.0.0/24'],
        ['--etcd-servers', etcd.url, '--storage-backend', 'etcd3'],
        ['--service-account-key-file', `${folder}/sa.pub`, '--service-account-signing-key-file', `${folder}/sa.key`],
        ['--service-account-issuer', 'https://kubernetes.default.svc'],
        ['--authorization-mode', 'RBAC', '--token-auth-file', `${folder}/tokens.csv`],
        ['--runtime-config', ['api/all=false', ...APIS.map((api) => `${api}=true`)].join(',')],
        ['--disable-admission-plugins', NOT_ADMITTED_BY.join(','), '--enable-priority-and-fairness=false'],
      ].flat(),
      ready: async () => (await restOk(target(folder, port, TOKENS.admin), 'GET', '/readyz')) === 'ok',
    });
    this.port = port;
    this.url = `https://${HOST}:${port}`;
    this.etcd = etcd;
  }

  /** What its certificate is signed by. It makes both at its first start. */
  get caFile(): string {
    return certificateFile(this.folder);
  }

  /** Ends its etcd too. */
  override async stop(): Promise<void> {
    await super.stop();
    await this.etcd.stop();
  }

  /** `create('/api/v1/namespaces/shop/endpoints', { … })`, as the administrator; so are the others. */
  create(collection: string, object: object): Promise<unknown> {
    return this.#ok('POST', collection, { body: object });
  }

  get(path: string): Promise<unknown> {
    return this.#ok('GET', path);
  }

  /** The whole object, in place of the one that is there. */
  replace(path: string, object: object): Promise<unknown> {
    return this.#ok('PUT', path, { body: object });
  }

  /** A merge patch: what is given, null for what is to go, lists as a whole. */
  patch(path: string, changes: object): Promise<unknown> {
    return this.#ok('PATCH', path, { body: changes, type: 'application/merge-patch+json' });
  }

  delete(path: string): Promise<unknown> {
    return this.#ok('DELETE', path);
  }

  async createNamespace(name: string): Promise<void> {
    await this.create('/api/v1/namespaces', { metadata: { name } });
  }

  /** Gives the user `reader` these rights, in the namespace if there is one and everywhere if there is none. */
  async grant(rules: readonly Rule[], { namespace }: { readonly namespace?: string } = {}): Promise<void> {
    const name = `granted-${++this.#grants}`;
    const prefix = namespace === undefined ? 'cluster' : '';
    const at = namespace === undefined ? RBAC : `${RBAC}/namespaces/${namespace}`;
    const kind = namespace === undefined ? 'ClusterRole' : 'Role';
    await this.create(`${at}/${prefix}roles`, { metadata: { name }, rules });
    await this.create(`${at}/${prefix}rolebindings`, {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'reader' }],
    });
  }

  /** Any call with any token, whatever its status. */
  api(method: string, path: string, body?: object, token: string = TOKENS.admin): Promise<RestAnswer> {
    return rest(target(this.folder, this.port, token), method, path, body);
  }

  #ok(method: string, path: string, { body, type }: { body?: object; type?: string } = {}): Promise<unknown> {
    const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
    return restOk(target(this.folder, this.port, TOKENS.admin), method, path, body, headers);
  }
}

function writeKeysAndTokens(folder: string): void {
  mkdirSync(`${folder}/tls`);
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  writeFileSync(`${folder}/sa.pub`, publicKey);
  writeFileSync(`${folder}/sa.key`, privateKey);
  const users = [
    `${TOKENS.admin},admin,admin,system:masters`,
    `${TOKENS.reader},reader,reader`,
    `${TOKENS.nobody},nobody,nobody`,
  ];
  writeFileSync(`${folder}/tokens.csv`, `${users.join('\n')}\n`);
}

/** Its certificate and, behind it, the authority that it made for itself. */
function certificateFile(folder: string): string {
  return `${folder}/tls/apiserver.crt`;
}

function target(folder: string, port: number, token: string): RestTarget {
  return {
    origin: `https://${HOST}:${port}`,
    ca: readFileSync(certificateFile(folder), 'utf8'),
    headers: { authorization: `Bearer ${token}` },
  };
}
