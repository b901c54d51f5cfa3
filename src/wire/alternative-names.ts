// Alternative names: a certificate in, the DNS names and URIs in its subjectAltName out, in the order of the certificate.

import type { X509Certificate } from 'node:crypto';

export interface AlternativeNames {
  readonly dns: readonly string[];
  readonly uris: readonly string[];
}

/**
 * Node shows the extension as `DNS:a, URI:"b, c"`: a name that could be taken for several is a JSON string. Anything that does
 * not read like that is not read at all, since names decide whom to trust.
 */
export function alternativeNames({ subjectAltName }: Pick<X509Certificate, 'subjectAltName'>): AlternativeNames {
  const dns: string[] = [];
  const uris: string[] = [];
  const text = subjectAltName ?? '';
  const entry = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;
  while (entry.lastIndex < text.length) {
    const match = entry.exec(text);
    if (!match) return { dns: [], uris: [] };
    const [, type, shown = ''] = match;
    const value = shown.startsWith('"') ? (JSON.parse(shown) as string) : shown;
    if (type === 'DNS') dns.push(value);
    else if (type === 'URI') uris.push(value);
  }
  return { dns, uris };
}
