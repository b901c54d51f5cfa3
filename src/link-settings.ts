// Settings: the checked keys of one listener, service or client in, what the data plane works with out. Nothing is started.

import type { RouterConfig, ServerConfig } from '../config/schema/linkerd.js';
import type { AccrualContext, AccrualFactory } from './accrual/accrual.js';
import type { BalancerContext, BalancerFactory } from './balancer/balancer.js';
import { makeBackoff } from './base/backoff-config.js';
import { canonicalJson } from './base/canonical-json.js';
import type { Clock } from './base/clock.js';
import type { Kind } from './base/kind.js';
import type { MetricsScope } from './base/metrics.js';
import type { Random } from './base/random.js';
import { makeServiceBreakers } from './breaker/service-breaker.js';
import type { ResponseClassifier } from './classifier/classifier.js';
import { makeConnectionLimits } from './client/connection-limits.js';
import { failFastBackoff } from './client/fail-fast.js';
import type { BackendProtocol } from './identifier/identifier.js';
import { hstsValue } from './link-tls.js';
import { makePlugin } from './make-plugin.js';
import { makeRetryBudget } from './retry/retry-budget.js';
import { type AddForwarded, makeForwarded } from './router/forwarded.js';
import type { ServerStackOptions } from './router/server-stack.js';
import type { ClientSettings, ServiceSettings } from './router/settings.js';
import type { Http1ServerOptions } from './server/http1-options.js';
import { type ClientTlsConfig, makeClientTls } from './tls/client-tls.js';

/** The part of the kind table that services and clients are made of. */
export interface SettingsKinds {
  readonly balancer: readonly Kind<unknown, BalancerContext, BalancerFactory>[];
  readonly accrual: readonly Kind<unknown, AccrualContext, AccrualFactory>[];
  readonly classifier: readonly Kind<unknown, undefined, ResponseClassifier>[];
}

/** Linkerd's `retryBufferSize.responseBytes`. */
const DEFAULT_HOLD_BACK_BYTES = 16_383;

export interface SettingsContext {
  readonly kinds: SettingsKinds;
  readonly clock: Clock;
  readonly random: Random;
}

export function serviceSettings(
  keys: RouterConfig['service']['base'],
  { kinds, clock, random }: SettingsContext,
): ServiceSettings {
  const { circuitBreaker } = keys;
  const { budget, backoff } = keys.retries;
  return {
    totalTimeoutMs: positive(keys.totalTimeoutMs),
    classifier: makePlugin(kinds.classifier, keys.responseClassifier, undefined),
    makeRetryBudget: () => makeRetryBudget(budget, clock),
    retryBackoff: makeBackoff(backoff, random),
    retryBufferBytes: keys.retryBufferSize?.requestBytes ?? keys.retryBufferKB * 1024,
    holdBackBytes: keys.retryBufferSize?.responseBytes ?? DEFAULT_HOLD_BACK_BYTES,
    classificationTimeoutMs: keys.classificationTimeoutMs,
    makeBreaker: circuitBreaker?.enabled ? makeServiceBreakers(circuitBreaker, clock) : undefined,
    breakerWords: canonicalJson({ ...circuitBreaker, fallback: circuitBreaker?.fallback?.show() }),
  };
}

/** Client keys, where `tls` knows the prefix that it stands beside. */
export type ClientConfig = Omit<RouterConfig['client']['base'], 'tls'> & { readonly tls?: ClientTlsConfig };

export function clientSettings(keys: ClientConfig, { kinds, clock, random }: SettingsContext): ClientSettings {
  const { hostConnectionPool: pool, socketOptions } = keys;
  return {
    balancer: makePlugin(kinds.balancer, keys.loadBalancer, { clock, random }),
    accrual: makePlugin(kinds.accrual, keys.failureAccrual, { random }),
    makeRequeueBudget: () => makeRetryBudget(keys.requeueBudget, clock),
    requestAttemptTimeoutMs: positive(keys.requestAttemptTimeoutMs),
    minConnections: pool.minSize,
    maxConnections: pool.maxSize ?? Number.POSITIVE_INFINITY,
    maxWaiters: pool.maxWaiters ?? Number.POSITIVE_INFINITY,
    connectionLimits: makeConnectionLimits({
      readTimeoutMs: socketOptions.readTimeoutMs,
      writeTimeoutMs: socketOptions.writeTimeoutMs,
      poolIdleMs: pool.idleTimeMs,
      sessionIdleMs: keys.clientSession?.idleTimeMs,
      sessionLifeMs: keys.clientSession?.lifeTimeMs,
    }),
    failFastBackoff: keys.failFast ? failFastBackoff(random) : undefined,
    protocol: keys.protocol,
    tls: makeClientTls(keys.tls, clock),
    calmBackoff: failFastBackoff(random),
    h2Settings: {
      headerTableBytes: keys.headerTableBytes,
      initialStreamWindowBytes: keys.initialStreamWindowBytes,
      maxFrameBytes: keys.maxFrameBytes,
      maxHeaderListBytes: keys.maxHeaderListBytes,
    },
    forwardClientCert: keys.forwardClientCert,
    noDelay: socketOptions.noDelay,
    keepAlive: socketOptions.keepAlive,
  };
}

