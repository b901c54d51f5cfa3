// Checks: what the parts of a file say against each other. In: the parsed file, right or wrong. Out: problems.
//
// They read the file itself and not what the schema made of it, so that they speak although something else is wrong.
// What concerns one object alone (tls, backoff, ranges) is said by that object's schema.

import { BlockList, isIP } from 'node:net';
import { parsePath } from '../../src/base/name-grammar.js';
import type { Path } from '../../src/base/path.js';
import { isMap, type KeyPath } from './config-error.js';
import { DEFAULT_H2_PORT } from './h2-server.js';
import type { Problem } from './problems.js';
import { DEFAULT_HTTP_PORT, LOOPBACK } from './server.js';
import { checkCaptures } from './upstream-tls.js';

export function checkFile(file: unknown): Problem[] {
  const routers = mapsOf(file, 'routers', []);
  return [...checkLabels(routers), ...checkPorts(routers), ...routers.flatMap(checkRouter), ...checkProxies(routers)];
}

interface Located {
  readonly path: KeyPath;
  readonly map: Readonly<Record<string, unknown>>;
}

/** A label is a metric scope and an admin namespace. */
function checkLabels(routers: readonly Located[]): Problem[] {
  const seen = new Set<string>();
  return routers.flatMap((router) => {
    const label = labelOf(router);
    if (label === undefined) return [];
    if (!seen.has(label)) {
      seen.add(label);
      return [];
    }
    const key = router.map.label === undefined ? 'protocol' : 'label';
    return [problem([...router.path, key], `Multiple routers with the label ${label}`)];
  });
}

/** Only identical addresses; that 0.0.0.0 covers the others is for the operating system to say. */
function checkPorts(routers: readonly Located[]): Problem[] {
  const seen = new Set<string>();
  return routers.flatMap((router) =>
    mapsOf(router.map, 'servers', router.path).flatMap(({ path, map }) => {
      const port = map.port === undefined ? defaultPort(router.map.protocol) : Number(map.port);
      // Each 0 is another port.
      if (!(port > 0)) return [];
      const ip = map.ip === undefined || map.ip === 'localhost' ? LOOPBACK : String(map.ip);
      const address = `${ip} ${port}`;
      if (!seen.has(address)) {
        seen.add(address);
        return [];
      }
      return [problem([...path, 'port'], `Server conflict on port ${port}`)];
    }),
  );
}

function checkRouter(router: Located): Problem[] {
  const { path, map } = router;
  const label = labelOf(router) ?? '';
  const problems: Problem[] = checkCaptures(map.client, [...path, 'client']);
  if (map.servers === undefined || (Array.isArray(map.servers) && map.servers.length === 0)) {
    problems.push(problem([...path, 'servers'], `router '${label}' has no servers`));
  }
  if (map.streamingEnabled === false && map.streamAfterContentLengthKB !== undefined) {
    problems.push(
      problem(
        [...path, 'streamAfterContentLengthKB'],
        `Conflicting streaming options set. Can't disable streaming and set streamAfterContentLengthKB in ${label}`,
      ),
    );
  }
  return [...problems, ...checkPrefixes(router)];
}

/** Else names of callers outside would be names of callers inside: the one dtab that binds both could not tell them apart. */
function checkPrefixes({ path, map }: Located): Problem[] {
  const inside = prefixOf(map.dstPrefix, '/svc');
  return mapsOf(map, 'servers', path).flatMap((server) => {
    if (server.map.exposure !== 'external') return [];
    const outside = prefixOf(server.map.dstPrefix, '/ext');
    if (!inside || !outside || !(inside.startsWith(outside) || outside.startsWith(inside))) return [];
    const message = `names of callers outside would be names of callers inside: want a prefix that is neither ${inside.show()}, the router's, nor above or below it`;
    return [problem([...server.path, server.map.dstPrefix === undefined ? 'exposure' : 'dstPrefix'], message)];
  });
}

/** Undefined for what the schema refuses. */
function prefixOf(text: unknown, byDefault: string): Path | undefined {
  try {
    return typeof (text ?? byDefault) === 'string' ? parsePath((text ?? byDefault) as string) : undefined;
  } catch {
    return undefined;
  }
}

/** Who reaches a forward proxy reaches all that its dtab does: from anywhere it would be an open one. */
function checkProxies(routers: readonly Located[]): Problem[] {
  return routers.flatMap((router) =>
    mapsOf(router.map, 'servers', router.path).flatMap(({ path, map }) => {
      const { ip = LOOPBACK, proxy } = map;
      if (proxy !== true || typeof ip !== 'string' || ip === 'localhost' || isInternal(ip)) return [];
      const message = `proxy: true on ${ip}, where anyone may reach it: want a loopback or private address as ip`;
      return [problem([...path, 'proxy'], message)];
    }),
  );
}

/** Loopback, private (RFC 1918, RFC 4193), shared (RFC 6598) and link-local addresses. */
const INTERNAL = new BlockList();
for (const [net, prefix] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
] as const) {
  INTERNAL.addSubnet(net, prefix, 'ipv4');
}
INTERNAL.addAddress('::1', 'ipv6');
INTERNAL.addSubnet('fc00::', 7, 'ipv6');
INTERNAL.addSubnet('fe80::', 10, 'ipv6');

function isInternal(ip: string): boolean {
  const family = isIP(ip);
  return family !== 0 && INTERNAL.check(ip, family === 6 ? 'ipv6' : 'ipv4');
}

/** NaN for a protocol that the schema refuses. */
function defaultPort(protocol: unknown): number {
  if (protocol === 'http') return DEFAULT_HTTP_PORT;
  return protocol === 'h2' ? DEFAULT_H2_PORT : Number.NaN;
}

function labelOf({ map }: Located): string | undefined {
  const label = map.label ?? map.protocol;
  return typeof label === 'string' ? label : undefined;
}

function mapsOf(owner: unknown, key: string, path: KeyPath): Located[] {
  const list = isMap(owner) ? owner[key] : undefined;
  if (!Array.isArray(list)) return [];
  return list.flatMap((map: unknown, i) => (isMap(map) ? [{ path: [...path, key, i], map }] : []));
}

function problem(path: KeyPath, message: string): Problem {
  return { path, at: 'value', message };
}
