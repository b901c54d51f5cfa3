// The admin port: sockets in, requests handed to dispatch.ts, answers out. On node:http, because nothing here is fast.
//
// It has no passwords, and may be reached by whatever shares the machine: so everything that a caller can send or leave
// unsent has a limit, and nothing that a caller sends can throw.

import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions as TlsServerOptions } from 'node:https';
import { type AddressInfo, isIPv6 } from 'node:net';
import type { Clock } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import { makeLogger } from '../base/log.js';
import { type AdminDispatch, internalError, makeAdminDispatch } from './dispatch.js';
import type { AdminSource } from './handler.js';
import { readBody, refuseBody, writeAnswer } from './http-io.js';
import type { AdminSecurity } from './security.js';

export interface AdminServerOptions {
  /** Address to listen on. */
  readonly ip: string;
  /** 0 lets the system choose one. */
  readonly port: number;
  readonly security: AdminSecurity;
  readonly source: AdminSource;
  readonly clock: Clock;
  /** Serves TLS with these. */
  readonly tls?: TlsServerOptions;
  readonly limits?: Partial<AdminLimits>;
}

export interface AdminLimits {
  /** For the request head to arrive. Checked once a second. */
  readonly headersTimeoutMs: number;
  /** For the request to arrive whole. */
  readonly requestTimeoutMs: number;
  /** Between two requests of a connection. */
  readonly keepAliveTimeoutMs: number;
  /** For a connection on which nothing moves, e.g. an answer that the caller does not read. */
  readonly idleTimeoutMs: number;
  readonly maxHeaderBytes: number;
  readonly maxBodyBytes: number;
  /** Further ones are closed at once. */
  readonly maxConnections: number;
  /** For answers that are on their way when the server is closed. */
  readonly closeGraceMs: number;
}

const log = makeLogger('admin');

const DEFAULT_LIMITS: AdminLimits = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  // Longer than scrape intervals usually are.
  keepAliveTimeoutMs: 65_000,
  idleTimeoutMs: 30_000,
  maxHeaderBytes: 16 * 1024,
  maxBodyBytes: 1024 * 1024,
  maxConnections: 256,
  closeGraceMs: 1000,
};

export interface AdminServer extends Closable {
  /** Binds the port. Rejects with an Error that says what to do when it cannot. Call it once. */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /** From the next request on `security` says which pages are served. */
  secure(security: AdminSecurity): void;
  /** Stops listening; answers on their way get a second. */
  close(): Promise<void>;
}

export function makeAdminServer(options: AdminServerOptions): AdminServer {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const makeDispatch = (security: AdminSecurity): AdminDispatch =>
    makeAdminDispatch(options.source, security, options.clock);
  let dispatch = makeDispatch(options.security);
  const server = makeNodeServer(options, limits, (request, response) => {
    serve(request, response, dispatch, limits.maxBodyBytes).catch((error: unknown) => {
      internalError(request.url ?? '', error);
      response.destroy();
    });
  });
  let closed: Promise<void> | undefined;
  return {
    listen: () => listen(server, options.ip, options.port),
    secure: (security) => {
      dispatch = makeDispatch(security);
    },
    close: () => {
      closed ??= close(server, options.clock, limits.closeGraceMs);
      return closed;
    },
  };
}

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

function makeNodeServer({ tls }: AdminServerOptions, limits: AdminLimits, listener: Listener): Server {
  const options: ServerOptions = {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: 1000,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    maxHeaderSize: limits.maxHeaderBytes,
    insecureHTTPParser: false,
  };
  const server = tls
    ? createTlsServer({ handshakeTimeout: limits.headersTimeoutMs, ...tls, ...options }, listener)
    : createServer(options, listener);
  server.timeout = limits.idleTimeoutMs;
  server.maxConnections = limits.maxConnections;
  return server;
}

function listen(server: Server, ip: string, port: number): Promise<{ readonly host: string; readonly port: number }> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      const where = isIPv6(ip) ? `[${ip}]:${port}` : `${ip}:${port}`;
      const hint = error.code === 'EADDRINUSE' ? '; another process has that port: stop it, or set admin.port' : '';
      reject(
        new Error(`Cannot listen on ${where} for admin (${error.code ?? error.message})${hint}`, { cause: error }),
      );
    };
    server.once('error', failed);
    server.listen({ host: ip, port }, () => {
      server.off('error', failed);
      // E.g. no file descriptor for one more connection: without a listener this would end the process.
      server.on('error', (error) => log.error(`admin server: ${error.message}`));
      const { address, port: boundPort } = server.address() as AddressInfo;
      resolve({ host: address, port: boundPort });
    });
  });
}

async function close(server: Server, clock: Clock, graceMs: number): Promise<void> {
  if (!server.listening) return;
  const ended = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  const timer = clock.after(graceMs, () => server.closeAllConnections());
  await ended;
  timer.cancel();
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  dispatch: AdminDispatch,
  maxBodyBytes: number,
): Promise<void> {
  const { path, query } = splitTarget(request.url ?? '/');
  const body = await readBody(request, maxBodyBytes);
  if (body === 'caller gone') return;
  if (body === 'too large') return refuseBody(request, response, maxBodyBytes);
  const answer = await dispatch({
    method: request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET'),
    path,
    query,
    headers: request.headers,
    body: body.toString('utf8'),
    localAddress: request.socket.localAddress ?? '',
    secure: 'encrypted' in request.socket,
  });
  await writeAnswer(response, answer, path);
}

/** Origin-form, or the absolute form that a proxy would get. */
function splitTarget(target: string): { readonly path: string; readonly query: URLSearchParams } {
  const local = target.replace(/^https?:\/\/[^/?]*/i, '');
  const mark = local.indexOf('?');
  const path = mark < 0 ? local : local.slice(0, mark);
  return { path: path === '' ? '/' : path, query: new URLSearchParams(mark < 0 ? '' : local.slice(mark + 1)) };
}
