// PEM files: paths in, certificates and keys that can be used out; what is wrong with a file is said with its name.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** @param what the file is to hold, for the message */
export function readPem(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`Cannot read the ${what}: ${(error as Error).message}`, { cause: error });
  }
}

const PEM_CERTIFICATE =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/** Throws where there is none, or one that cannot be read. */
export function parseCertificates(pem: string, path: string): readonly [X509Certificate, ...X509Certificate[]] {
  const [first, ...rest] = pem.match(PEM_CERTIFICATE) ?? [];
  if (first === undefined) throw new Error(`${path}: no certificate in it, want PEM (-----BEGIN CERTIFICATE-----)`);
  try {
    return [new X509Certificate(first), ...rest.map((one) => new X509Certificate(one))];
  } catch (error) {
    throw new Error(`${path}: a certificate in it cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

export function parsePrivateKey(pem: string, path: string): KeyObject {
  if (pem.includes('ENCRYPTED')) {
    throw new Error(`${path}: the private key is encrypted, want one without a passphrase (openssl pkey -in … -out …)`);
  }
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new Error(`${path}: no private key that can be read, want PEM (-----BEGIN PRIVATE KEY-----)`, {
      cause: error,
    });
  }
}

/** PEM text of one or more certificates that can be read. */
export function readCertificates(path: string, what: string): string {
  const pem = readPem(path, what);
  parseCertificates(pem, path);
  return pem;
}

export interface KeyPairFiles {
  readonly certPath: string;
  readonly keyPath: string;
  /** The certificates between ours and the root. */
  readonly intermediateCertsPath?: string;
}

export interface KeyPair {
  readonly certificate: X509Certificate;
  /** PEM: ours, then those between it and the root. */
  readonly chain: string;
  /** PEM. */
  readonly key: string;
}

/** Throws as well where the key is of another certificate. */
export function readKeyPair({ certPath, keyPath, intermediateCertsPath }: KeyPairFiles): KeyPair {
  const cert = readPem(certPath, 'certificate');
  const [certificate] = parseCertificates(cert, certPath);
  const key = readPem(keyPath, 'private key');
  if (!certificate.checkPrivateKey(parsePrivateKey(key, keyPath))) {
    throw new Error(`${keyPath}: the private key does not belong to the certificate in ${certPath}`);
  }
  if (intermediateCertsPath === undefined) return { certificate, chain: cert, key };
  const intermediate = readCertificates(intermediateCertsPath, 'intermediate certificates');
  return { certificate, chain: `${cert.trimEnd()}\n${intermediate}`, key };
}
