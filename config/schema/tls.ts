// tls: the TLS objects of listeners (server) and of connections to upstreams (client).

import { z } from 'zod';
import { isMap } from './config-error.js';
import { flag, text } from './scalars.js';

export function serverTlsSchema() {
  return z.strictObject({
    certPath: text.describe('PEM file with the certificate.'),
    keyPath: text.describe('PEM file with the private key, as PKCS#8.'),
    intermediateCertsPath: text.exactOptional().describe('PEM file with the certificates between ours and the root.'),
    caCertPath: text.exactOptional().describe('PEM file with the CA that client certificates are checked against.'),
    ciphers: z
      .array(text)
      .exactOptional()
      .describe('Cipher suites to offer, best first. Default: those of the engine.'),
    requireClientAuth: flag.default(false).describe('Refuse callers without a valid certificate. Default false.'),
    protocols: z.array(text).exactOptional().describe('TLS versions, e.g. [TLSv1.2]. Default: those of the engine.'),
  });
}

export function clientTlsSchema() {
  return z
    .strictObject({
      enabled: flag
        .default(true)
        .describe('False turns TLS off, also where an earlier entry turned it on. Default true.'),
      disableValidation: flag.default(false).describe('Trust any certificate. Default false.'),
      commonName: text
        .exactOptional()
        .describe('Name that is sent as SNI and verified; may use {variables} of the prefix. Needed to validate.'),
      trustCertsBundle: text.exactOptional().describe('PEM file with the CAs to trust. Default: those of the system.'),
      trustCerts: z.array(text).exactOptional().describe('PEM files with a CA each. Deprecated: use trustCertsBundle.'),
      clientAuth: z
        .strictObject({
          certPath: text.describe('PEM file with our certificate.'),
          keyPath: text.describe('PEM file with our private key, as PKCS#8.'),
          intermediateCertsPath: text
            .exactOptional()
            .describe('PEM file with the certificates between ours and the root.'),
        })
        .exactOptional()
        .describe('The certificate to show to the upstream.'),
      protocols: z.array(text).exactOptional().describe('TLS versions, e.g. [TLSv1.2]. Default: those of the engine.'),
    })
    .superRefine(checkClientTls);
}

/** Not run where the value of a key is wrong by itself. */
function checkClientTls(tls: unknown, context: z.RefinementCtx): void {
  if (!isMap(tls) || tls.enabled === false) return;
  const refuse = (key: string, message: string): void => {
    context.addIssue({ code: 'custom', path: [key], message });
  };
  if (tls.disableValidation !== true && tls.commonName === undefined) {
    refuse('commonName', 'tls is configured with validation but `commonName` is not set');
  }
  if (tls.trustCerts !== undefined && tls.trustCertsBundle !== undefined) {
    refuse('trustCerts', 'Both trustCerts and trustCertsBundle have been set. Please use only trustCertsBundle.');
  }
  if (tls.disableValidation === true && tls.clientAuth !== undefined) {
    refuse('clientAuth', 'requirement failed: disableValidation: true is incompatible with clientAuth');
  }
}
