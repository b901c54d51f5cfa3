// servers: the listeners of an http router.

import { z } from 'zod';
import { count, flag, path, port, text } from './scalars.js';
import { sessionSchema } from './session.js';
import { socketOptionsSchema } from './socket-options.js';
import { serverTlsSchema } from './tls.js';

/** Where callers come from when nothing else is said; also the admin server's default. */
export const LOOPBACK = '127.0.0.1';
export const DEFAULT_HTTP_PORT = 4140;

export function httpServerSchema() {
  return z.strictObject({
    port: port().default(DEFAULT_HTTP_PORT).describe('Port to listen on; 0 lets the system choose. Default 4140.'),
    ip: text.default(LOOPBACK).describe('Address or host name to listen on. Default: loopback.'),
    label: text.exactOptional().describe("Name of the server. Default: the router's label."),
    tls: serverTlsSchema().exactOptional().describe('Speak TLS to callers.'),
    h2: flag
      .default(false)
      .describe(
        'Take HTTP/2 on the same port as HTTP/1.1, of callers that speak it from the first byte on ("prior knowledge"). ' +
          'New. Default false.',
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
        'Remove l5d-* headers of callers and of responses: needed where callers are not trusted. Default false.',
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
