// Peer certificate: what OpenSSL says of a certificate in, what a person can act on out.

import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';

/** Names that are shown: a certificate may hold thousands. */
const MAX_SHOWN = 10;

const FAULTS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet (or the clock here is slow)',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed and not among the trusted ones',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by a root that is not among the trusted ones',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate is signed by one that is not among the trusted ones',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is signed by one that is not among the trusted ones',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is signed by one that is not among the trusted ones',
  CERT_SIGNATURE_FAILURE: 'the signature of its certificate is wrong: another CA of the same name?',
  INVALID_PURPOSE: 'its certificate is not for servers (extendedKeyUsage)',
};

/** @param code `TLSSocket.authorizationError`; nothing, where all is well */
export function chainFault(code: unknown): string | undefined {
  if (!code) return undefined;
  const text = code instanceof Error ? code.message : String(code);
  const fault = Object.hasOwn(FAULTS, text) ? FAULTS[text] : undefined;
  return fault === undefined ? `its certificate was not verified (${text})` : `${fault} (${text})`;
}

/** RFC 9525: whole labels match, `*` stands for the first. The common name counts where there are no alternative names at all. */
export function isFor(certificate: X509Certificate, name: string): boolean {
  try {
    if (isIP(name) !== 0) return certificate.checkIP(name) !== undefined;
    const subject = certificate.subjectAltName ? 'never' : 'default';
    return name !== '' && certificate.checkHost(name, { subject, partialWildcards: false }) !== undefined;
  } catch {
    // Not a name that any host can have.
    return false;
  }
}

/** Names, issuer and last day, without control characters whatever the certificate holds. */
export function showCertificate({ subject, subjectAltName, issuer, validTo }: X509Certificate): string {
  const names = (subjectAltName ?? '').split(', ').filter((name) => name !== '');
  const shown = names.slice(0, MAX_SHOWN).join(', ');
  const more = names.length > MAX_SHOWN ? ` and ${names.length - MAX_SHOWN} more` : '';
  const text = `${shown === '' ? 'no alternative names' : shown}${more}, subject ${oneLine(subject)}, issuer ${oneLine(issuer)}, valid to ${validTo}`;
  return text.replace(/[^ -~]/g, '?').slice(0, 1000);
}

/** Node shows one relative name a line. */
function oneLine(name: string | undefined): string {
  return name ? name.split('\n').join(',') : 'without a name';
}
