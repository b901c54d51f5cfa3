// tls of clients: what Linkerd has, identities by URI, and files that are looked at while the configuration is read.

import { z } from 'zod';
import {
  parseCertificates,
  parsePrivateKey,
  readCertificates,
  readKeyPair,
  readPem,
} from '../../src/base/pem-files.js';
import { captureNames } from './captures.js';
import { isMap, type KeyPath } from './config-error.js';
import type { Problem } from './problems.js';
import { text } from './scalars.js';
import { clientTlsSchema } from './tls.js';

export function upstreamTlsSchema() {
  return clientTlsSchema()
    .safeExtend({
      uriSans: z
        .array(text)
        .min(1)
        .exactOptional()
        .describe(
          'URIs, e.g. SPIFFE ids, of which the certificate must have one as alternative name; may use {variables} of the prefix. ' +
            'commonName is not needed then, and is checked as well where it is set. New.',
        ),
    })
    .superRefine(checkUpstreamTls);
}

export type UpstreamTlsKeys = z.output<ReturnType<typeof clientTlsSchema>> & { readonly uriSans?: readonly string[] };

/** Versions that are spoken, lowest first. */
export const TLS_VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
/** Broken, and not spoken although a configuration from before may list them. */
export const BROKEN_TLS_VERSIONS: readonly string[] = ['SSLv2Hello', 'SSLv2', 'SSLv3', 'TLSv1', 'TLSv1.0', 'TLSv1.1'];

/** Not run where the value of a key is wrong by itself. */
function checkUpstreamTls(tls: UpstreamTlsKeys, context: z.RefinementCtx): void {
  if (!tls.enabled) return;
  const attempt = (path: KeyPath, read: () => unknown): boolean => {
    try {
      read();
      return true;
    } catch (error) {
      context.addIssue({ code: 'custom', path: [...path], message: (error as Error).message });
      return false;
    }
  };
  const { trustCertsBundle, trustCerts, clientAuth, protocols, uriSans, disableValidation } = tls;
  if (trustCertsBundle !== undefined) {
    attempt(['trustCertsBundle'], () => readCertificates(trustCertsBundle, 'CA certificates'));
  }
  trustCerts?.forEach((path, i) => {
    attempt(['trustCerts', i], () => readCertificates(path, 'CA certificate'));
  });
  if (clientAuth) {
    const { certPath, keyPath, intermediateCertsPath: between } = clientAuth;
    const isGood = [
      attempt(['clientAuth', 'certPath'], () => parseCertificates(readPem(certPath, 'certificate'), certPath)),
      attempt(['clientAuth', 'keyPath'], () => parsePrivateKey(readPem(keyPath, 'private key'), keyPath)),
      between === undefined ||
        attempt(['clientAuth', 'intermediateCertsPath'], () => readCertificates(between, 'intermediate certificates')),
    ].every((good) => good);
    if (isGood) attempt(['clientAuth', 'keyPath'], () => readKeyPair(clientAuth));
  }
  if (protocols) attempt(['protocols'], () => checkVersions(protocols));
  if (uriSans && disableValidation) {
    context.addIssue({
      code: 'custom',
      path: ['uriSans'],
      message: 'uriSans says whom to trust and disableValidation: true trusts anyone: want one of them',
    });
  }
}

function checkVersions(protocols: readonly string[]): void {
  const known: readonly string[] = TLS_VERSIONS;
  const unknown = protocols.find((one) => !known.includes(one) && !BROKEN_TLS_VERSIONS.includes(one));
  if (unknown !== undefined) throw new Error(`unknown TLS version "${unknown}" (known: ${known.join(', ')})`);
  if (!protocols.some((one) => known.includes(one))) {
    throw new Error(`${protocols.join(', ')}: want at least one of ${known.join(', ')}, as older versions are broken`);
  }
}

/** What `commonName` and `uriSans` name in braces has to be captured by the prefix beside them. */
export function checkCaptures(client: unknown, path: KeyPath): Problem[] {
  if (!isMap(client)) return [];
  const problems = checkEntry(client, path);
  if (!Array.isArray(client.configs)) return problems;
  return [...problems, ...client.configs.flatMap((entry, i) => checkEntry(entry, [...path, 'configs', i]))];
}

function checkEntry(entry: unknown, path: KeyPath): Problem[] {
  if (!isMap(entry) || !isMap(entry.tls)) return [];
  const { prefix, tls } = entry;
  const known = typeof prefix === 'string' ? captureNames(prefix) : [];
  const uriSans = Array.isArray(tls.uriSans) ? tls.uriSans : [];
  const texts: (readonly [KeyPath, unknown])[] = [
    [['commonName'], tls.commonName],
    ...uriSans.map((uri, i) => [['uriSans', i], uri] as const),
  ];
  return texts.flatMap(([key, value]) => {
    if (typeof value !== 'string') return [];
    return captureNames(value)
      .filter((name) => !known.includes(name))
      .map((name) => {
        const wanted = known.length === 0 ? 'it captures nothing' : `it captures ${known.join(', ')}`;
        const message = `{${name}} is captured by no element of the prefix${typeof prefix === 'string' ? ` "${prefix}": ${wanted}` : ': there is none'}`;
        return { path: [...path, 'tls', ...key], at: 'value' as const, message };
      });
  });
}
