// API options: the keys by which every Kubernetes kind is told where its API server is; the way to that server out.
//
// In-cluster credentials are asked for, never guessed: files of Linkerd 1.x run in pods beside a `kubectl proxy` and rely on
// localhost:8001, with the proxy's rights and not the pod's.

import type { z } from 'zod';
import { isMap } from '../../config/schema/config-error.js';
import { flag, port, text } from '../../config/schema/scalars.js';
import { inClusterServer, type KubeServer, type PodEnvironment, plainServer, REAL_POD } from './kube-server.js';
import { kubeconfigServer } from './kubeconfig.js';

export interface ApiOptions {
  readonly host?: string;
  readonly port?: number;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly inCluster?: boolean;
}

/** The keys, for the schema of a kind; their combinations are checked by `checkApiOptions`. */
export function apiOptions() {
  return {
    host: text
      .exactOptional()
      .describe('Host of an API server that is spoken to in plain HTTP, as `kubectl proxy` is. Default localhost.'),
    port: port().exactOptional().describe('Its port. Default 8001.'),
    kubeconfig: text
      .exactOptional()
      .describe('A kubeconfig file to take the server and the credentials from, instead of host and port.'),
    context: text.exactOptional().describe('The context of the kubeconfig to use. Default: its current-context.'),
    inCluster: flag
      .default(false)
      .describe(
        "True: the API server of the cluster that this pod runs in, by the pod's service account. Default false.",
      ),
  };
}

/**
 * For `superRefine`: one way to the server, and a kubeconfig that can be used. `plainKeys` are what the kind calls `host` and
 * `port`.
 */
export function checkApiOptions(plainKeys: readonly string[] = ['host', 'port']) {
  return (config: unknown, context: z.RefinementCtx): void => {
    if (isMap(config)) checkWays(config, plainKeys, context);
  };
}

function checkWays(
  config: Readonly<Record<string, unknown>>,
  plainKeys: readonly string[],
  context: z.RefinementCtx,
): void {
  const refuse = (key: string, message: string): void => {
    context.addIssue({ code: 'custom', path: [key], message });
  };
  const plain = plainKeys.find((key) => config[key] !== undefined);
  if (config.inCluster === true) {
    const other = plain ?? (config.kubeconfig === undefined ? undefined : 'kubeconfig');
    if (other !== undefined) refuse('inCluster', `inCluster and ${other} are two ways to the API server; give one`);
  } else if (config.kubeconfig !== undefined && plain !== undefined) {
    refuse('kubeconfig', `kubeconfig and ${plain} are two ways to the API server; give one`);
  }
  if (config.kubeconfig === undefined) {
    if (config.context !== undefined) refuse('context', 'context is of a kubeconfig, and there is none');
    return;
  }
  try {
    kubeconfigServer(String(config.kubeconfig), config.context === undefined ? undefined : String(config.context))();
  } catch (error) {
    refuse('kubeconfig', (error as Error).message);
  }
}

/** To be called for each request: files may have been rotated. Calls throw when there is no way to the server now. */
export function serverOf(options: ApiOptions, pod: PodEnvironment = REAL_POD): () => KubeServer {
  if (options.kubeconfig !== undefined) return kubeconfigServer(options.kubeconfig, options.context);
  let server: KubeServer | undefined;
  return () => {
    server ??= options.inCluster
      ? inClusterServer(pod)
      : plainServer(options.host ?? 'localhost', options.port ?? 8001);
    return server;
  };
}
