// Places: where in a file the objects of one sort stand, for the tables that speak of their keys.

import { isMap, type KeyPath } from './config-error.js';

/** `*` is any list index. */
export const PLACES = {
  file: [[]],
  admin: [['admin']],
  router: [['routers', '*']],
  tracePropagator: [['routers', '*', 'tracePropagator']],
  failureThreshold: [['routers', '*', 'interpreter', 'failureThreshold']],
  server: [['routers', '*', 'servers', '*']],
  serverTls: [
    ['routers', '*', 'servers', '*', 'tls'],
    ['admin', 'tls'],
  ],
  serverSocket: [['routers', '*', 'servers', '*', 'socketOptions']],
  client: [
    ['routers', '*', 'client'],
    ['routers', '*', 'client', 'configs', '*'],
  ],
  clientTls: [
    ['routers', '*', 'client', 'tls'],
    ['routers', '*', 'client', 'configs', '*', 'tls'],
  ],
} as const satisfies Readonly<Record<string, readonly (readonly string[])[]>>;

export type Place = keyof typeof PLACES;

export interface PlacedMap {
  readonly path: KeyPath;
  readonly map: Readonly<Record<string, unknown>>;
}

/** Every map at `place` in a parsed file. */
export function mapsAt(file: unknown, place: Place): PlacedMap[] {
  return PLACES[place].flatMap((pattern) => walk(file, pattern, []));
}

function walk(value: unknown, pattern: readonly string[], path: KeyPath): PlacedMap[] {
  const [step, ...rest] = pattern;
  if (step === undefined) return isMap(value) ? [{ path, map: value }] : [];
  if (step === '*') return Array.isArray(value) ? value.flatMap((item, i) => walk(item, rest, [...path, i])) : [];
  return isMap(value) && Object.hasOwn(value, step) ? walk(value[step], rest, [...path, step]) : [];
}
