// The kinds that speak to Kubernetes, as the configuration names them.

import { z } from 'zod';
import { flag, text, textThat } from '../../config/schema/scalars.js';
import { defineKind } from '../../src/base/kind.js';
import { pathFromText } from '../../src/base/path.js';
import type { Interpreter, InterpreterContext } from '../../src/naming/interpreter.js';
import type { Namer, NamerContext } from '../../src/naming/namer.js';
import type { Transformer, TransformerContext } from '../../src/naming/transformer.js';
import { type ApiOptions, apiOptions, checkApiOptions, serverOf } from './api-options.js';
import { makeConfigMapInterpreter } from './config-map-interpreter.js';
import { DAEMONSET_KIND, makeDaemonsetTransformer } from './daemonset-transformer.js';
import { findEndpoints } from './find-endpoints.js';
import { findLoadBalancer } from './find-load-balancer.js';
import { KubeApi } from './kube-api.js';
import { LOCAL_NODE_KIND, makeLocalNodeTransformer } from './local-node-transformer.js';
import { KubeNamer } from './namer.js';
import { isLabelName, isSubdomainName } from './object-names.js';

export { ingressIdentifier } from './ingress/kind.js';

const namespaceName = textThat('the name of a namespace', isLabelName);

const namerOptions = {
  ...apiOptions(),
  labelSelector: text
    .exactOptional()
    .describe('A label; the path then has one more element, the value that it must have. Default: none.'),
};

export const kubernetesNamer = defineKind({
  kind: 'io.l5d.k8s',
  description: 'Services of Kubernetes by their endpoints: /<namespace>/<port>/<service>.',
  config: z.strictObject(namerOptions).superRefine(checkApiOptions()),
  make: ({ labelSelector, ...api }, context: NamerContext): Namer =>
    new KubeNamer({
      ...context,
      api: apiOf(api),
      find: findEndpoints,
      ...(labelSelector !== undefined && { labelSelector }),
    }),
});

export const kubernetesNamespaceNamer = defineKind({
  kind: 'io.l5d.k8s.ns',
  description: 'As io.l5d.k8s, of one namespace that an environment variable names: /<port>/<service>.',
  config: z
    .strictObject({
      ...namerOptions,
      envVar: text
        .default('POD_NAMESPACE')
        .describe('Environment variable with the namespace. Default POD_NAMESPACE. Must be set at start.'),
    })
    .superRefine(checkApiOptions()),
  make: ({ labelSelector, envVar, ...api }, context: NamerContext): Namer =>
    new KubeNamer({
      ...context,
      api: apiOf(api),
      find: findEndpoints,
      namespace: namespaceIn(envVar),
      ...(labelSelector !== undefined && { labelSelector }),
    }),
});

export const kubernetesExternalNamer = defineKind({
  kind: 'io.l5d.k8s.external',
  experimental: true,
  description: 'Services of Kubernetes by the load balancers in front of them: /<namespace>/<port>/<service>.',
  config: z.strictObject(namerOptions).superRefine(checkApiOptions()),
  make: ({ labelSelector, ...api }, context: NamerContext): Namer =>
    new KubeNamer({
      ...context,
      api: apiOf(api),
      find: findLoadBalancer,
      ...(labelSelector !== undefined && { labelSelector }),
    }),
});

export const configMapInterpreter = defineKind({
  kind: 'io.l5d.k8s.configMap',
  experimental: true,
  description:
    "Binds names by a dtab in a ConfigMap, which may change at any time, and the router's; over the namers of this file.",
  config: z
    .strictObject({
      ...apiOptions(),
      namespace: namespaceName.default('default').describe('Namespace of the ConfigMap. Default: default.'),
      name: textThat('the name of a ConfigMap', isSubdomainName).describe('Name of the ConfigMap.'),
      filename: text.describe('The key in it that holds the dtab.'),
    })
    .superRefine(checkApiOptions()),
  make: ({ namespace, name, filename, ...api }, context: InterpreterContext): Interpreter =>
    makeConfigMapInterpreter({ ...context, api: apiOf(api), namespace, name, filename }),
});

const hostNetwork = flag
  .default(false)
  .describe(
    'True: nodes are told apart by name, for gateways in the network of their node; false: by /24. Default false.',
  );

const { host, port, ...otherOptions } = apiOptions();

export const daemonsetTransformer = defineKind({
  kind: DAEMONSET_KIND,
  description: 'Replaces each address by that of the gateway on the same node.',
  config: z
    .strictObject({
      k8sHost: host,
      k8sPort: port,
      ...otherOptions,
      namespace: namespaceName.describe('Namespace of the service of the gateways.'),
      service: text.describe('The service whose endpoints are the gateways, one on each node.'),
      port: text.describe('Name or number of its port.'),
      hostNetwork,
    })
    .superRefine(checkApiOptions(['k8sHost', 'k8sPort'])),
  make: (
    { k8sHost, k8sPort, namespace, service, port, hostNetwork, ...api },
    context: TransformerContext,
  ): Transformer => {
    const server = apiOf({
      ...api,
      ...(k8sHost !== undefined && { host: k8sHost }),
      ...(k8sPort !== undefined && { port: k8sPort }),
    });
    const prefix = pathFromText('#').concat(context.prefix.drop(1));
    const namer = new KubeNamer({ ...context, prefix, api: server, find: findEndpoints });
    return makeDaemonsetTransformer({ prefix: context.prefix, namespace, service, port, hostNetwork, namer });
  },
});

export const localNodeTransformer = defineKind({
  kind: LOCAL_NODE_KIND,
  description: 'Keeps the addresses that are on the same node as this gateway.',
  config: z.strictObject({ hostNetwork }),
  make: (config, { prefix }: TransformerContext): Transformer =>
    makeLocalNodeTransformer({ ...config, prefix, env: process.env }),
});

function apiOf(options: ApiOptions): KubeApi {
  return new KubeApi(serverOf(options));
}

/** Throws in Linkerd's own words when there is none. */
function namespaceIn(envVar: string): string {
  const namespace = process.env[envVar];
  if (!namespace) throw new Error(`io.l5d.k8s.ns: could not find namespace for envVar: ${envVar} is not set`);
  if (isLabelName(namespace)) return namespace;
  throw new Error(`io.l5d.k8s.ns: ${envVar} is "${namespace}", want the name of a namespace`);
}
