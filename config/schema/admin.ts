// admin: the listener for metrics, state and control.

import { z } from 'zod';
import { count, flag, port, text, textThat } from './scalars.js';
import { LOOPBACK } from './server.js';
import { socketOptionsSchema } from './socket-options.js';
import { serverTlsSchema } from './tls.js';

export function adminSchema() {
  return z.strictObject({
    ip: text.default(LOOPBACK).describe('Address or host name to listen on. Default: loopback.'),
    port: port().default(9990).describe('Port to listen on; 0 lets the system choose. Default 9990.'),
    socketOptions: socketOptionsSchema().prefault({}).describe('Options of the listening and accepted sockets.'),
    shutdownGraceMs: count()
      .default(10_000)
      .describe('Milliseconds that running requests are given at shutdown. Default 10000.'),
    tls: serverTlsSchema().exactOptional().describe('Speak TLS to callers.'),
    httpIdentifierPort: port()
      .exactOptional()
      .describe('Port of a server that tells how it would name a request. Default: none.'),
    workerThreads: count(1).default(2).describe('Threads of the admin server. Accepted, without effect. Default 2.'),
    security: z
      .strictObject({
        uiEnabled: flag.default(true).describe('Serve the dashboard and what it needs. Default true.'),
        controlEnabled: flag.default(true).describe('Serve /admin/shutdown and /logging.json. Default true.'),
        diagnosticsEnabled: flag.default(true).describe('Serve everything else. Default true.'),
        pathWhitelist: z
          .array(pathPattern())
          .default([])
          .describe('Regular expressions of paths to serve although their category is off.'),
        pathBlacklist: z.array(pathPattern()).default([]).describe('Regular expressions of paths never to serve.'),
      })
      .prefault({})
      .describe('Which paths are served. Default: all.'),
  });
}

/** The text of an expression that must match a whole path. */
function pathPattern() {
  return textThat('a regular expression', isPattern);
}

/** In Unicode mode, where JavaScript refuses what it does not know of Java's syntax; else it reads it as letters. */
function isPattern(expression: string): boolean {
  try {
    new RegExp(expression, 'u');
    return true;
  } catch {
    return false;
  }
}
