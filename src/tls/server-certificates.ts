// ServerCertificates: `tls` of a listener in, the contexts of its handshakes out, made anew when the files change.
//
// Files are asked for their state every few seconds rather than watched: certificates arrive as links to links that are
// exchanged (Kubernetes, certbot), which watches lose. A change counts when nothing has changed for another interval, so
// that a certificate is not taken before its key has been written.

import { createHash } from 'node:crypto';
import { type Stats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Clock, TimerHandle } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import { makeLogger } from '../base/log.js';
import type { MetricsScope } from '../base/metrics.js';
import { hostName } from '../server/host-name.js';
import type { ListenerTls } from '../server/listener-tls.js';
import {
  type CertificateFiles,
  readServerCertificate,
  readTrustedCertificates,
  type ServerCertificate,
} from './server-certificate.js';
import { ServerNames } from './server-names.js';
import { type ProfileConfig, type ServerProfile, serverProfile } from './server-profile.js';
import type { TicketKeys } from './ticket-keys.js';

const log = makeLogger('tls');

const POLL_MS = 5000;
/** How long a caller may resume a session: as nginx. */
const SESSION_SECS = 300;

export interface ServerTlsConfig extends ProfileConfig {
  /** At least one; the first is shown to callers that name no server, or an unknown one. */
  readonly certificates: readonly CertificateFiles[];
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
  readonly ca: string | undefined;
  /** The files' state just before. */
  readonly readAs: string;
}

interface Contexts {
  readonly fallback: SecureContext;
  readonly byName: ServerNames<SecureContext>;
}

export class ServerCertificates implements ListenerTls, Closable {
  readonly contextFor: ListenerTls['contextFor'];
  readonly #options: ServerCertificatesOptions;
  readonly #profile: ServerProfile;
  #set: CertificateSet;
  #contexts: Contexts;
  #ticketKey: Buffer;
  /** The state of the files when they were read last, well or not, and at the last look. */
  #readAs: string;
  #lookedLike: string | undefined;
  #timer: TimerHandle | undefined;
  #isClosed = false;

  /** Throws what is wrong with which file. */
  constructor(options: ServerCertificatesOptions) {
    this.#options = options;
    this.#profile = serverProfile(options.config);
    for (const warning of this.#profile.warnings) log.warn(warning);
    this.#ticketKey = options.ticketKeys.current;
    this.#set = this.read();
    this.#readAs = this.#set.readAs;
    this.#contexts = this.#makeContexts(this.#set);
    this.#warnOfDates();
    this.contextFor = options.config.certificates.length > 1 ? (name) => this.#find(name) : undefined;
  }

  get context(): SecureContext {
    return this.#contexts.fallback;
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

  /** The listener takes callers: from here on the files are looked at. */
  start(): void {
    const { metrics } = this.#options;
    metrics.gauge(['certificate_valid_for_secs'], () => {
      const ends = this.#set.certificates.map(({ validTo }) => validTo);
      return Math.floor((Math.min(...ends) - this.#options.clock.epochMs()) / 1000);
    });
    if (!this.#timer) this.#schedule();
  }

  /** The files as they are now. Throws what is wrong with which; nothing changes. */
  read(): CertificateSet {
    const { certificates, caCertPath } = this.#options.config;
    const readAs = this.#paths.map((path) => stateOf(statSync(path, { throwIfNoEntry: false }))).join(' ');
    const set = {
      readAs,
      certificates: certificates.map(readServerCertificate),
      ca: caCertPath === undefined ? undefined : readTrustedCertificates(caCertPath),
    };
    // Once for nothing: OpenSSL refuses what it deems too weak, as a key of 1024 bits, only here.
    this.#makeContexts(set);
    return set;
  }

  /** Shows these to callers from here on. Connections that are open stay. */
  use(set: CertificateSet): void {
    this.#readAs = set.readAs;
    if (sameSet(set, this.#set)) return;
    this.#set = set;
    this.#contexts = this.#makeContexts(set);
    this.#options.metrics.counter('certificate_reloads').inc();
    log.info(`certificates reloaded: ${set.certificates.map(({ certPath }) => certPath).join(', ')}`);
    this.#warnOfDates();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #find(name: string): SecureContext {
    const { byName, fallback } = this.#contexts;
    return byName.find(name) ?? fallback;
  }

  #makeContexts({ certificates, ca }: CertificateSet): Contexts {
    const { clientAuth } = this.#options.config;
    const byName = new ServerNames<SecureContext>();
    // A session holds what its caller has shown: one from before another CA or another rule must not stand in for it.
    const sessionIdContext = createHash('sha256').update(`${clientAuth} ${ca}`).digest('hex').slice(0, 32);
    let fallback: SecureContext | undefined;
    for (const { certPath, chain, key, names } of certificates) {
      const context = contextOf(certPath, {
        ...this.#profile.context,
        cert: chain,
        key,
        ...(ca === undefined ? {} : { ca }),
        sessionIdContext,
        sessionTimeout: SESSION_SECS,
        ticketKeys: this.#ticketKey,
      });
      if (names.length === 0 && fallback) {
        throw new Error(`${certPath}: no DNS name is in it, so no caller would get it: set hosts`);
      }
      fallback ??= context;
      for (const name of names) byName.add(name, context);
    }
    if (!fallback) throw new Error('tls has no certificate');
    return { fallback, byName };
  }

  /** Callers see it and may refuse it, which is still better than a gateway that does not start for all its other hosts. */
  #warnOfDates(): void {
    const now = this.#options.clock.epochMs();
    for (const { certPath, validFrom, validTo } of this.#set.certificates) {
      if (validTo <= now)
        log.warn(`${certPath}: the certificate expired on ${showDay(validTo)}; callers will refuse it`);
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
    this.#contexts = this.#makeContexts(this.#set);
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

function contextOf(certPath: string, options: Parameters<typeof createSecureContext>[0]): SecureContext {
  try {
    return createSecureContext(options);
  } catch (error) {
    throw new Error(`${certPath}: cannot be used with its key: ${(error as Error).message}`, { cause: error });
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
