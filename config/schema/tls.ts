// tls: the TLS objects of listeners (server) and of connections to upstreams (client).

import { z } from 'zod';
import { isMap } from './config-error.js';
import { count, flag, text } from './scalars.js';

export function serverTlsSchema() {
  return z
    .strictObject({
      certPath: text
        .exactOptional()
        .describe('PEM file with the certificate. Needed where neither `certificates` nor `fromRoutes` is given.'),
      keyPath: text.exactOptional().describe('PEM file with its private key.'),
      intermediateCertsPath: text.exactOptional().describe(INTERMEDIATE),
      certificates: z
        .array(
          z.strictObject({
            certPath: text.describe('PEM file with the certificate.'),
            keyPath: text.describe('PEM file with its private key.'),
            intermediateCertsPath: text.exactOptional().describe(INTERMEDIATE),
            hosts: z
              .array(text)
              .min(1)
              .exactOptional()
              .describe(
                'Names to show it for, e.g. [shop.example.com, "*.example.com"]. Default: those that are in it.',
              ),
          }),
        )
        .min(1)
        .exactOptional()
        .describe(
          'More certificates, chosen by the name that a caller asks for (SNI). One that asks for none of their names gets the ' +
            'certificate of certPath, or else the first of these. New.',
        ),
      fromRoutes: flag
        .default(false)
        .describe(
          'Also show the certificates that come with the routes of an identifier (spec.tls of Ingresses), chosen by SNI; those of ' +
            'files come first. Without any file a caller who asks for another name gets a self-signed one. New. Default false.',
        ),
      caCertPath: text.exactOptional().describe('PEM file with the CAs that client certificates are checked against.'),
      ciphers: z
        .array(text)
        .min(1)
        .exactOptional()
        .describe(
          'Cipher suites to offer, best first, by their names of OpenSSL or the IANA; weak ones are left out. Default: those of ' +
            "Mozilla's intermediate profile.",
        ),
      requireClientAuth: flag.default(false).describe('Refuse callers without a valid certificate. Default false.'),
      requestClientAuth: flag
        .default(false)
        .describe(
          'Ask callers for a certificate, refuse one that is not valid, and serve those without. New. Default false.',
        ),
      protocols: z
        .array(text)
        .min(1)
        .exactOptional()
        .describe('TLS versions to speak, of TLSv1.2 and TLSv1.3; older ones are left out. Default: both.'),
      handshakeTimeoutMs: count(1)
        .default(10_000)
        .describe('Longest time for a handshake, in milliseconds. New. Default 10000.'),
    })
    .superRefine(checkServerTls);
}

const INTERMEDIATE = 'PEM file with the certificates between ours and the root.';

/** Not run where the value of a key is wrong by itself. */
function checkServerTls(tls: unknown, context: z.RefinementCtx): void {
  if (!isMap(tls)) return;
  const refuse = (key: string, message: string): void => {
    context.addIssue({ code: 'custom', path: [key], message });
  };
  const pair = ['certPath', 'keyPath'].filter((key) => tls[key] === undefined);
  const hasOthers = tls.certificates !== undefined || tls.fromRoutes === true;
  const isNeeded = !hasOthers || pair.length === 1 || tls.intermediateCertsPath !== undefined;
  if (isNeeded) for (const key of pair) refuse(key, 'want a text');
  const asks = ['requireClientAuth', 'requestClientAuth'].filter((key) => tls[key] === true);
  if (tls.caCertPath === undefined) {
    for (const key of asks) refuse(key, `${key} needs the CAs that callers are checked against: set caCertPath`);
  }
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
  if (tls.disableValidation !== true && tls.commonName === undefined && tls.uriSans === undefined) {
    refuse('commonName', 'tls is configured with validation but `commonName` is not set');
  }
  if (tls.trustCerts !== undefined && tls.trustCertsBundle !== undefined) {
    refuse('trustCerts', 'Both trustCerts and trustCertsBundle have been set. Please use only trustCertsBundle.');
  }
  if (tls.disableValidation === true && tls.clientAuth !== undefined) {
    refuse('clientAuth', 'requirement failed: disableValidation: true is incompatible with clientAuth');
  }
}
