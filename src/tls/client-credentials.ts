// ClientCredentials: the files of a client's `tls` in, the context of its handshakes out, made anew when the files have changed.
//
// They are looked at when a connection is made, once a second at most: it costs nothing where nobody connects, nothing has to
// be closed, and what was rotated at night is in use with the first connection of the morning.

import { statSync } from 'node:fs';
import { createSecureContext, type SecureContext, type SecureContextOptions, type SecureVersion } from 'node:tls';
import type { Clock } from '../base/clock.js';
import { makeLogger } from '../base/log.js';
import { type KeyPairFiles, readCertificates, readKeyPair } from '../base/pem-files.js';

const log = makeLogger('tls');

const LOOK_MS = 1000;
/** Files that were written less than this ago are perhaps not all written: they are read if they are the same at the next look. */
const SETTLE_MS = 2000;

export interface CredentialsConfig {
  /** PEM files; none: the CAs that Node brings. */
  readonly trustFiles: readonly string[];
  readonly clientAuth: KeyPairFiles | undefined;
  readonly minVersion: SecureVersion;
  readonly maxVersion: SecureVersion;
}

interface Look {
  /** Another text when one of the files has changed. */
  readonly state: string;
  /** Epoch milliseconds. */
  readonly writtenAt: number;
}

export class ClientCredentials {
  readonly #config: CredentialsConfig;
  readonly #clock: Clock;
  readonly #paths: readonly string[];
  #context: SecureContext | undefined;
  /** Of the files when they were read last, well or not, and at the last look. */
  #readState: string | undefined;
  #seenState: string | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #problem: string | undefined;

  constructor(config: CredentialsConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
    const { trustFiles, clientAuth } = config;
    this.#paths = [
      ...trustFiles,
      ...[clientAuth?.certPath, clientAuth?.keyPath, clientAuth?.intermediateCertsPath].filter(
        (path) => path !== undefined,
      ),
    ];
  }

  /** For a connection that is made now. Files that cannot be used change nothing. Never throws. */
  get context(): SecureContext {
    const now = this.#clock.now();
    if (this.#context === undefined || (this.#paths.length > 0 && now - this.#lookedAt >= LOOK_MS)) {
      this.#lookedAt = now;
      this.#look();
    }
    // Nothing could ever be read: who trusts nobody connects to nobody.
    return this.#context ?? createSecureContext({ ca: [] });
  }

  #look(): void {
    const { state, writtenAt } = lookAt(this.#paths);
    const isSettled = state === this.#seenState || this.#clock.epochMs() - writtenAt >= SETTLE_MS;
    this.#seenState = state;
    if (state === this.#readState || (this.#context !== undefined && !isSettled)) return;
    this.#readState = state;
    try {
      const isFirst = this.#context === undefined;
      this.#context = makeContext(this.#config);
      if (!isFirst) log.info(`new connections to upstreams use ${this.#paths.join(', ')} as changed`);
      this.#problem = undefined;
    } catch (error) {
      this.#report((error as Error).message);
    }
  }

  /** Once for each problem. */
  #report(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    const consequence = this.#context
      ? 'what the files said before stays in use'
      : 'no TLS to its upstreams until then';
    log.error(`certificates of a client cannot be used: ${problem}; ${consequence}`);
  }
}

function makeContext({ trustFiles, clientAuth, minVersion, maxVersion }: CredentialsConfig): SecureContext {
  const options: SecureContextOptions = { minVersion, maxVersion };
  if (trustFiles.length > 0) options.ca = trustFiles.map((path) => readCertificates(path, 'CA certificates'));
  if (!clientAuth) return createSecureContext(options);
  const { chain, key } = readKeyPair(clientAuth);
  try {
    return createSecureContext({ ...options, cert: chain, key });
  } catch (error) {
    throw new Error(`${clientAuth.certPath}: cannot be used with its key: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function lookAt(paths: readonly string[]): Look {
  let writtenAt = Number.NEGATIVE_INFINITY;
  const states = paths.map((path) => {
    try {
      const { ino, size, mtimeMs } = statSync(path);
      writtenAt = Math.max(writtenAt, mtimeMs);
      return `${ino} ${size} ${mtimeMs}`;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'unreadable';
    }
  });
  return { state: states.join('\n'), writtenAt };
}
