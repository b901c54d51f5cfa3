// io.l5d.ingress: names requests by the Ingress resources of a cluster.

import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { z } from 'zod';
import { flag, text, textThat } from '../../../config/schema/scalars.js';
import { defineKind } from '../../../src/base/kind.js';
import type { Identifier, IdentifierContext } from '../../../src/identifier/identifier.js';
import { apiOptions, checkApiOptions, serverOf } from '../api-options.js';
import { KubeApi } from '../kube-api.js';
import { isLabelName, isSubdomainName } from '../object-names.js';
import { CONTROLLER } from './ingress-class.js';
import { IngressSource } from './ingress-source.js';
import { publishedAddress } from './published-addresses.js';
import type { ReportSettings } from './reporter.js';

const namespaceName = textThat('the name of a namespace', isLabelName);

const config = z
  .strictObject({
    ...apiOptions(),
    namespace: namespaceName.exactOptional().describe('Only Ingresses of this namespace. Default: of all.'),
    ingressClassAnnotation: text
      .default('linkerd')
      .describe('Value of the annotation kubernetes.io/ingress.class that is ours. Default linkerd.'),
    ingressClass: textThat('the name of an IngressClass', isSubdomainName)
      .exactOptional()
      .describe(`Only this IngressClass. Default: every one whose controller is ${CONTROLLER}.`),
    ignoreDefaultBackends: flag.default(false).describe('True: default backends are not used. Default false.'),
    pathRegex: flag
      .default(false)
      .describe(
        'True: paths of type ImplementationSpecific (or of none) are regular expressions that match whole paths, as in Linkerd 1.x; false: prefixes. Default false.',
      ),
    hostOwnership: z
      .enum(['first', 'shared'])
      .default('first')
      .describe(
        'first: a host belongs to the namespace of the oldest Ingress that names it; shared: any namespace may add paths to it. Default first.',
      ),
    publishService: textThat('<namespace>/<name> of a Service', isObjectId)
      .exactOptional()
      .describe('The Service whose addresses are written into the status of Ingresses. Default: no status is written.'),
    publishAddresses: z
      .array(textThat('an IP address or a host name', (host) => isIP(host) !== 0 || isSubdomainName(host)))
      .min(1)
      .max(100)
      .exactOptional()
      .describe('Addresses that are written into the status of Ingresses. Default: no status is written.'),
    lease: z
      .strictObject({
        namespace: namespaceName
          .exactOptional()
          .describe('Its namespace. Default: the environment variable POD_NAMESPACE, or default.'),
        name: textThat('the name of a Lease', isSubdomainName)
          .default('linkgate-ingress')
          .describe('Its name. Default linkgate-ingress.'),
      })
      .prefault({})
      .describe('The Lease by which one of several gateways is elected to write.'),
    events: flag
      .exactOptional()
      .describe(
        'True: what is wrong with an Ingress is told as an Event of it. Default: true where status is written.',
      ),
  })
  .superRefine(checkApiOptions())
  .superRefine(({ publishService, publishAddresses }, context) => {
    if (publishService === undefined || publishAddresses === undefined) return;
    const message = 'publishService and publishAddresses both say what the status is; give one';
    context.addIssue({ code: 'custom', path: ['publishAddresses'], message });
  });

export const ingressIdentifier = defineKind({
  kind: 'io.l5d.ingress',
  description: 'Names requests by the Ingress resources of Kubernetes: <dstPrefix>/<namespace>/<port>/<service>.',
  config,
  make: (keys, context: IdentifierContext): Identifier => {
    const { namespace, ingressClass, ingressClassAnnotation, ignoreDefaultBackends, pathRegex, hostOwnership } = keys;
    const { clock, random, metrics } = context;
    const source = context.source(
      () =>
        new IngressSource({
          api: new KubeApi(serverOf(keys)),
          namespace,
          ingressClass,
          ingressClassAnnotation,
          ignoreDefaultBackends,
          pathRegex,
          hostOwnership,
          report: reportSettings(keys, process.env),
          clock,
          random,
          metrics,
        }),
    );
    return source.identifier(context.dstPrefix, context.exposure);
  },
});

type Keys = z.output<typeof config>;
type Environment = Readonly<Record<string, string | undefined>>;

/** Throws when the environment names a namespace that is none. */
function reportSettings(keys: Keys, env: Environment): ReportSettings | undefined {
  const { publishService, publishAddresses, lease } = keys;
  const publish = publishService ? objectName(publishService) : publishAddresses?.map(publishedAddress);
  const events = keys.events ?? publish !== undefined;
  if (!publish && !events) return undefined;
  return {
    publish,
    events,
    lease: { namespace: lease.namespace ?? podNamespace(env), name: lease.name },
    instance: env.POD_NAME || hostname(),
  };
}

function podNamespace({ POD_NAMESPACE: namespace }: Environment): string {
  if (!namespace) return 'default';
  if (isLabelName(namespace)) return namespace;
  throw new Error(`io.l5d.ingress: POD_NAMESPACE is "${namespace}", want the name of a namespace`);
}

function objectName(id: string): { readonly namespace: string; readonly name: string } {
  const [namespace = '', name = ''] = id.split('/');
  return { namespace, name };
}

function isObjectId(id: string): boolean {
  const { namespace, name } = objectName(id);
  return id.split('/').length === 2 && isLabelName(namespace) && isSubdomainName(name);
}
