// TLS of a listener of the configuration in, its certificates out: those in use where the configuration says the same of them,
// with the files read again.

import type { ReadonlySignal } from '@preact/signals-core';
import type { ServerConfig } from '../config/schema/linkerd.js';
import { canonicalJson } from './base/canonical-json.js';
import type { Clock } from './base/clock.js';
import type { MetricsScope } from './base/metrics.js';
import type { RouteCertificate } from './identifier/identifier.js';
import type { PartsDraft } from './parts.js';
import { ServerCertificates, type ServerTlsConfig } from './tls/server-certificates.js';
import { TicketKeys } from './tls/ticket-keys.js';

export interface LinkTlsContext {
  readonly parts: PartsDraft;
  readonly clock: Clock;
  /** Of the listener. */
  readonly metrics: MetricsScope;
}

export interface LinkedTls {
  /** Undefined: plain text. */
  readonly tls: ServerCertificates | undefined;
  /** From here on these are shown, and followed. */
  commit(): void;
}

/**
 * @param place which listener it is
 * @param certificates of the router's route sources
 * Throws what is wrong with which file.
 */
export function linkTls(
  config: ServerConfig['tls'],
  place: string,
  context: LinkTlsContext,
  certificates: readonly ReadonlySignal<readonly RouteCertificate[]>[],
): LinkedTls {
  const { parts, clock } = context;
  const metrics = context.metrics.scope('tls');
  if (!config) return { tls: undefined, commit: () => pruneGauges(metrics) };
  try {
    if (config.fromRoutes && certificates.length === 0) {
      throw new Error("fromRoutes: none of the router's identifiers has certificates, as io.l5d.ingress does");
    }
    // By themselves, so that callers may resume their sessions though the certificates are others.
    const ticketKeys = parts.use(`ticket keys at ${place}`, () => new TicketKeys(clock));
    const tls = parts.use(`tls at ${place} ${canonicalJson(config)}`, () => {
      return new ServerCertificates({ config: serverTlsConfig(config), ticketKeys, clock, metrics });
    });
    const again = parts.isNew(tls) ? undefined : tls.read();
    return {
      tls,
      commit: () => {
        if (again) tls.use(again);
        pruneGauges(metrics);
        tls.start(certificates);
      },
    };
  } catch (error) {
    throw new Error(`tls of the listener at ${place}: ${(error as Error).message}`, { cause: error });
  }
}

/** Those of the configuration before. */
function pruneGauges(metrics: MetricsScope): void {
  metrics.prune('certificate_valid_for_secs');
  metrics.prune('route_certificates');
}

function serverTlsConfig(config: NonNullable<ServerConfig['tls']>): ServerTlsConfig {
  const { certPath, keyPath, intermediateCertsPath, certificates = [], caCertPath, ciphers, protocols } = config;
  const { requireClientAuth, requestClientAuth, handshakeTimeoutMs, fromRoutes } = config;
  const first =
    certPath === undefined || keyPath === undefined
      ? []
      : [{ certPath, keyPath, ...(intermediateCertsPath === undefined ? {} : { intermediateCertsPath }) }];
  return {
    certificates: [...first, ...certificates],
    fromRoutes,
    clientAuth: requireClientAuth ? 'required' : requestClientAuth ? 'optional' : 'none',
    handshakeTimeoutMs,
    ...(caCertPath === undefined ? {} : { caCertPath }),
    ...(ciphers === undefined ? {} : { ciphers }),
    ...(protocols === undefined ? {} : { protocols }),
  };
}

/** Strict-Transport-Security; undefined where there is none to send. */
export function hstsValue(hsts: ServerConfig['hsts']): string | undefined {
  if (!hsts) return undefined;
  const { maxAgeSecs, includeSubDomains, preload } = hsts;
  return `max-age=${maxAgeSecs}${includeSubDomains ? '; includeSubDomains' : ''}${preload ? '; preload' : ''}`;
}
