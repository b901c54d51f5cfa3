// TLS secret: a Secret of type kubernetes.io/tls in; a certificate chain with its key, both checked, or what is wrong with it, out.

import { createSecureContext } from 'node:tls';
import { parseCertificates, parsePrivateKey } from '../../../src/base/pem-files.js';
import { alternativeNames } from '../../../src/wire/alternative-names.js';
import { show } from '../../shared/members.js';
import { type JsonObject, objectIn } from '../json.js';

/** What is kept of a Secret. */
export type TlsSecret =
  | {
      readonly type: 'certificate';
      /** PEM, the leaf first. */
      readonly chain: string;
      /** PEM. */
      readonly key: string;
      /** DNS names that the leaf is for, in lower case. */
      readonly names: readonly string[];
      /** Epoch milliseconds. */
      readonly validFrom: number;
      readonly validTo: number;
    }
  | {
      readonly type: 'invalid';
      /** Without any of the key. */
      readonly why: string;
    };

/** Base64 characters; a chain of ten certificates has some 30,000. */
const MAX_LENGTH = 200_000;

/** Never throws. */
export function projectTlsSecret(object: JsonObject): TlsSecret {
  try {
    return readSecret(object);
  } catch (error) {
    return { type: 'invalid', why: (error as Error).message };
  }
}

function readSecret({ type, data }: JsonObject): TlsSecret {
  if (type !== 'kubernetes.io/tls') throw new Error(`type is ${show(type)}, want "kubernetes.io/tls"`);
  const entries = objectIn(data, 'data');
  const [leaf, ...issuers] = parseCertificates(pemIn(entries, 'tls.crt'), 'tls.crt');
  const privateKey = parsePrivateKey(pemIn(entries, 'tls.key'), 'tls.key');
  if (!leaf.checkPrivateKey(privateKey)) {
    throw new Error('tls.key: the private key does not belong to the first certificate in tls.crt');
  }
  // Written anew: people put all kinds of things between the blocks.
  const chain = [leaf, ...issuers].map(String).join('');
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  checkUsable(chain, key);
  return {
    type: 'certificate',
    chain,
    key,
    names: alternativeNames(leaf).dns.map((name) => name.toLowerCase()),
    validFrom: Date.parse(leaf.validFrom),
    validTo: Date.parse(leaf.validTo),
  };
}

/** Strict, as Buffer is not: what is not Base64 is not PEM in the end, and the message would be about PEM. */
function pemIn(data: JsonObject, name: string): string {
  const text = data[name];
  if (text === undefined || text === null || text === '') throw new Error(`data has no ${name}`);
  if (typeof text !== 'string' || !/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text))
    throw new Error(`${name} is not in Base64`);
  if (text.length > MAX_LENGTH) throw new Error(`${name} is longer than ${MAX_LENGTH} characters of Base64`);
  return Buffer.from(text, 'base64').toString('latin1');
}

/** OpenSSL refuses short keys and old digests only here. */
function checkUsable(cert: string, key: string): void {
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw new Error(`tls.crt: cannot be served: ${(error as Error).message}`, { cause: error });
  }
}
