// API TLS: the `tls` block of a namer in, what connections to its registry need out, read from its files at each connection.

import { readFileSync } from 'node:fs';
import type { SecureVersion } from 'node:tls';
import type { z } from 'zod';
import type { clientTlsSchema } from '../../config/schema/tls.js';
import type { ApiTls } from './http-api.js';

export type ClientTls = z.output<ReturnType<typeof clientTlsSchema>>;

/** Undefined when there is no block, or it says `enabled: false`. Throws when a file cannot be read. */
export function apiTls(tls: ClientTls | undefined): (() => ApiTls) | undefined {
  if (!tls?.enabled) return undefined;
  const { disableValidation, commonName, trustCertsBundle, trustCerts, clientAuth, protocols } = tls;
  const authorities = trustCertsBundle === undefined ? (trustCerts ?? []) : [trustCertsBundle];
  return () => ({
    rejectUnauthorized: !disableValidation,
    ...(commonName !== undefined && { servername: commonName }),
    ...(authorities.length > 0 && { ca: authorities.map((file) => read(file, 'CA')) }),
    ...(clientAuth && {
      cert: [clientAuth.certPath, clientAuth.intermediateCertsPath]
        .filter((file) => file !== undefined)
        .map((file) => read(file, 'certificate'))
        .join('\n'),
      key: read(clientAuth.keyPath, 'private key'),
    }),
    ...(protocols && protocols.length > 0 && versionsOf(protocols)),
  });
}

function read(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`cannot read the ${what} file ${file}: ${(error as Error).message}`, { cause: error });
  }
}

/** Node takes a range where Linkerd has a list: from the lowest to the highest that it names. */
function versionsOf(protocols: readonly string[]): { minVersion: SecureVersion; maxVersion: SecureVersion } {
  const known = VERSIONS.filter((version) => protocols.includes(version));
  const [first] = known;
  const last = known.at(-1);
  if (first === undefined || last === undefined) {
    throw new Error(`tls protocols ${protocols.join(', ')}: want some of ${VERSIONS.join(', ')}`);
  }
  return { minVersion: first, maxVersion: last };
}

const VERSIONS: readonly SecureVersion[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];
