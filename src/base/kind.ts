// Kind: a plugin as the configuration names it. Built-in ones and those of npm packages are the same objects.

import type { z } from 'zod';

/**
 * One `kind:` of one category (namers, identifiers, …). `config` describes the keys beside `kind` and, where
 * `experimental` is true, beside `experimental`; it must be strict. Its output is what `make` is given.
 */
export interface Kind<Config = unknown, Context = unknown, Made = unknown> {
  /** As written in the file, e.g. `io.l5d.fs`. */
  readonly kind: string;
  /** True: the object must say `experimental: true`. */
  readonly experimental?: boolean;
  /** One sentence for editors (JSON Schema `description`). */
  readonly description: string;
  readonly config: z.ZodObject;
  /** Builds the thing. Called once per object in the file, after the whole file has been checked. */
  make(config: Config, context: Context): Made;
}

/** A kind of any category, as schema code handles it: it never calls `make`. */
export type AnyKind = Pick<Kind, 'kind' | 'experimental' | 'description' | 'config'>;

/** Declares a kind so that `make` sees the type that its schema produces. */
export function defineKind<Schema extends z.ZodObject, Context, Made>(kind: {
  readonly kind: string;
  readonly experimental?: boolean;
  readonly description: string;
  readonly config: Schema;
  make(config: z.output<Schema>, context: Context): Made;
}): Kind<z.output<Schema>, Context, Made> {
  return kind;
}
