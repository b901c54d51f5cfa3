// ServerCertificates: `tls` of a listener in, the contexts of its handshakes out, made anew when the files change, and of
// certificates that come with routes when those do.
//
// Files are asked for their state every few seconds rather than watched: certificates arrive as links to links that are
// exchanged (Kubernetes, certbot), which watches lose. A change counts when nothing has changed for another interval, so
// that a certificate is not taken before its key has been written.

import { createHash } from 'node:crypto';
import { type Stats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { SecureContext } from 'node:tls';
import { computed, type ReadonlySignal } from '@preact/signals-core';
import { observe } from '../base/activity.js';
import type { Clock, TimerHandle } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import { hostName } from '../base/host-name.js';
import { HostTable } from '../base/host-table.js';
import { makeLogger } from '../base/log.js';
import type { MetricsScope } from '../base/metrics.js';
import type { RouteCertificate } from '../identifier/identifier.js';
import type { ListenerTls } from '../server/listener-tls.js';
import { RouteContexts } from './route-contexts.js';
import { makeSelfSignedCertificate } from './self-signed-certificate.js';
import {
  type CertificateFiles,
  readServerCertificate,
  readTrustedCertificates,
  type ServerCertificate,
} from './server-certificate.js';
import { ServerContext, type SharedOptions } from './server-context.js';
import { type ProfileConfig, type ServerProfile, serverProfile } from './server-profile.js';
import type { TicketKeys } from './ticket-keys.js';

const log = makeLogger('tls');

const POLL_MS = 5000;
/** How long a caller may resume a session: as nginx. */
const SESSION_SECS = 300;
/** In the certificate that no caller should get (RFC 6761 §6.4). */
const SELF_SIGNED_NAME = 'no-certificate.linkgate.invalid';

export interface ServerTlsConfig extends ProfileConfig {
  /** At least one unless `fromRoutes`; the first is shown to callers that name no server, or an unknown one. */
  readonly certificates: readonly CertificateFiles[];
  /** Those that come with routes as well. Without files whoever names no server, or an unknown one, is shown a self-signed one. */
  readonly fromRoutes: boolean;
  readonly caCertPath?: string;
  readonly clientAuth: ListenerTls['clientAuth'];
  readonly handshakeTimeoutMs: number;
}

export interface ServerCertificatesOptions {
  readonly config: ServerTlsConfig;
  readonly ticketKeys: TicketKeys;
  readonly clock: Clock;
  /** `rt/<label>/server/<ip>/<port>/tls`. */
  readonly metrics: MetricsScope;
}

/** All files, as they were read. */
export interface CertificateSet {
  readonly certificates: readonly ServerCertificate[];
  /** One for each, or the self-signed one. */
  readonly contexts: readonly [ServerContext, ...ServerContext[]];
  readonly ca: string | undefined;
  readonly shared: SharedOptions;
  /** The files' state just before. */
  readonly readAs: string;
}

export class ServerCertificates implements ListenerTls, Closable {
  readonly contextFor: ListenerTls['contextFor'];
  readonly #options: ServerCertificatesOptions;
  readonly #profile: ServerProfile;
  readonly #selfSigned: ServerContext | undefined;
  readonly #routes = new RouteContexts();
  #set: CertificateSet;
  #byName: HostTable<ServerContext>;
  #ticketKey: Buffer;
  /** The state of the files when they were read last, well or not, and at the last look. */
  #readAs: string;
  #lookedLike: string | undefined;
  #timer: TimerHandle | undefined;
  #stopFollowing: (() => void) | undefined;
  #isClosed = false;

  /** Throws what is wrong with which file. */
  constructor(options: ServerCertificatesOptions) {
    const { certificates, fromRoutes } = options.config;
    this.#options = options;
    this.#profile = serverProfile(options.config);
    for (const warning of this.#profile.warnings) log.warn(warning);
    this.#ticketKey = options.ticketKeys.current;
    if (certificates.length === 0 && fromRoutes) {
      const pair = makeSelfSignedCertificate(SELF_SIGNED_NAME);
      this.#selfSigned = new ServerContext({ ...pair, origin: 'self-signed certificate' });
    }
    this.#set = this.read();
    this.#readAs = this.#set.readAs;
    this.#byName = this.#namesOf(this.#set);
    this.#warnOfDates();
    this.contextFor = certificates.length > 1 || fromRoutes ? (name) => this.#contextFor(name) : undefined;
  }

  get context(): SecureContext {
    return this.#set.contexts[0].with(this.#set.shared);
  }

  get clientAuth(): ListenerTls['clientAuth'] {
    return this.#options.config.clientAuth;
  }

  get handshakeTimeoutMs(): number {
    return this.#options.config.handshakeTimeoutMs;
  }

  isMisdirected(serverName: string, host: string): boolean {
    return this.contextFor !== undefined && this.#find(hostName(host)) !== this.#find(serverName);
  }

  /** The listener takes callers: from here on the files are looked at, and `routes` followed in place of those before. */
  start(routes: readonly ReadonlySignal<readonly RouteCertificate[]>[] = []): void {
    if (!this.#timer) this.#schedule();
    if (this.#options.config.fromRoutes) this.#follow(routes);
    else this.#showMetrics();
  }

  /** The files as they are now. Throws what is wrong with which; nothing changes. */
  read(): CertificateSet {
    const { certificates, caCertPath } = this.#options.config;
    const readAs = this.#paths.map((path) => stateOf(statSync(path, { throwIfNoEntry: false }))).join(' ');
    const read = certificates.map(readServerCertificate);
    const ca = caCertPath === undefined ? undefined : readTrustedCertificates(caCertPath);
    const set = { readAs, certificates: read, contexts: this.#contextsOf(read), ca, shared: this.#sharedOptions(ca) };
    // OpenSSL refuses what it deems too weak, as a key of 1024 bits, only here.
    for (const context of set.contexts) context.with(set.shared);
    this.#namesOf(set);
    return set;
  }

  /** Shows these to callers from here on. Connections that are open stay. */
  use(set: CertificateSet): void {
    this.#readAs = set.readAs;
    if (sameSet(set, this.#set)) return;
    this.#set = set;
    this.#byName = this.#namesOf(set);
    this.#options.metrics.counter('certificate_reloads').inc();
    log.info(`certificates reloaded: ${set.certificates.map(({ certPath }) => certPath).join(', ')}`);
    this.#warnOfDates();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#stopFollowing?.();
  }

  #contextFor(name: string): SecureContext {
    for (;;) {
      const context = this.#find(name);
      try {
        return context.with(this.#set.shared);
      } catch (error) {
        // Files have been tried: it came with a route, and what is left when it is left out is one less.
        if (!this.#routes.leaveOut(context)) throw error;
        this.#options.metrics.counter('route_certificate_failures').inc();
        log.error(`a certificate that came with routes is left out: ${(error as Error).message}`);
        this.#byName = this.#namesOf(this.#set);
        this.#showMetrics();
      }
    }
  }

  #find(name: string): ServerContext {
    return this.#byName.find(name) ?? this.#set.contexts[0];
  }

  #contextsOf(certificates: readonly ServerCertificate[]): CertificateSet['contexts'] {
    const [first, ...others] = certificates.map(
      ({ certPath, chain, key }) => new ServerContext({ chain, key, origin: certPath }),
    );
    if (first) return [first, ...others];
    if (this.#selfSigned) return [this.#selfSigned];
    throw new Error('tls has no certificate');
  }

  #sharedOptions(ca: string | undefined): SharedOptions {
    const { clientAuth } = this.#options.config;
    return {
      ...this.#profile.context,
      ...(ca === undefined ? {} : { ca }),
      // A session holds what its caller has shown: one from before another CA or another rule must not stand in for it.
      sessionIdContext: createHash('sha256').update(`${clientAuth} ${ca}`).digest('hex').slice(0, 32),
      sessionTimeout: SESSION_SECS,
      ticketKeys: this.#ticketKey,
    };
  }

  /** Of two certificates for one name the first is shown, and that of a file before one that comes with a route. */
  #namesOf({ certificates, contexts }: CertificateSet): HostTable<ServerContext> {
    const byName = new HostTable<ServerContext>();
    for (const [i, { certPath, names }] of certificates.entries()) {
      if (names.length === 0 && i > 0) {
        throw new Error(`${certPath}: no DNS name is in it, so no caller would get it: set hosts`);
      }
      for (const name of names) byName.add(name, contexts[i] as ServerContext);
    }
    this.#routes.addTo(byName);
    return byName;
  }

  #follow(routes: readonly ReadonlySignal<readonly RouteCertificate[]>[]): void {
    const stopBefore = this.#stopFollowing;
    const all = computed(() => routes.flatMap(({ value }) => value));
    this.#stopFollowing = observe(all, (certificates) => this.#useRoutes(certificates));
    stopBefore?.();
  }

  #useRoutes(certificates: readonly RouteCertificate[]): void {
    const now = this.#options.clock.epochMs();
    for (const { origin, validTo } of this.#routes.set(certificates)) {
      if (validTo <= now) log.warn(EXPIRED(origin, validTo));
    }
    this.#byName = this.#namesOf(this.#set);
    this.#showMetrics();
  }

  #showMetrics(): void {
    const { clock, metrics, config } = this.#options;
    const firstEnd = (): number => {
      const all = [...this.#set.certificates, ...this.#routes.certificates];
      return all.reduce((first, { validTo }) => Math.min(first, validTo), Number.POSITIVE_INFINITY);
    };
    if (firstEnd() === Number.POSITIVE_INFINITY) metrics.prune('certificate_valid_for_secs');
    else metrics.gauge(['certificate_valid_for_secs'], () => Math.floor((firstEnd() - clock.epochMs()) / 1000));
    if (config.fromRoutes) metrics.gauge(['route_certificates'], () => this.#routes.certificates.length);
  }

  /** Callers see it and may refuse it, which is still better than a gateway that does not start for all its other hosts. */
  #warnOfDates(): void {
    const now = this.#options.clock.epochMs();
    for (const { certPath, validFrom, validTo } of this.#set.certificates) {
      if (validTo <= now) log.warn(EXPIRED(certPath, validTo));
      else if (validFrom > now) log.warn(`${certPath}: the certificate does not hold before ${showDay(validFrom)}`);
    }
  }

  #schedule(): void {
    this.#timer = this.#options.clock.after(POLL_MS, () => void this.#poll());
  }

  /** Never rejects. */
  async #poll(): Promise<void> {
    const looksLike = await lookAt(this.#paths);
    if (this.#isClosed) return;
    if (looksLike !== this.#readAs && looksLike === this.#lookedLike) {
      this.#readAs = looksLike;
      this.#reload();
    }
    this.#lookedLike = looksLike;
    this.#renewTicketKey();
    this.#schedule();
  }

  #reload(): void {
    try {
      this.use(this.read());
    } catch (error) {
      this.#options.metrics.counter('certificate_reload_failures').inc();
      log.error(`certificates changed and cannot be used, those before stay: ${(error as Error).message}`);
    }
  }

  #renewTicketKey(): void {
    const key = this.#options.ticketKeys.current;
    if (key === this.#ticketKey) return;
    this.#ticketKey = key;
    this.#set = { ...this.#set, shared: this.#sharedOptions(this.#set.ca) };
  }

  get #paths(): readonly string[] {
    const { certificates, caCertPath } = this.#options.config;
    const paths = certificates.flatMap(({ certPath, keyPath, intermediateCertsPath }) => [
      certPath,
      keyPath,
      intermediateCertsPath,
    ]);
    return [...paths, caCertPath].filter((path) => path !== undefined);
  }
}

function sameSet(a: CertificateSet, b: CertificateSet): boolean {
  return a.ca === b.ca && JSON.stringify(a.certificates) === JSON.stringify(b.certificates);
}

/** Another text when one of the files has changed. */
async function lookAt(paths: readonly string[]): Promise<string> {
  const states = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)));
  return states.map(stateOf).join(' ');
}

function stateOf(file: Stats | undefined): string {
  return file ? `${file.ino}-${file.size}-${file.mtimeMs}` : 'none';
}

function showDay(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10);
}

const EXPIRED = (what: string, validTo: number): string =>
  `${what}: the certificate expired on ${showDay(validTo)}; callers will refuse it`;
