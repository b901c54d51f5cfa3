// Config changes: two configurations as they were read in, the key paths that tell them apart out.

import { isMap, type KeyPath, showKeyPath, valueAt } from '../../config/schema/config-error.js';
import { canonicalJson } from '../base/canonical-json.js';

/** Deep enough for `routers[0].servers[1].port`: what lies deeper is told by the key that it is in. */
const DEEPEST = 5;
/** A list of every dentry or entry that moved would tell less than its beginning. */
const MOST = 20;

/** In the order of the later file, e.g. `routers[0].dtab`; what is in one of them only counts as well. */
export function configChanges(before: unknown, after: unknown): readonly string[] {
  const changed = [...differences(before, after, [])].map(showKeyPath);
  return changed.length <= MOST ? changed : [...changed.slice(0, MOST), `and ${changed.length - MOST} more`];
}

function* differences(before: unknown, after: unknown, path: KeyPath): Generator<KeyPath> {
  if (canonicalJson(before) === canonicalJson(after)) return;
  const keys = path.length < DEEPEST ? keysOf(before, after) : undefined;
  if (keys) for (const key of keys) yield* differences(valueAt(before, [key]), valueAt(after, [key]), [...path, key]);
  else yield path;
}

/** Of two maps or two lists; undefined when they are neither. */
function keysOf(before: unknown, after: unknown): readonly (string | number)[] | undefined {
  if (Array.isArray(before) && Array.isArray(after)) {
    return Array.from({ length: Math.max(before.length, after.length) }, (_, i) => i);
  }
  if (!isMap(before) || !isMap(after)) return undefined;
  return [...new Set([...Object.keys(after), ...Object.keys(before)])];
}
