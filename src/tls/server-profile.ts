// Server profile: `ciphers` and `protocols` of a listener in, what OpenSSL is to offer out; nothing weak, whatever is asked for.
//
// Default: Mozilla's intermediate profile (wiki.mozilla.org/Security/Server_Side_TLS) without its DHE suites: callers that know
// no ECDHE are older than TLS 1.2 itself, and a DHE handshake costs a server ten times as much.

import { constants } from 'node:crypto';
import { getCiphers, type SecureContextOptions } from 'node:tls';

const TLS13_SUITES = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];
const TLS12_SUITES = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
];
const CURVES = 'X25519:prime256v1:secp384r1';

/** Forward secrecy and authenticated encryption: all of TLS 1.3, and of TLS 1.2 what Mozilla's profiles take. */
const STRONG = /^(TLS_(AES|CHACHA20)_|ECDHE-(ECDSA|RSA)-.*(GCM|CCM|POLY1305))/;

const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
type Version = (typeof VERSIONS)[number];
/** As Java names them. */
const WEAK_VERSIONS: readonly string[] = ['SSLv2Hello', 'SSLv2', 'SSLv3', 'TLSv1', 'TLSv1.0', 'TLSv1.1'];

export interface ProfileConfig {
  readonly ciphers?: readonly string[];
  readonly protocols?: readonly string[];
}

export interface ServerProfile {
  readonly context: SecureContextOptions;
  /** What was asked for and is not offered, a sentence each. */
  readonly warnings: readonly string[];
}

/** Throws when a word is unknown, or when nothing of what is asked for may be offered. */
export function serverProfile({ ciphers, protocols }: ProfileConfig): ServerProfile {
  const warnings: string[] = [];
  const versions = protocols ? strongVersions(protocols, warnings) : VERSIONS;
  const suites = ciphers ? strongSuites(ciphers, versions, warnings) : [...TLS13_SUITES, ...TLS12_SUITES];
  // A caller knows best what its processor is fast at, so the order is its own, as Mozilla advises, where none was configured.
  const order = ciphers ? constants.SSL_OP_CIPHER_SERVER_PREFERENCE : 0;
  return {
    context: {
      ciphers: suites.join(':'),
      ecdhCurve: CURVES,
      minVersion: versions[0] as Version,
      maxVersion: versions.at(-1) as Version,
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION | order,
    },
    warnings,
  };
}

/** In order, lowest first. */
function strongVersions(protocols: readonly string[], warnings: string[]): readonly Version[] {
  const unknown = protocols.find(
    (one) => !WEAK_VERSIONS.includes(one) && !(VERSIONS as readonly string[]).includes(one),
  );
  if (unknown !== undefined) {
    throw new Error(`protocols: unknown version "${unknown}" (known: ${VERSIONS.join(', ')})`);
  }
  const strong = VERSIONS.filter((one) => protocols.includes(one));
  if (strong.length === 0) {
    throw new Error(`protocols: ${protocols.join(', ')} are broken and not offered, want ${VERSIONS.join(' or ')}`);
  }
  const weak = protocols.filter((one) => WEAK_VERSIONS.includes(one));
  if (weak.length > 0) warnings.push(`protocols: ${weak.join(', ')} are broken and not offered`);
  return strong;
}

function strongSuites(ciphers: readonly string[], versions: readonly Version[], warnings: string[]): readonly string[] {
  const known = new Set(getCiphers());
  const strong: string[] = [];
  const weak: string[] = [];
  for (const cipher of ciphers) {
    const name = opensslName(cipher);
    if (!known.has(name.toLowerCase())) throw new Error(`ciphers: unknown cipher suite "${cipher}"`);
    if (STRONG.test(name)) strong.push(name);
    else weak.push(cipher);
  }
  const shown = `without forward secrecy or authenticated encryption, and not offered: ${weak.join(', ')}`;
  if (strong.length === 0) throw new Error(`ciphers: all of them are ${shown}`);
  if (weak.length > 0) warnings.push(`ciphers: some are ${shown}`);
  // A list from before TLS 1.3 says nothing about it: its suites have no weak ones among them.
  const is13 = (name: string): boolean => name.startsWith('TLS_');
  if (!strong.some(is13)) strong.push(...TLS13_SUITES);
  if (!versions.includes('TLSv1.3') && strong.every(is13)) {
    throw new Error(`ciphers: none of ${ciphers.join(', ')} is for ${versions.join(', ')}`);
  }
  // Without one OpenSSL would offer all that it has.
  if (strong.every(is13)) strong.push(...TLS12_SUITES);
  return strong;
}

/** `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`, as Java and the IANA name it, is `ECDHE-RSA-AES128-GCM-SHA256` to OpenSSL. */
function opensslName(name: string): string {
  const match = /^(?:TLS|SSL)_(.+)_WITH_(.+)$/.exec(name);
  if (!match) return name;
  const [, exchange = '', cipher = ''] = match;
  const suite = cipher
    .replace(/AES_(128|256)/, 'AES$1')
    .replace('_CBC', '')
    .replace(/(POLY1305)_SHA256$/, '$1')
    .replace('3DES_EDE', 'DES-CBC3');
  return `${exchange === 'RSA' ? '' : `${exchange}_`}${suite}`.replaceAll('_', '-');
}
