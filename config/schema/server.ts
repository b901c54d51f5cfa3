// servers: the listeners of an http router.

import { z } from 'zod';
import { isMap } from './config-error.js';
import { checkExposure, exposureKeys } from './exposure.js';
import { count, flag, path, port, text } from './scalars.js';
import { sessionSchema } from './session.js';
import { socketOptionsSchema } from './socket-options.js';
import { serverTlsSchema } from './tls.js';

/** Where callers come from when nothing else is said; also the admin server's default. */
export const LOOPBACK = '127.0.0.1';
export const DEFAULT_HTTP_PORT = 4140;

export function httpServerSchema() {
  return serverKeysSchema().superRefine(checkHttps).superRefine(checkExposure);
}

/** Without what the keys say against each other. */
export function serverKeysSchema() {
  return z.strictObject({
    port: port().default(DEFAULT_HTTP_PORT).describe('Port to listen on; 0 lets the system choose. Default 4140.'),
    ip: text.default(LOOPBACK).describe('Address or host name to listen on. Default: loopback.'),
    label: text.exactOptional().describe("Name of the server. Default: the router's label."),
    tls: serverTlsSchema().exactOptional().describe('Speak TLS to callers.'),
    h2: flag
      .exactOptional()
      .describe(
        'Take HTTP/2 on the same port as HTTP/1.1: by ALPN over TLS, in plain text of callers that speak it from the first ' +
          'byte on ("prior knowledge"). New. Default: true with tls, else false.',
      ),
    ...httpsKeys(),
    ...exposureKeys(),
    proxy: flag
      .default(false)
      .describe(
        'Serve CONNECT: a TCP tunnel to what its host:port is routed to, for applications that set http_proxy. On loopback ' +
          'and private addresses alone. New. Default false: CONNECT is refused.',
      ),
    tunnelIdleMs: count()
      .default(3_600_000)
      .describe(
        'Close a tunnel (WebSocket, CONNECT) after so many milliseconds without a byte either way; 0: never. New. ' +
          'Default 3600000.',
      ),
    maxConcurrentRequests: count(1)
      .exactOptional()
      .describe('Requests served at a time; more are refused at once. Default: unlimited.'),
    maxConnections: count(1)
      .default(20_000)
      .describe(
        'Connections open at a time. For one more the one that has been idle longest is closed; it is refused when none ' +
          'is. New. Default 20000.',
      ),
    announce: z
      .array(path())
      .exactOptional()
      .describe('Paths such as /#/io.l5d.serversets/discovery/web to register at.'),
    timeoutMs: count().exactOptional().describe('Longest time for a request, in milliseconds. Default: unlimited.'),
    serverSession: sessionSchema('600000').exactOptional().describe('How long connections of callers live.'),
    clearContext: flag
      .default(false)
      .describe(
        'Remove l5d-* headers of callers and of responses: needed where callers are not trusted; always done where exposure is ' +
          'external. Default false.',
      ),
    socketOptions: socketOptionsSchema('60000 within a request body', '60000')
      .prefault({})
      .describe('Options of the listening and accepted sockets.'),
    addForwardedHeader: z
      .strictObject({
        by: labelerSchema().default(RANDOM_LABEL).describe('How we are named. Default kind requestRandom.'),
        for: labelerSchema().default(RANDOM_LABEL).describe('How the caller is named. Default kind requestRandom.'),
      })
      .exactOptional()
      .describe('Add a Forwarded header (RFC 7239). Default: none is added.'),
    timestampHeader: text
      .exactOptional()
      .describe('Header to add with the epoch milliseconds of arrival. Default: none.'),
    maxCallDepth: count(1).default(1000).describe('Most proxies in Via that a request may have passed. Default 1000.'),
  });
}

const LEAST_PRELOAD_SECS = 31_536_000;

/** Not run where the value of a key is wrong by itself. */
export function checkHttps(server: unknown, context: z.RefinementCtx): void {
  if (!isMap(server)) return;
  const { tls, hsts, redirectToHttps } = server;
  const refuse = (key: string, message: string): void => {
    context.addIssue({ code: 'custom', path: [key], message });
  };
  if (redirectToHttps !== undefined && tls !== undefined) {
    refuse(
      'redirectToHttps',
      'redirectToHttps on a listener with tls would redirect it to itself: want it on one without',
    );
  }
  if (!isMap(hsts)) return;
  // Browsers ignore it there (RFC 6797 section 8.1), so whoever writes it is mistaken about something.
  if (tls === undefined) refuse('hsts', 'hsts has no effect without tls: set it on the listener that has tls');
  const { preload, includeSubDomains, maxAgeSecs } = hsts;
  if (preload === true && (includeSubDomains !== true || Number(maxAgeSecs) < LEAST_PRELOAD_SECS)) {
    refuse(
      'hsts',
      `preload needs includeSubDomains: true and a maxAgeSecs of at least ${LEAST_PRELOAD_SECS} (hstspreload.org)`,
    );
  }
}

/** Keys about callers that do, or should, speak TLS. */
function httpsKeys() {
  return {
    redirectToHttps: z
      .strictObject({
        port: port().default(443).describe('Port of the https URLs; 443 is left out of them. Default 443.'),
        status: z.literal([301, 302, 307, 308]).default(308).describe('Status of the redirect. Default 308.'),
      })
      .exactOptional()
      .describe('Answer every request with a redirect to the same URL with https. For listeners without tls. New.'),
    hsts: z
      .strictObject({
        maxAgeSecs: count().default(63_072_000).describe('How long to remember it. Default 63072000, two years.'),
        includeSubDomains: flag.default(false).describe('So for all names below the host. Default false.'),
        preload: flag.default(false).describe('Agree to be listed in browsers. Default false.'),
      })
      .exactOptional()
      .describe(
        'Tell browsers to come back over https alone (Strict-Transport-Security, RFC 6797). For listeners with tls. New.',
      ),
  };
}

const RANDOM_LABEL = { kind: 'requestRandom' } as const;

/** Labels of a Forwarded header. */
function labelerSchema() {
  return z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('ip').describe('IP address.') }),
    z.strictObject({ kind: z.literal('ip:port').describe('IP address and port.') }),
    z.strictObject({ kind: z.literal('requestRandom').describe('A random label for each request.') }),
    z.strictObject({ kind: z.literal('connectionRandom').describe('A random label for each connection.') }),
    z.strictObject({ kind: z.literal('router').describe("The router's label.") }),
    z.strictObject({
      kind: z.literal('static').describe('A fixed label.'),
      label: text.describe('The label.'),
    }),
  ]);
}
