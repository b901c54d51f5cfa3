// Reading a configuration file for any command: a path or `-` in, the checked configuration or a report of errors out.

import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type ConfigError, type LinkerdConfig, parseConfig, showConfigError } from '../../config/schema/parse.js';
import { kinds as builtIn } from '../kinds.js';
import type { Kinds } from '../linker.js';
import { loadPlugins } from './load-plugins.js';
import type { Terminal } from './terminal.js';

export type ReadConfig =
  | {
      readonly ok: true;
      /** Its name for messages. */
      readonly file: string;
      readonly config: LinkerdConfig;
      readonly raw: unknown;
      /** What it was checked with: the built-in kinds and those of its plugins. */
      readonly kinds: Kinds;
    }
  | RefusedConfig;

export interface RefusedConfig {
  readonly ok: false;
  readonly errors: readonly ConfigError[];
  /** The same for people: one error a line, then one line that counts them. */
  readonly report: string;
}

export async function readConfig(file: string, terminal: Terminal): Promise<ReadConfig> {
  let text: string;
  try {
    text = file === '-' ? await terminal.readStdin() : await readFile(file, 'utf8');
  } catch (error) {
    return refuseWhole(file, `config is not a file: ${file}${reasonOf(error as NodeJS.ErrnoException)}`);
  }
  return readConfigText(text, configName(file), configDirectory(file));
}

/** `file` as messages name it. */
export function configName(file: string): string {
  return file === '-' ? '<stdin>' : file;
}

/** Where what `file` names relative to itself is looked for. */
export function configDirectory(file: string): string {
  return file === '-' ? process.cwd() : dirname(resolve(file));
}

/** Loads the plugins that `text` names, which runs their code. */
export async function readConfigText(text: string, name: string, directory: string): Promise<ReadConfig> {
  const { kinds, errors } = await loadPlugins(text, name, directory, builtIn);
  // The kinds of a plugin that is missing would all be unknown: they are not what is wrong.
  if (errors.length > 0) return refuse(name, errors);
  const parsed = parseConfig(text, name, kinds);
  return parsed.ok ? { ...parsed, file: name, kinds } : refuse(name, parsed.errors);
}

function refuse(name: string, errors: readonly ConfigError[]): RefusedConfig {
  const count = errors.length === 1 ? '1 error' : `${errors.length} errors`;
  return { ok: false, errors, report: `${errors.map(showConfigError).join('\n')}\n${name}: ${count}\n` };
}

/** An error that has no place in the file. */
export function refuseWhole(file: string, message: string): RefusedConfig {
  return { ok: false, errors: [{ file, line: 1, column: 1, path: '', message }], report: `${message}\n` };
}

/** The words before it are Linkerd's, for whatever goes wrong. */
function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return '';
  return code === 'EISDIR' ? ' (it is a directory)' : ` (${message})`;
}
