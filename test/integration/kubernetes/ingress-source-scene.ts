// Ingress scene: a fake API server and one gateway's source of routes from it in; what requests are named out.

import { IngressSource, type IngressSourceOptions } from '../../../namers/kubernetes/ingress/ingress-source.js';
import type { ReportSettings } from '../../../namers/kubernetes/ingress/reporter.js';
import { KubeApi } from '../../../namers/kubernetes/kube-api.js';
import { plainServer } from '../../../namers/kubernetes/kube-server.js';
import { realClock } from '../../../src/base/clock.js';
import { GatewayError } from '../../../src/base/errors.js';
import type { Logger } from '../../../src/base/log.js';
import { MetricsScope } from '../../../src/base/metrics.js';
import { pathFromText } from '../../../src/base/path.js';
import { seededRandom } from '../../../src/base/random.js';
import { Redirect, Route, Unidentified } from '../../../src/identifier/identifier.js';
import type { Exposure } from '../../../src/naming/publication.js';
import {
  COORDINATION_V1,
  CORE,
  type KubeObject,
  NETWORKING_V1,
  service,
  startFakeKubeApiserver,
} from '../../support/fake-kube-apiserver.js';
import { metricValue } from '../../support/metric-value.js';
import { requestHead } from '../../support/requests.js';

export const INGRESS_APIS = [CORE, NETWORKING_V1, COORDINATION_V1];

export interface IngressScene {
  readonly source: IngressSource;
  readonly warnings: readonly string[];
  readonly messages: readonly string[];
  /** What a request is named: `/svc/shop/http/web`, `none`, a redirect's URL, or the code of an error. */
  ask(host: string, path?: string, exposure?: Exposure): string;
  metric(...name: readonly string[]): number;
  close(): Promise<void>;
}

/** Where status is written, and who writes it. */
export function reporting(instance = 'gateway-1', more: Partial<ReportSettings> = {}): ReportSettings {
  const lease = { namespace: 'linkgate', name: 'linkgate-ingress' };
  return { publish: [{ ip: '192.0.2.1' }], lease, events: true, instance, ...more };
}

export interface SourceOptions extends Partial<IngressSourceOptions> {
  readonly seed?: number;
}

export function startSource(port: number, { seed = 1, ...options }: SourceOptions = {}): IngressScene {
  const warnings: string[] = [];
  const messages: string[] = [];
  const log: Logger = {
    error: (message) => warnings.push(message),
    warn: (message) => warnings.push(message),
    info: (message) => messages.push(message),
    debug: () => {},
  };
  const metrics = new MetricsScope();
  const server = plainServer('127.0.0.1', port);
  const source = new IngressSource({
    api: new KubeApi(() => server),
    namespace: undefined,
    ingressClass: undefined,
    ingressClassAnnotation: 'linkerd',
    ignoreDefaultBackends: false,
    pathRegex: false,
    hostOwnership: 'first',
    report: undefined,
    clock: realClock,
    random: seededRandom(seed),
    metrics,
    log,
    ...options,
  });
  source.start();
  const identifiers = {
    internal: source.identifier(pathFromText('svc'), 'internal'),
    external: source.identifier(pathFromText('ext'), 'external'),
  };
  return {
    source,
    warnings,
    messages,
    ask: (host, path = '/', exposure = 'internal') => {
      try {
        const head = requestHead([['host', host]], { target: path });
        const answer = identifiers[exposure](head, { remoteAddress: '198.51.100.7', secure: true });
        if (answer instanceof Unidentified) return 'none';
        if (answer instanceof Redirect) return answer.location;
        return (answer instanceof Route ? answer.name : answer).show();
      } catch (error) {
        if (error instanceof GatewayError) return error.code;
        throw error;
      }
    },
    metric: (...name) => metricValue(metrics, ...name),
    close: () => source.close(),
  };
}

/** A server with a class of ours that is the default one, and the service `shop/web` with its port `http` 80. */
export async function startIngressServer() {
  const server = await startFakeKubeApiserver({ apis: INGRESS_APIS });
  server.put('/ingressclasses', ingressClass('linkgate'));
  server.put('shop/services', service('web', { ports: [{ name: 'http', port: 80, targetPort: 8080 }] }));
  return server;
}

export function ingressClass(
  name: string,
  controller = 'linkgate.io/ingress-controller',
  isDefault = true,
): KubeObject {
  const annotations = isDefault ? { 'ingressclass.kubernetes.io/is-default-class': 'true' } : {};
  return { metadata: { name, annotations }, spec: { controller } };
}

export interface IngressParts {
  readonly paths?: readonly object[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: object;
  readonly metadata?: object;
}

/** Of networking.k8s.io/v1: all paths of `host` to the service `web`, port `http`. */
export function ingress(name: string, host: string, parts: IngressParts = {}): KubeObject {
  const { paths = [ingressPath('/')], annotations = {}, spec = {}, metadata = {} } = parts;
  return {
    metadata: { name, annotations, creationTimestamp: '2024-05-01T00:00:00Z', ...metadata },
    spec: { rules: [{ host, http: { paths } }], ...spec },
  };
}

export function ingressPath(path: string, name = 'web', port: object = { name: 'http' }): object {
  return { path, pathType: 'Prefix', backend: { service: { name, port } } };
}
