// x-forwarded-client-cert: the certificate that a caller has proven to hold in, the value that tells upstreams of it out.

import type { X509Certificate } from 'node:crypto';
import { alternativeNames } from './alternative-names.js';

/**
 * Linkerd 1.x's: `Hash=<SHA-256 of the DER, upper-case hex>;SAN=<URI>…;DNS=<name>…;Subject="<RFC 2253 name>"`. Latin-1 and
 * without control characters, whatever the certificate holds.
 */
export function forwardedClientCert(certificate: X509Certificate): string {
  const { dns, uris } = alternativeNames(certificate);
  return [
    `Hash=${certificate.fingerprint256.replaceAll(':', '')}`,
    ...uris.map((uri) => `SAN=${plainOrQuoted(uri)}`),
    ...dns.map((name) => `DNS=${plainOrQuoted(name)}`),
    `Subject="${distinguishedName(certificate.subject)}"`,
  ].join(';');
}

/** A name that could be read as more than one field is put in quotes, as Envoy does. */
function plainOrQuoted(name: string): string {
  const text = escapeBytes(name);
  return /[",;=\\ ]/.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : text;
}

/** Node shows one relative name a line, the widest first and escaped by RFC 2253; that has them the other way round. */
function distinguishedName(subject: string | undefined): string {
  return escapeBytes((subject ?? '').split('\n').reverse().join(','));
}

/** RFC 2253 §2.4: what is not plain text stands as `\` and the hex digits of each byte. */
function escapeBytes(text: string): string {
  return text.replace(/[^ -~]+/gu, (run) =>
    [...Buffer.from(run, 'utf8')].map((byte) => `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}
