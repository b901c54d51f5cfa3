// Plugins: the kinds of each category in, one schema per category out, built when the program starts.

import { z } from 'zod';
import type { AnyKind } from '../../src/base/kind.js';
import { type Path, pathFromText } from '../../src/base/path.js';
import { CATEGORIES, type Category } from './categories.js';
import { isMap } from './config-error.js';
import { removedKind } from './removed.js';
import { flag, path } from './scalars.js';
import { unsupportedKind } from './unsupported.js';

/** Every kind there is. src/kinds.ts holds the built-in one. */
export type KindTable = Readonly<Record<Category, readonly AnyKind[]>>;

/** One plugin object of the file, checked. */
export interface Plugin {
  /** The very object of the kind table: its `make` takes `config`. */
  readonly kind: AnyKind;
  /** What the kind's own schema gave. */
  readonly config: unknown;
}

/** A namer, transformer or announcer. */
export interface PrefixedPlugin extends Plugin {
  /** As names begin with it: `/#/…` for namers and announcers, `/%/…` for transformers. Default: the kind. */
  readonly prefix: Path;
}

export interface InterpreterPlugin extends Plugin {
  /** In order of application. */
  readonly transformers: readonly PrefixedPlugin[];
}

export interface NamerPlugin extends PrefixedPlugin {
  /** In order of application. */
  readonly transformers: readonly PrefixedPlugin[];
}

export type PluginSchemas = ReturnType<typeof makePluginSchemas>;

export function makePluginSchemas(kinds: KindTable) {
  const plain = (category: Category) => pluginSchema(kinds, category, NOTHING_MORE, (plugin): Plugin => plugin);
  const prefixed = (category: Category, root: '#' | '%') =>
    pluginSchema(kinds, category, PREFIX, ({ kind, config }, { prefix }): PrefixedPlugin => {
      return { kind, config, prefix: pathFromText(root).concat(prefix ?? pathFromText(kind.kind)) };
    });

  const transformer = prefixed('transformer', '%');
  const transformers = z.array(transformer).default([]).describe('What changes bound names afterwards, in order.');
  return {
    transformer,
    namer: pluginSchema(
      kinds,
      'namer',
      { ...PREFIX, transformers, experimental: EXPERIMENTAL },
      ({ kind, config }, { prefix, transformers }): NamerPlugin => {
        return { kind, config, prefix: pathFromText('#').concat(prefix ?? pathFromText(kind.kind)), transformers };
      },
    ),
    interpreter: pluginSchema(
      kinds,
      'interpreter',
      { transformers, experimental: EXPERIMENTAL },
      ({ kind, config }, { transformers }): InterpreterPlugin => ({ kind, config, transformers }),
    ),
    announcer: prefixed('announcer', '#'),
    identifier: plain('identifier'),
    balancer: plain('balancer'),
    accrual: plain('accrual'),
    classifier: plain('classifier'),
    telemeter: pluginSchema(kinds, 'telemeter', { experimental: EXPERIMENTAL }, (plugin): Plugin => plugin),
    requestAuthorizer: plain('requestAuthorizer'),
  };
}

/** `object` as `schema` reads it: for the plugins that are used when the file names none. */
export function usePlugin<T>(schema: z.ZodType<T>, object: Readonly<Record<string, unknown>>): T {
  const result = schema.safeParse(object);
  if (result.success) return result.data;
  throw new Error(
    `the kind table does not take ${JSON.stringify(object)}, which is a default: ${result.error.message}`,
  );
}

/** Two kinds of one name in one category: `Conflicting subtypes: a, b`, one line each. */
export function conflictingKinds(kinds: KindTable): string[] {
  const conflicts: string[] = [];
  for (const category of CATEGORIES) {
    const seen = new Map<string, AnyKind>();
    for (const kind of kinds[category]) {
      const other = seen.get(kind.kind);
      if (other) {
        const show = (one: AnyKind): string => `${category} ${one.kind} (${one.description})`;
        conflicts.push(`Conflicting subtypes: ${show(other)}, ${show(kind)}`);
      }
      seen.set(kind.kind, kind);
    }
  }
  return conflicts;
}

const NOTHING_MORE = {};
const PREFIX = {
  prefix: path()
    .exactOptional()
    .describe('Path that its names begin with, after /# (transformers: /%). Default: its kind.'),
};
const EXPERIMENTAL = flag.default(false).describe('True allows an experimental kind. Default false.');

/**
 * The union of a category's kinds.
 *
 * @param common keys that every kind of the category takes beside its own
 * @param finish joins the checked plugin with the values of `common`
 */
function pluginSchema<Common extends z.ZodRawShape, Out>(
  kinds: KindTable,
  category: Category,
  common: Common,
  finish: (plugin: Plugin, common: z.output<z.ZodObject<Common>>) => Out,
) {
  const options = kinds[category].map((kind) => {
    const object = kind.config
      .safeExtend({
        ...common,
        ...(kind.experimental ? { experimental: EXPERIMENTAL } : {}),
        kind: z.literal(kind.kind).describe(kind.description),
      })
      .refine((value) => !kind.experimental || (isMap(value) && value.experimental === true), {
        error: (issue) => experimentalRefusal(kind, category, issue.input),
        path: ['kind'],
        // Also when another key is wrong: all that is wrong is said at once.
        when: () => true,
      });
    return object.transform((value) => {
      const own: Record<string, unknown> = {};
      const shared: Record<string, unknown> = {};
      for (const [key, inner] of Object.entries(value)) {
        if (key in common) shared[key] = inner;
        else if (key !== 'kind' && key !== 'experimental') own[key] = inner;
      }
      return finish({ kind, config: own }, shared as z.output<z.ZodObject<Common>>);
    });
  });
  return z.discriminatedUnion('kind', options as unknown as [(typeof options)[number]], {
    error: (issue) => {
      const kind = isMap(issue.input) ? issue.input.kind : undefined;
      return typeof kind === 'string' ? (removedKind(kind) ?? unsupportedKind(category, kind)) : undefined;
    },
  });
}

/** Linkerd's text: a namer is named by its prefix, everything else by its class, for which we have the kind. */
function experimentalRefusal(kind: AnyKind, category: Category, input: unknown): string {
  const prefix = isMap(input) && input.prefix !== undefined ? String(input.prefix) : `/${kind.kind}`;
  const name = category === 'namer' ? prefix : kind.kind;
  return (
    `The ${name} ${category} is experimental and must be explicitly enabled by setting ` +
    "the `experimental' parameter to `true'."
  );
}
