// Peers: every proxy that is measured, each set up for the same work: one core, upstream connections kept alive, no logs.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ask, type Certificate, type Front, makeCertificate } from './front.js';
import { benchPackageVersion, GATEWAY, hasProgram, PEER_SCRIPTS, programVersion, ROOT } from './machine.js';
import { nginxConfig } from './nginx.js';
import { freePort, Program } from './process.js';
import { LARGE_BYTES, LARGE_PATH, SMALL_BYTES, SMALL_PATH } from './upstream.js';

export interface Peer {
  readonly name: string;
  /** What else than HTTP/1.1 in plain text it is set up to take. */
  readonly fronts?: readonly Front[];
  /** Why it cannot run here, or undefined. */
  missing(): string | undefined;
  version(): string;
  /** Writes its configuration into `place.folder`; the command line that starts it. */
  setUp(place: Place): { readonly command: readonly string[]; readonly env?: Readonly<Record<string, string>> };
}

export interface Place {
  readonly folder: string;
  readonly port: number;
  readonly adminPort: number;
  readonly upstreamPort: number;
  readonly front: Front;
  /** Of the front `tls`, and of no other. */
  readonly certificate: Certificate | undefined;
}

export interface RunningPeer {
  readonly name: string;
  readonly version: string;
  readonly port: number;
  readonly front: Front;
  readonly program: Program;
}

const linkgate: Peer = {
  name: 'linkgate',
  fronts: ['h2c', 'tls'],
  missing: () => (existsSync(GATEWAY) ? undefined : 'not built (npm run build)'),
  version: () => (createRequire(import.meta.url)(join(ROOT, 'package.json')) as { version: string }).version,
  setUp: (place) => {
    const { folder, upstreamPort } = place;
    mkdirSync(join(folder, 'disco'), { recursive: true });
    writeFileSync(join(folder, 'disco/upstream'), `127.0.0.1 ${upstreamPort}\n`);
    return withConfig(folder, 'linkerd.yaml', [process.execPath, GATEWAY], linkerdYaml(place));
  },
};

const nginx: Peer = {
  name: 'nginx',
  fronts: ['h2c', 'tls'],
  missing: () => (hasProgram('nginx') ? undefined : 'no program of that name'),
  version: () => programVersion('nginx', '-v'),
  setUp: (place) => {
    const { folder } = place;
    const config = nginxConfig(folder, 'proxy', nginxBlocks(place));
    return withConfig(folder, 'proxy.conf', ['nginx', '-p', folder, '-c'], config);
  },
};

const haproxy: Peer = {
  name: 'haproxy',
  fronts: ['h2c', 'tls'],
  missing: () => (hasProgram('haproxy') ? undefined : 'no program of that name'),
  version: () => programVersion('haproxy', '-v'),
  setUp: (place) => withConfig(place.folder, 'haproxy.cfg', ['haproxy', '-db', '-f'], haproxyConfig(place)),
};

