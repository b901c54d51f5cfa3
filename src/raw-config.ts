// Raw configuration: the file as it was read, before defaults; what parts are recognized by from one configuration to the next.

import { isMap } from '../config/schema/config-error.js';

/** The list at `key` of a map; empty where there is none. */
export function rawList(raw: unknown, key: string): readonly unknown[] {
  const list = rawValue(raw, key);
  return Array.isArray(list) ? list : [];
}

/** The value at `key` of a map; undefined where there is none. */
export function rawValue(raw: unknown, key: string): unknown {
  return isMap(raw) ? raw[key] : undefined;
}
