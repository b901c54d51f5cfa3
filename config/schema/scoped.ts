// Scoped: `client` and `service`, which hold either one set of keys for every name or entries by prefix of the name.

import { z } from 'zod';
import { text } from './scalars.js';

/**
 * Keys by name. In force for a name are `base`, then each entry of `configs` whose prefix matches it, in order, the
 * later key winning: `{ ...base, ...first.keys, ...second.keys }`. Sub-objects are replaced whole.
 */
export interface Scoped<Keys> {
  /** Every key that has a default, and the keys of `kind: io.l5d.global`. */
  readonly base: Keys;
  /** Entries of `kind: io.l5d.static`; `prefix` is a PathMatcher expression such as `/#/io.l5d.fs/{service}`. */
  readonly configs: readonly { readonly prefix: string; readonly keys: Partial<Keys> }[];
}

/**
 * @param keys every key optional and without a default, so that an entry says nothing of what it leaves out
 * @param defaults the values of keys that are nowhere set
 */
export function scopedSchema<Keys extends object>(keys: z.ZodObject, defaults: Keys, matchedAgainst: string) {
  const global = keys.safeExtend({
    kind: z.literal('io.l5d.global').exactOptional().describe('One set of keys for every name. The default.'),
  });
  const entry = keys.safeExtend({
    prefix: text.describe(`Expression that the ${matchedAgainst} must begin with; * is any element, {x} captures one.`),
  });
  const byPrefix = z.strictObject({
    kind: z.literal('io.l5d.static').describe('Keys by prefix of the name.'),
    configs: z.array(entry).describe('All matching entries apply in order, per key the later wins.'),
  });

  return z.discriminatedUnion('kind', [
    global.transform(
      ({ kind: _, ...set }): Scoped<Keys> => ({ base: { ...defaults, ...(set as Partial<Keys>) }, configs: [] }),
    ),
    byPrefix.transform(
      ({ configs }): Scoped<Keys> => ({
        base: defaults,
        configs: configs.map(({ prefix, ...set }) => ({ prefix: prefix as string, keys: set as Partial<Keys> })),
      }),
    ),
  ]);
}
