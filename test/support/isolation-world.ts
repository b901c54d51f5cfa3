// Isolation world: one gateway whose one dtab has services for callers inside and for callers outside; who was reached, out.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { Path } from '../../src/base/path.js';
import { captureLog } from './captured-log.js';
import { FakeRouteSource, kindsWithRoutes } from './fake-route-source.js';
import type { TestGateway } from './gateway.js';
import type { HostileTargets } from './hostile-hosts.js';
import type { PublishedWorld } from './hostile-oracle.js';
import { CASE_FIELD } from './hostile-requests.js';
import { Scene } from './scene.js';
import type { TestCertificates } from './test-certificates.js';

/** Inside, by host. `shop.example.com` is one of both: who asks decides which. */
const INTERNAL = {
  'admin.internal': 'admin',
  'shop.example.com': 'inner-shop',
  'billing.example.com': 'billing',
  'intra.example.net': 'intra',
  'hidden.example.com': 'hidden',
} as const;

/** Outside, by published host. */
const EXTERNAL = new Map([
  ['shop.example.com', 'shop'],
  ['*.api.example.com', 'api'],
  ['routed.example.net', 'routed'],
]);

/** What a request looked like where it got. */
export interface Reached {
  readonly backend: string;
  readonly head: string;
}

export interface IsolationWorld {
  readonly gateway: TestGateway;
  readonly ports: { readonly internal: number; readonly external: number; readonly tls: number };
  readonly targets: HostileTargets;
  readonly published: PublishedWorld;
  /** Names to send in handshakes. */
  readonly serverNames: readonly string[];
  /** Requests that reached a backend, by the number in their CASE_FIELD; by NaN where that is no number. */
  readonly reached: Map<number, Reached[]>;
  /** Backends that callers inside reach, by host. */
  readonly internal: Readonly<Record<string, string>>;
}

export async function startIsolationWorld(t: TestContext, certificates: TestCertificates): Promise<IsolationWorld> {
  // Which hosts are exposed is told of, at each start.
  captureLog(t);
  const reached = new Map<number, Reached[]>();
  const backends = new Map<string, Server>();
  for (const name of [...Object.values(INTERNAL), ...EXTERNAL.values(), 'inside']) {
    backends.set(name, await startBackend(t, name, reached));
  }
  const at = (name: string): string => `/$/inet/127.0.0.1/${portOf(backends.get(name) as Server)}`;
  const source = new FakeRouteSource();
  source.use([
    { host: 'routed.example.net', name: new Path(['routes', 'web']), exposure: 'external' },
    { host: 'intra.example.net', name: new Path(['routes', 'intra']), exposure: 'internal' },
  ]);
  const files = await certificates.issue('shop', { altNames: 'DNS:shop.example.com,DNS:*.api.example.com' });
  const orphan = await certificates.issue('orphan.example.com');
  const routed = await certificates.issue('routed.example.net');
  source.certificates.value = [
    {
      hosts: ['routed.example.net', 'intra.example.net'],
      chain: readFileSync(routed.certPath, 'utf8'),
      key: readFileSync(routed.keyPath, 'utf8'),
      validTo: Date.UTC(2049, 0),
      origin: 'route',
    },
  ];
  const externalKeys = `exposure: external, externalHosts: [shop.example.com, "*.api.example.com", orphan.example.com]`;
  const pairOf = (pair: typeof files): string => `certPath: ${pair.certPath}, keyPath: ${pair.keyPath}`;
  const gateway = await new Scene(t).gateway(
    `
admin: {port: 0}
routers:
- protocol: http
  identifier: [{kind: test.routes}, {kind: io.l5d.header.token}]
  dtab: |
    /inside/* => ${at('inside')} ;
    /svc => /inside ;
    /svc/admin.internal => ${at('admin')} ;
    /svc/shop.example.com => ${at('inner-shop')} ;
    /svc/billing.example.com => ${at('billing')} ;
    /svc/routes/intra => ${at('intra')} ;
    /svc/hidden.example.com => ${at('hidden')} ;
    /svc/orphan.example.com => ${at('inside')} ;
    /ext/shop.example.com => ${at('shop')} ;
    /ext/v1.api.example.com => ${at('api')} ;
    /ext/v2.api.example.com => ${at('api')} ;
    /ext/routes/web => ${at('routed')} ;
    /ext/routes/intra => ${at('intra')} ;
    /ext/hidden.example.com => ${at('hidden')} ;
  servers:
  - {port: 0}
  - {port: 0, h2: true, ${externalKeys}}
  - {port: 0, ${externalKeys}, tls: {fromRoutes: true, ${pairOf(files)}, certificates: [{${pairOf(orphan)}}]}}`,
    { kinds: kindsWithRoutes(source) },
  );
  const [internal = 0, external = 0, tls = 0] = gateway.ports;
  return {
    gateway,
    ports: { internal, external, tls },
    targets: {
      published: ['shop.example.com', 'v1.api.example.com', 'v2.api.example.com', 'routed.example.net'],
      internal: [
        'admin.internal',
        'billing.example.com',
        'intra.example.net',
        'hidden.example.com',
        'orphan.example.com',
      ],
      unknown: ['unknown.example.com', 'v3.api.example.com', 'api.example.com', 'localhost'],
      addresses: [...Object.values(INTERNAL), 'shop'].map(
        (name) => `127.0.0.1:${portOf(backends.get(name) as Server)}`,
      ),
    },
    published: {
      backends: new Map([
        ['shop.example.com', 'shop'],
        ['v1.api.example.com', 'api'],
        ['v2.api.example.com', 'api'],
        ['routed.example.net', 'routed'],
      ]),
      certificates: new Map([
        ['orphan.example.com', 'orphan'],
        ['routed.example.net', 'routed'],
        ['intra.example.net', 'routed'],
      ]),
    },
    serverNames: [
      'shop.example.com',
      'v1.api.example.com',
      'routed.example.net',
      'ROUTED.example.net',
      'orphan.example.com',
      'admin.internal',
      'unknown.example.com',
    ],
    reached,
    internal: INTERNAL,
  };
}

/** Says in each answer who it is, and whom it answers; and what callers outside must not hear. */
async function startBackend(t: TestContext, name: string, reached: Map<number, Reached[]>): Promise<Server> {
  const server = createServer((request, response) => {
    const id = Number(request.headers[CASE_FIELD]);
    const all = reached.get(id) ?? [];
    all.push({ backend: name, head: headOf(request) });
    reached.set(id, all);
    request.resume();
    request.on('end', () => answer(name, String(id), response));
  });
  server.on('clientError', (error, socket) => {
    reached.set(Number.NaN, [{ backend: name, head: `malformed: ${error.message}` }]);
    socket.destroy();
  });
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return server;
}

export const SERVED_BY = 'x-served-by';

function answer(name: string, id: string, response: ServerResponse): void {
  response.setHeader(SERVED_BY, `${name} ${id}`);
  response.setHeader('l5d-dst-client', '/#/secret');
  response.setHeader('L5d-Err', 'secret');
  response.sendDate = false;
  response.end(name);
}

function headOf({ method, url, rawHeaders }: IncomingMessage): string {
  const lines: string[] = [`${method} ${url}`];
  for (let i = 0; i < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  return lines.join('\n');
}

function portOf(server: Server): number {
  const address = server.address() as AddressInfo | null;
  assert.ok(address, 'the backend listens');
  return address.port;
}
