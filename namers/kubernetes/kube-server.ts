// Kube server: where an API server listens and how it is spoken to: plainly, or as a pod of its cluster speaks to it.

import { readFileSync } from 'node:fs';
import type { ApiTls } from '../shared/http-api.js';

/** One way to an API server. The functions are called for each request, so that rotated files are used. */
export interface KubeServer {
  /** Host name or IP address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** In front of every path of the API; empty or with a leading slash. */
  readonly basePath: string;
  /** Absent: plain HTTP. Throws when a file cannot be read. */
  readonly tls?: () => ApiTls;
  /** Throws when a file cannot be read. */
  readonly headers?: () => Readonly<Record<string, string>>;
}

/** Plain HTTP without credentials: `kubectl proxy`, as Linkerd 1.x has it. */
export function plainServer(host: string, port: number): KubeServer {
  return { host, port, basePath: '' };
}

export interface PodEnvironment {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the service account is mounted. */
  readonly accountFolder: string;
}

export const REAL_POD: PodEnvironment = {
  env: process.env,
  accountFolder: '/var/run/secrets/kubernetes.io/serviceaccount',
};

/**
 * The server of the cluster that this pod runs in, with the token and the CA of the pod's service account. Throws when this
 * is no pod.
 */
export function inClusterServer({ env, accountFolder }: PodEnvironment = REAL_POD): KubeServer {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (!host || !port) {
    const missing = host ? 'KUBERNETES_SERVICE_PORT' : 'KUBERNETES_SERVICE_HOST';
    throw new Error(
      `inCluster: the environment variable ${missing} is not set; is this a pod of a Kubernetes cluster?`,
    );
  }
  return {
    host,
    port: Number(port),
    basePath: '',
    tls: () => ({ ca: readCredential(`${accountFolder}/ca.crt`, 'CA') }),
    // The kubelet replaces the token before it expires.
    headers: () => bearer(readCredential(`${accountFolder}/token`, 'token')),
  };
}

export function bearer(token: string): Readonly<Record<string, string>> {
  return { Authorization: `Bearer ${token.trim()}` };
}

/** The text of a file. Throws `cannot read the token file …`. */
export function readCredential(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`cannot read the ${what} file ${file}: ${(error as Error).message}`, { cause: error });
  }
}
