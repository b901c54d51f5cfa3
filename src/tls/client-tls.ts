// Client TLS: `tls` of a client in; for each bound name, how its endpoints are spoken to and who they have to be, out.

import type { X509Certificate } from 'node:crypto';
import { BROKEN_TLS_VERSIONS, TLS_VERSIONS } from '../../config/schema/upstream-tls.js';
import type { Clock } from '../base/clock.js';
import { makeLogger } from '../base/log.js';
import type { Path } from '../base/path.js';
import type { KeyPairFiles } from '../base/pem-files.js';
import { parsePathMatcher, substitute } from '../naming/path-matcher.js';
import { alternativeNames } from '../wire/alternative-names.js';
import type { HandshakeListener, UpstreamTls } from '../wire/upstream-socket.js';
import { ClientCredentials, type CredentialsConfig } from './client-credentials.js';

const log = makeLogger('tls');

/** As config/schema/upstream-tls.ts describes it. */
export interface ClientTlsConfig {
  readonly enabled: boolean;
  readonly disableValidation: boolean;
  readonly commonName?: string;
  readonly uriSans?: readonly string[];
  readonly trustCertsBundle?: string;
  readonly trustCerts?: readonly string[];
  readonly clientAuth?: KeyPairFiles;
  readonly protocols?: readonly string[];
  /** Of the entry that it stands in: what the names in braces are captured by. */
  readonly prefix?: string;
}

export type TlsOf = (id: Path, handshakes: HandshakeListener) => UpstreamTls;

/** Undefined: plain text. */
export function makeClientTls(config: ClientTlsConfig | undefined, clock: Clock): TlsOf | undefined {
  if (!config?.enabled) return undefined;
  const { commonName, uriSans, disableValidation, prefix = '/' } = config;
  const credentials = new ClientCredentials(credentialsConfig(config), clock);
  const matcher = parsePathMatcher(prefix);
  return (id, handshakes) => {
    const captures = matcher.match(id)?.captures ?? new Map<string, string>();
    return {
      get context() {
        return credentials.context;
      },
      serverName: commonName === undefined ? undefined : substitute(commonName, captures),
      alpn: [],
      validate: !disableValidation,
      identity: uriSans && uriIdentity(uriSans.map((uri) => substitute(uri, captures))),
      handshakes,
    };
  };
}

function credentialsConfig(config: ClientTlsConfig): CredentialsConfig {
  const { trustCertsBundle, trustCerts = [], clientAuth, protocols } = config;
  if (trustCerts.length > 0) log.warn('tls.trustCerts of a client is deprecated: use trustCertsBundle');
  const broken = protocols?.filter((one) => BROKEN_TLS_VERSIONS.includes(one)) ?? [];
  if (broken.length > 0) log.warn(`tls.protocols of a client: ${broken.join(', ')} are broken and not spoken`);
  const versions = TLS_VERSIONS.filter((version) => protocols?.includes(version) ?? true);
  return {
    trustFiles: trustCertsBundle === undefined ? trustCerts : [trustCertsBundle],
    clientAuth,
    minVersion: versions[0] ?? 'TLSv1.3',
    maxVersion: versions.at(-1) ?? 'TLSv1.3',
  };
}

/** Compared byte by byte. A SPIFFE id stands alone in its certificate (X509-SVID §5.2): one of several proves nothing. */
export function uriIdentity(wanted: readonly string[]): (certificate: X509Certificate) => Error | undefined {
  const shown = wanted.join(' or ');
  return (certificate) => {
    const { uris } = alternativeNames(certificate);
    const found = uris.find((uri) => wanted.includes(uri));
    if (found === undefined) return new Error(`its certificate is not for ${shown}`);
    if (found.startsWith('spiffe://') && uris.length > 1) {
      return new Error(`its certificate has ${uris.length} URIs, and a SPIFFE id has to be the only one`);
    }
    return undefined;
  };
}