/** `settings` for the endpoints of routes that say how those are spoken to. */
export function withBackend(settings: ClientSettings, backend: BackendProtocol, clock: Clock): ClientSettings {
  switch (backend) {
    case 'http':
      return { ...settings, protocol: 'http1', tls: undefined };
    case 'https':
      return { ...settings, protocol: 'auto', tls: settings.tls ?? makeClientTls(ANY_CERTIFICATE, clock) };
    case 'grpc':
      return { ...settings, protocol: 'h2c', tls: undefined };
    case 'grpcs':
      return { ...settings, protocol: 'h2', tls: settings.tls ?? makeClientTls(ANY_CERTIFICATE, clock) };
    default:
      return backend satisfies never;
  }
}

/** A route cannot say which CA its endpoints have theirs of: who wants them checked says so in `client.tls`. */
const ANY_CERTIFICATE: ClientTlsConfig = { enabled: true, disableValidation: true };

export interface ListenerContext {
  readonly router: RouterConfig;
  readonly clock: Clock;
  readonly random: Random;
  /** `rt/<label>/server/<ip>/<port>`. */
  readonly metrics: MetricsScope;
}

export function serverStackOptions(
  config: ServerConfig,
  { router, random, metrics }: ListenerContext,
): Omit<ServerStackOptions, 'edge' | 'identify' | 'realm'> {
  const isExternal = config.exposure === 'external';
  return {
    maxConcurrentRequests: config.maxConcurrentRequests ?? Number.POSITIVE_INFINITY,
    timeoutMs: config.timeoutMs,
    // What comes from outside steers nothing, whatever the file says.
    clearContext: config.clearContext || isExternal,
    takesTrace: !isExternal,
    // Where callers are outside it is for the edge, which knows whom to believe.
    addForwarded: isExternal ? undefined : linkForwarded(config, { router, random }),
    timestampHeader: config.timestampHeader,
    maxCallDepth: config.maxCallDepth,
    hsts: hstsValue(config.hsts),
    resetsFailures: router.protocol === 'h2',
    maxHeaderBytes: headLimits(router).maxHeaderBytes,
    maxBodyBytes: router.maxErrResponseKB * 1024,
    metrics,
  };
}

export function linkForwarded(
  { addForwardedHeader }: ServerConfig,
  { router, random }: Pick<ListenerContext, 'router' | 'random'>,
): AddForwarded | undefined {
  if (!addForwardedHeader) return undefined;
  const hostParameter = router.protocol === 'h2' ? 'authority' : 'host';
  return makeForwarded(addForwardedHeader, { routerLabel: router.label, hostParameter, random });
}

/** Without what serves its requests. */
export function listenerOptions(
  config: ServerConfig,
  { router, clock, metrics }: ListenerContext,
): Omit<Http1ServerOptions, 'serve' | 'refuse'> {
  const { noDelay, keepAlive, backlog, readTimeoutMs, writeTimeoutMs } = config.socketOptions;
  const { idleTimeMs, lifeTimeMs } = config.serverSession ?? {};
  return {
    ip: config.ip,
    port: config.port,
    h2: config.h2 ?? config.tls !== undefined,
    h2Only: config.h2Settings !== undefined,
    h2Settings: config.h2Settings,
    proxy: config.proxy,
    tunnelIdleMs: config.tunnelIdleMs || Number.POSITIVE_INFINITY,
    noDelay,
    keepAlive,
    maxConnections: config.maxConnections,
    ...(backlog === undefined ? {} : { backlog }),
    ...(readTimeoutMs === undefined ? {} : { readTimeoutMs: readTimeoutMs || Number.POSITIVE_INFINITY }),
    ...(writeTimeoutMs === undefined ? {} : { writeTimeoutMs: writeTimeoutMs || Number.POSITIVE_INFINITY }),
    ...(idleTimeMs === undefined ? {} : { idleTimeoutMs: idleTimeMs }),
    ...(lifeTimeMs === undefined ? {} : { lifeTimeMs }),
    ...headLimits(router),
    clock,
    metrics,
  };
}

/** Bytes of the first line and of the whole head of a message. */
export function headLimits({ maxInitialLineKB, maxHeadersKB }: RouterConfig): {
  readonly maxInitialLineBytes: number;
  readonly maxHeaderBytes: number;
} {
  return { maxInitialLineBytes: maxInitialLineKB * 1024, maxHeaderBytes: maxHeadersKB * 1024 };
}

/** Timeouts of 0 or less are none. */
function positive(ms: number | undefined): number | undefined {
  return ms !== undefined && ms > 0 ? ms : undefined;
}
