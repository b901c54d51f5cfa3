// Plugin kinds: the default export of a plugin in, its kinds by category out, as far as can be told from outside that they are.

import { CATEGORIES, type Category } from '../../config/schema/categories.js';
import { isMap } from '../../config/schema/config-error.js';
import { nearestWord } from '../../config/schema/did-you-mean.js';
import type { AnyKind } from '../base/kind.js';

export type PluginKinds = Readonly<Partial<Record<Category, readonly AnyKind[]>>>;

const WANTED = 'want "export default { namer: [kind] }"';

/** Throws what is wrong with it. */
export function checkPluginKinds(exported: unknown): PluginKinds {
  if (exported === undefined) throw new Error(`it has no default export, ${WANTED}`);
  if (!isMap(exported)) throw new Error(`its default export is no table of kinds, ${WANTED}`);
  const kinds: Partial<Record<Category, readonly AnyKind[]>> = {};
  for (const [key, list] of Object.entries(exported)) {
    const category = categoryOf(key);
    if (!Array.isArray(list)) throw new Error(`its ${category} is no list, ${WANTED}`);
    kinds[category] = list.map((kind: unknown, i) => checkKind(kind, `${category}[${i}]`));
  }
  return kinds;
}

function categoryOf(key: string): Category {
  const category = CATEGORIES.find((one) => one === key);
  if (category !== undefined) return category;
  const nearest = nearestWord(key, CATEGORIES);
  const hint = nearest === undefined ? '' : `, did you mean "${nearest}"?`;
  throw new Error(`its default export has the unknown category "${key}"${hint} (known: ${CATEGORIES.join(', ')})`);
}

function checkKind(kind: unknown, place: string): AnyKind {
  const missing = isMap(kind) ? missingOf(kind) : 'want what defineKind gives';
  if (missing !== undefined) throw new Error(`its ${place} is no kind: ${missing}`);
  return kind as AnyKind;
}

function missingOf({ kind, description, config, make }: Readonly<Record<string, unknown>>): string | undefined {
  if (typeof kind !== 'string' || kind === '') return '"kind" is to be the text that configurations name it by';
  if (typeof description !== 'string') return '"description" is to be a text';
  if (typeof make !== 'function') return '"make" is to be a function';
  // One that lets unknown keys pass would let misspelt ones pass.
  return isStrictObject(config) ? undefined : '"config" is to be a z.strictObject, by the z of linkgate/plugin';
}

/** Of any copy of zod 4. */
function isStrictObject(schema: unknown): boolean {
  if (!isMap(schema) || !isMap(schema._zod) || typeof schema.safeExtend !== 'function') return false;
  const { def } = schema._zod;
  return (
    isMap(def) &&
    def.type === 'object' &&
    isMap(def.catchall) &&
    isMap(def.catchall._zod) &&
    isMap(def.catchall._zod.def) &&
    def.catchall._zod.def.type === 'never'
  );
}
