// Checks: what the parts of a file say against each other. In: the parsed file, right or wrong. Out: problems.
//
// They read the file itself and not what the schema made of it, so that they speak although something else is wrong.
// What concerns one object alone (tls, backoff, ranges) is said by that object's schema.

import { isMap, type KeyPath } from './config-error.js';
import type { Problem } from './problems.js';
import { DEFAULT_HTTP_PORT, LOOPBACK } from './server.js';

export function checkFile(file: unknown): Problem[] {
  const routers = mapsOf(file, 'routers', []);
  return [...checkLabels(routers), ...checkPorts(routers), ...routers.flatMap(checkRouter)];
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
      const port = map.port === undefined && router.map.protocol === 'http' ? DEFAULT_HTTP_PORT : Number(map.port);
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
  const problems: Problem[] = [];
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
  return problems;
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