const caddy: Peer = {
  name: 'caddy',
  missing: () => (hasProgram('caddy') ? undefined : 'no program of that name'),
  version: () => programVersion('caddy', 'version'),
  setUp: ({ folder, port, upstreamPort }) => ({
    ...withConfig(
      folder,
      'Caddyfile',
      ['caddy', 'run', '--adapter', 'caddyfile', '--config'],
      caddyfile(port, upstreamPort),
    ),
    env: { GOMAXPROCS: '1', HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
  }),
};

export const PEERS: readonly Peer[] = [
  linkgate,
  nginx,
  haproxy,
  caddy,
  npmPeer('http-proxy', 'http-proxy'),
  npmPeer('fastify-http-proxy', '@fastify/http-proxy'),
  npmPeer('undici', 'undici'),
];

/** Why the peer takes no part where the load speaks this, or undefined. */
export function whyNot({ fronts = [], missing }: Peer, front: Front): string | undefined {
  return front === 'http1' || fronts.includes(front) ? missing() : `not set up for a front of ${front}`;
}

/** Starts the peer and checks that both bodies come through whole. Rejects with why not. */
export async function startPeer(
  peer: Peer,
  folder: string,
  upstreamPort: number,
  pin: readonly string[],
  front: Front = 'http1',
): Promise<RunningPeer> {
  const own = join(folder, peer.name);
  mkdirSync(own, { recursive: true });
  const certificate = front === 'tls' ? makeCertificate(own) : undefined;
  const ports = { port: await freePort(), adminPort: await freePort(), upstreamPort };
  const place = { folder: own, ...ports, front, certificate };
  const { command, env } = peer.setUp(place);
  const program = await Program.start({
    command: [...pin, ...command],
    ...(env ? { env } : {}),
    folder: place.folder,
    name: peer.name,
    isReady: async () => (await ask(front, place.port, SMALL_PATH))?.body.length === SMALL_BYTES,
  });
  const large = await ask(front, place.port, LARGE_PATH);
  if (large?.status !== 200 || large.body.length !== LARGE_BYTES) {
    await program.stop();
    throw new Error(
      `answered ${large?.status} with ${large?.body.length} bytes for ${LARGE_PATH}, want ${LARGE_BYTES}`,
    );
  }
  return { name: peer.name, version: peer.version(), port: place.port, front, program };
}

/** A script of bench/proxy/peers that proxies with this package. */
function npmPeer(name: string, packageName: string): Peer {
  return {
    name,
    missing: () => (benchPackageVersion(packageName) ? undefined : `${packageName} is not in bench/node_modules`),
    version: () => benchPackageVersion(packageName) ?? '',
    setUp: ({ port, upstreamPort }) => ({
      command: [process.execPath, join(PEER_SCRIPTS, `${name}.mjs`), `${port}`, `${upstreamPort}`],
    }),
  };
}

/** Writes the configuration and names it as the last argument. */
function withConfig(folder: string, file: string, command: readonly string[], text: string): { command: string[] } {
  writeFileSync(join(folder, file), text);
  return { command: [...command, join(folder, file)] };
}

/** Every host name is a service of its own for the router, all at the one upstream. */
function linkerdYaml({ port, adminPort, front, certificate }: Place): string {
  const tls = certificate ? `, tls: {certPath: ${certificate.certPath}, keyPath: ${certificate.keyPath}}` : '';
  const h2 = front === 'h2c' ? ', h2: true' : '';
  return `admin: {ip: 127.0.0.1, port: ${adminPort}}
namers:
- kind: io.l5d.fs
  rootDir: disco
routers:
- protocol: http
  identifier: {kind: io.l5d.header.token}
  dtab: /svc => /#/io.l5d.fs/upstream
  servers: [{ip: 127.0.0.1, port: ${port}${h2}${tls}}]
`;
}

function nginxBlocks({ port, upstreamPort, front, certificate }: Place): string {
  const protocol = { http1: '', h2c: 'http2', tls: 'ssl http2' }[front];
  const tls = certificate ? `ssl_certificate ${certificate.certPath}; ssl_certificate_key ${certificate.keyPath};` : '';
  return `
    upstream out { server 127.0.0.1:${upstreamPort}; keepalive 64; keepalive_requests 1000000000; }
    server {
      listen 127.0.0.1:${port} ${protocol} backlog=4096;
      ${tls}
      location / {
        proxy_pass http://out;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_max_temp_file_size 0;
      }
    }`;
}

function haproxyConfig({ folder, port, upstreamPort, front, certificate }: Place): string {
  const pem = join(folder, 'both.pem');
  if (certificate)
    writeFileSync(
      pem,
      [certificate.certPath, certificate.keyPath].map((file) => readFileSync(file, 'latin1')).join(''),
    );
  const protocol = { http1: '', h2c: 'proto h2', tls: `ssl crt ${pem} alpn h2,http/1.1` }[front];
  // No strict limits: it wants two file descriptors a connection, though idle ones have no upstream side.
  return `global
  nbthread 1
  maxconn 10500
  no strict-limits
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 75s
  timeout http-keep-alive 75s
  http-reuse always
frontend in
  bind 127.0.0.1:${port} backlog 4096 ${protocol}
  default_backend out
backend out
  server upstream 127.0.0.1:${upstreamPort}
`;
}

function caddyfile(port: number, upstreamPort: number): string {
  return `{
  admin off
  auto_https off
}
http://:${port} {
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:${upstreamPort} {
    transport http {
      keepalive_idle_conns_per_host 64
    }
  }
}
`;
}
