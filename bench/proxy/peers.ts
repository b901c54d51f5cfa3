// Peers: every proxy that is measured, each set up for the same work: one core, upstream connections kept alive, no logs.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { benchPackageVersion, GATEWAY, hasProgram, PEER_SCRIPTS, programVersion, ROOT } from './machine.js';
import { nginxConfig } from './nginx.js';
import { freePort, Program } from './process.js';
import { get } from './request.js';
import { LARGE_BYTES, LARGE_PATH, SMALL_BYTES, SMALL_PATH } from './upstream.js';

export interface Peer {
  readonly name: string;
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
}

export interface RunningPeer {
  readonly name: string;
  readonly version: string;
  readonly port: number;
  readonly program: Program;
}

const linkgate: Peer = {
  name: 'linkgate',
  missing: () => (existsSync(GATEWAY) ? undefined : 'not built (npm run build)'),
  version: () => (createRequire(import.meta.url)(join(ROOT, 'package.json')) as { version: string }).version,
  setUp: ({ folder, port, adminPort, upstreamPort }) => {
    mkdirSync(join(folder, 'disco'), { recursive: true });
    writeFileSync(join(folder, 'disco/upstream'), `127.0.0.1 ${upstreamPort}\n`);
    return withConfig(folder, 'linkerd.yaml', [process.execPath, GATEWAY], linkerdYaml(port, adminPort));
  },
};

const nginx: Peer = {
  name: 'nginx',
  missing: () => (hasProgram('nginx') ? undefined : 'no program of that name'),
  version: () => programVersion('nginx', '-v'),
  setUp: ({ folder, port, upstreamPort }) => {
    const config = nginxConfig(folder, 'proxy', nginxBlocks(port, upstreamPort));
    return withConfig(folder, 'proxy.conf', ['nginx', '-p', folder, '-c'], config);
  },
};

const haproxy: Peer = {
  name: 'haproxy',
  missing: () => (hasProgram('haproxy') ? undefined : 'no program of that name'),
  version: () => programVersion('haproxy', '-v'),
  setUp: ({ folder, port, upstreamPort }) =>
    withConfig(folder, 'haproxy.cfg', ['haproxy', '-db', '-f'], haproxyConfig(port, upstreamPort)),
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

/** Starts the peer and checks that both bodies come through whole. Rejects with why not. */
export async function startPeer(
  peer: Peer,
  folder: string,
  upstreamPort: number,
  pin: readonly string[],
): Promise<RunningPeer> {
  const place = { folder: join(folder, peer.name), port: await freePort(), adminPort: await freePort(), upstreamPort };
  mkdirSync(place.folder, { recursive: true });
  const { command, env } = peer.setUp(place);
  const program = await Program.start({
    command: [...pin, ...command],
    ...(env ? { env } : {}),
    folder: place.folder,
    name: peer.name,
    isReady: async () => (await get(place.port, SMALL_PATH))?.body.length === SMALL_BYTES,
  });
  const large = await get(place.port, LARGE_PATH);
  if (large?.status !== 200 || large.body.length !== LARGE_BYTES) {
    await program.stop();
    throw new Error(
      `answered ${large?.status} with ${large?.body.length} bytes for ${LARGE_PATH}, want ${LARGE_BYTES}`,
    );
  }
  return { name: peer.name, version: peer.version(), port: place.port, program };
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
function linkerdYaml(port: number, adminPort: number): string {
  return `admin: {ip: 127.0.0.1, port: ${adminPort}}
namers:
- kind: io.l5d.fs
  rootDir: disco
routers:
- protocol: http
  identifier: {kind: io.l5d.header.token}
  dtab: /svc => /#/io.l5d.fs/upstream
  servers: [{ip: 127.0.0.1, port: ${port}}]
`;
}

function nginxBlocks(port: number, upstreamPort: number): string {
  return `
    upstream out { server 127.0.0.1:${upstreamPort}; keepalive 64; keepalive_requests 1000000000; }
    server {
      listen 127.0.0.1:${port} backlog=4096;
      location / {
        proxy_pass http://out;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_max_temp_file_size 0;
      }
    }`;
}

function haproxyConfig(port: number, upstreamPort: number): string {
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
  bind 127.0.0.1:${port} backlog 4096
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
