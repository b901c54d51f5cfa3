// Server certificate: the files of one certificate and its key in, checked PEM text and the names that it is for out.

import type { X509Certificate } from 'node:crypto';
import { type KeyPairFiles, readCertificates, readKeyPair } from '../base/pem-files.js';
import { alternativeNames } from '../wire/alternative-names.js';

export interface CertificateFiles extends KeyPairFiles {
  /** In place of the names in the certificate. */
  readonly hosts?: readonly string[];
}

export interface ServerCertificate {
  readonly certPath: string;
  /** PEM: ours, then those between it and the root. */
  readonly chain: string;
  /** PEM. */
  readonly key: string;
  /** Lower-case DNS names, maybe with a `*` as first label. */
  readonly names: readonly string[];
  /** Epoch milliseconds between which it holds. */
  readonly validFrom: number;
  readonly validTo: number;
}

/** Throws what is wrong with which file. */
export function readServerCertificate(files: CertificateFiles): ServerCertificate {
  const { certificate, chain, key } = readKeyPair(files);
  return {
    certPath: files.certPath,
    chain,
    key,
    names: (files.hosts ?? namesOf(certificate)).map((name) => name.toLowerCase()),
    validFrom: Date.parse(certificate.validFrom),
    validTo: Date.parse(certificate.validTo),
  };
}

/** PEM text with at least one certificate that can be read. Throws what is wrong with the file. */
export function readTrustedCertificates(path: string): string {
  return readCertificates(path, 'CA certificates');
}

/** RFC 9525 has clients look at the alternative names alone; a certificate without any still tells what it is for. */
function namesOf(certificate: X509Certificate): readonly string[] {
  const names = alternativeNames(certificate).dns;
  if (names.length > 0) return names;
  const commonName = /^CN=(.+)$/m.exec(certificate.subject)?.[1];
  return commonName === undefined ? [] : [commonName];
}
