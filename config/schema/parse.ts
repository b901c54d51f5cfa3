// The text of a linkerd.yaml in; a checked configuration, or every mistake in it with its place, out.

import { checkFile } from './checks.js';
import { type ConfigError, showKeyPath } from './config-error.js';
import { readDocument } from './document.js';
import { type LinkerdConfig, linkerdSchema } from './linkerd.js';
import { conflictingKinds, type KindTable } from './plugins.js';
import { checkAgainst } from './problems.js';
import { findRefusals, withRefusals } from './refusals.js';
import { UNSUPPORTED_KEYS } from './unsupported.js';

export { type ConfigError, showConfigError } from './config-error.js';
export type { LinkerdConfig } from './linkerd.js';

export type ParsedConfig =
  | {
      readonly ok: true;
      readonly config: LinkerdConfig;
      /** The file as it was read, without nulls, for /config.json. May hold secrets: see `withoutSecrets`. */
      readonly raw: unknown;
    }
  | { readonly ok: false /** In order of position; at least one. */; readonly errors: readonly ConfigError[] };

/**
 * Reads YAML 1.2, or JSON, and checks all of it. Never throws for what the file says.
 *
 * @param fileName for the errors only
 * @param kinds every plugin kind there is
 * @param unsupported what is refused although the schema knows it
 */
export function parseConfig(
  text: string,
  fileName: string,
  kinds: KindTable,
  unsupported = UNSUPPORTED_KEYS,
): ParsedConfig {
  const fail = (errors: readonly Omit<ConfigError, 'file'>[]): ParsedConfig => ({
    ok: false,
    errors: errors.map((error) => ({ file: fileName, ...error })).sort(byPosition),
  });

  const conflicts = conflictingKinds(kinds);
  if (conflicts.length > 0) return fail(conflicts.map((message) => ({ line: 1, column: 1, path: '', message })));

  const read = readDocument(text);
  if (!read.ok) return fail(read.problems.map((problem) => ({ ...problem, path: '' })));

  const { value: raw, locate } = read.document;
  const checked = checkAgainst(schemaOf(kinds), raw);
  const problems = withRefusals(
    [...(checked.ok ? [] : checked.problems), ...checkFile(raw)],
    findRefusals(raw, unsupported),
  );
  if (checked.ok && problems.length === 0) return { ok: true, config: checked.value, raw };
  return fail(
    problems.map(({ path, at, offset, message }) => ({
      ...locate(path, at, offset),
      path: showKeyPath(path),
      message,
    })),
  );
}

/** Building one takes longer than reading a file with it. */
const schemas = new WeakMap<KindTable, ReturnType<typeof linkerdSchema>>();

function schemaOf(kinds: KindTable): ReturnType<typeof linkerdSchema> {
  const schema = schemas.get(kinds) ?? linkerdSchema(kinds);
  schemas.set(kinds, schema);
  return schema;
}

function byPosition(a: ConfigError, b: ConfigError): number {
  return a.line - b.line || a.column - b.column || a.path.localeCompare(b.path);
}
