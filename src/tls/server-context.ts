// ServerContext: one certificate with its key in, what OpenSSL makes of it for handshakes out, as late as it can be: that takes
// more than a millisecond each, and a cluster has thousands of certificates that hardly anybody asks for.

import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';

/** What the contexts of a listener have in common; another object when some of it is another. */
export type SharedOptions = Readonly<SecureContextOptions>;

export interface ContextCertificate {
  /** PEM, the leaf first. */
  readonly chain: string;
  /** PEM. */
  readonly key: string;
  /** For messages. */
  readonly origin: string;
}

export class ServerContext {
  readonly certificate: ContextCertificate;
  #context: SecureContext | undefined;
  #madeWith: SharedOptions | undefined;

  constructor(certificate: ContextCertificate) {
    this.certificate = certificate;
  }

  /** The same one for the same `options`. Throws what OpenSSL has against the certificate. */
  with(options: SharedOptions): SecureContext {
    if (this.#context && this.#madeWith === options) return this.#context;
    const { chain, key, origin } = this.certificate;
    try {
      this.#context = createSecureContext({ ...options, cert: chain, key });
    } catch (error) {
      throw new Error(`${origin}: cannot be used with its key: ${(error as Error).message}`, { cause: error });
    }
    this.#madeWith = options;
    return this.#context;
  }
}
