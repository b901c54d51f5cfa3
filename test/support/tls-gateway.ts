// A gateway whose listener speaks TLS, in front of one upstream of HTTP/1.1 in plain text.

import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { TestGateway } from './gateway.js';
import { ManualClock } from './manual-clock.js';
import { RawClient, type RawResponse } from './raw-client.js';
import { Scene } from './scene.js';
import type { TestCertificate, TestCertificates } from './test-certificates.js';
import { echo, type Upstream, type UpstreamHandler } from './upstream.js';

export interface TlsGatewayKeys {
  /** Of the listener's certificate. Default: `tls` says all. */
  readonly certificate?: TestCertificate;
  /** Keys of `tls`. */
  readonly tls?: string;
  /** Keys of the server. */
  readonly server?: string;
  /** Lines of the router. */
  readonly router?: string;
  readonly handler?: UpstreamHandler;
  /** Time stands still but for what the test says. */
  readonly manual?: boolean;
}

export interface TlsGatewayScene {
  readonly scene: Scene;
  readonly clock: ManualClock;
  readonly upstream: Upstream;
  readonly gateway: TestGateway;
  /** The configuration, with other keys of `tls`. */
  config(tls: string): string;
  /** A metric of the listener. */
  server(...name: string[]): number;
  /** A connection that trusts the CA of the tests and is to `web`, unless `options` say otherwise. */
  client(options?: ConnectionOptions): Promise<RawClient>;
  /** One request on one. */
  ask(request: string, options?: ConnectionOptions): Promise<RawResponse>;
  /** A TLS connection whose handshake may fail: the error then. */
  handshake(options?: ConnectionOptions): Promise<TLSSocket | Error>;
}

export async function startTlsGateway(
  t: TestContext,
  certificates: TestCertificates,
  keys: TlsGatewayKeys = {},
): Promise<TlsGatewayScene> {
  const scene = new Scene(t);
  const clock = new ManualClock();
  const upstream = await scene.upstream(keys.handler ?? echo);
  const { certificate } = keys;
  const own = certificate ? `certPath: ${certificate.certPath}, keyPath: ${certificate.keyPath}` : '';
  const config = (tls: string): string => `
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${upstream.port}
  servers: [{port: 0, tls: {${[own, tls].filter((part) => part !== '').join(', ')}}${keys.server ? `, ${keys.server}` : ''}}]
${keys.router ?? ''}`;
  const gateway = await scene.gateway(config(keys.tls ?? ''), keys.manual ? { clock } : {});
  const ca = await certificates.caText();
  const trusting = (options: ConnectionOptions): ConnectionOptions => ({ ca, servername: 'web', ...options });
  const client = async (options: ConnectionOptions = {}): Promise<RawClient> => {
    const made = await RawClient.connect({ port: gateway.port, tls: trusting(options) });
    t.after(() => made.close());
    return made;
  };
  return {
    scene,
    clock,
    upstream,
    gateway,
    config,
    server: (...name) => gateway.metric('rt', 'http', 'server', '127.0.0.1/0', ...name),
    client,
    ask: async (request, options) => {
      const made = await client(options);
      await made.send(request);
      const response = await made.readResponse();
      made.close();
      return response;
    },
    handshake: (options = {}) =>
      new Promise((resolve) => {
        const socket = connect({ port: gateway.port, host: '127.0.0.1', ...trusting(options) });
        t.after(() => socket.destroy());
        // In TLS 1.3 a server refuses after the caller's side is done, so what comes next decides.
        socket.on('error', (error) => resolve(error));
        socket.on('close', () => resolve(new Error('closed')));
        socket.once('session', () => resolve(socket));
        socket.once('data', () => resolve(socket));
      }),
  };
}

/** What a caller shows. */
export function shown({ certPath, keyPath }: TestCertificate): ConnectionOptions {
  return { cert: readFileSync(certPath), key: readFileSync(keyPath) };
}
