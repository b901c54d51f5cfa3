// Reading a configuration file for any command: a path or `-` in, the checked configuration or a report of errors out.

import { readFile, stat } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { type ConfigError, type LinkerdConfig, parseConfig, showConfigError } from '../../config/schema/parse.js';
import { kinds } from '../kinds.js';

export type ReadConfig =
  | { readonly ok: true; readonly config: LinkerdConfig; readonly raw: unknown }
  | {
      readonly ok: false;
      readonly errors: readonly ConfigError[];
      /** The same for people, one error a line. */
      readonly report: string;
    };

export async function readConfig(file: string): Promise<ReadConfig> {
  const name = file === '-' ? '<stdin>' : file;
  let text: string;
  try {
    if (file !== '-' && !(await stat(file)).isFile()) throw new Error('not a file');
    text = file === '-' ? await readAll(process.stdin) : await readFile(file, 'utf8');
  } catch {
    const error = { file: name, line: 1, column: 1, path: '', message: `config is not a file: ${file}` };
    return { ok: false, errors: [error], report: error.message };
  }
  const parsed = parseConfig(text, name, kinds);
  if (parsed.ok) return parsed;
  return { ok: false, errors: parsed.errors, report: parsed.errors.map(showConfigError).join('\n') };
}
