// Self-signed certificate: a common name in, a new key and a certificate for it out. Node makes keys, but no certificates, so
// the few lines of DER (ITU-T X.690) that RFC 5280 wants are written here.

import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

export interface SelfSignedCertificate {
  /** PEM. */
  readonly chain: string;
  /** PEM. */
  readonly key: string;
}

/** @param commonName DNS name, its only one; P-256, signed with SHA-256, without an end (RFC 5280 §4.1.2.5). */
export function makeSelfSignedCertificate(commonName: string): SelfSignedCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = sequence(ECDSA_WITH_SHA256);
  const name = sequence(der(SET, sequence(COMMON_NAME, der(UTF8_STRING, Buffer.from(commonName)))));
  const alternativeNames = sequence(der(DNS_NAME, Buffer.from(commonName)));
  const toBeSigned = sequence(
    der(EXPLICIT_0, der(INTEGER, Buffer.of(VERSION_3))),
    der(INTEGER, serialNumber()),
    algorithm,
    name,
    sequence(der(UTC_TIME, Buffer.from('200101000000Z')), der(GENERALIZED_TIME, Buffer.from('99991231235959Z'))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(EXPLICIT_3, sequence(sequence(SUBJECT_ALT_NAME, der(OCTET_STRING, alternativeNames)))),
  );
  const signature = der(BIT_STRING, Buffer.concat([Buffer.of(0), sign('sha256', toBeSigned, privateKey)]));
  return {
    chain: pem(sequence(toBeSigned, algorithm, signature)),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const SEQUENCE = 0x30;
const SET = 0x31;
const EXPLICIT_0 = 0xa0;
const EXPLICIT_3 = 0xa3;
/** GeneralName [2] of RFC 5280 §4.2.1.6. */
const DNS_NAME = 0x82;

const VERSION_3 = 2;

/** Object identifiers with tag and length: 1.2.840.10045.4.3.2, 2.5.4.3, 2.5.29.17. */
const ECDSA_WITH_SHA256 = Buffer.from('06082a8648ce3d040302', 'hex');
const COMMON_NAME = Buffer.from('0603550403', 'hex');
const SUBJECT_ALT_NAME = Buffer.from('0603551d11', 'hex');

/** Positive, and in its shortest form: the first byte is in 0x40-0x7f. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] as number) & 0x3f) | 0x40;
  return bytes;
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(SEQUENCE, ...parts);
}

/** Tag, length, value. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts);
  const { length } = value;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), value]);
}

function pem(certificate: Buffer): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
