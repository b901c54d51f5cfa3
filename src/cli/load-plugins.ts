// Plugins: the text of a configuration in, the kind table with the kinds of the modules under `plugins:` out. Their code runs
// here, before the file is checked, because its schema is made of their kinds.

import { register } from 'node:module';
import { pathToFileURL } from 'node:url';
import { CATEGORIES } from '../../config/schema/categories.js';
import { isMap } from '../../config/schema/config-error.js';
import { readDocument } from '../../config/schema/document.js';
import type { ConfigError } from '../../config/schema/parse.js';
import { conflictingKinds } from '../../config/schema/plugins.js';
import type { Kinds } from '../linker.js';
import { importSpecifier } from './plugin-hooks.js';
import { checkPluginKinds, type PluginKinds } from './plugin-kinds.js';

export interface LoadedPlugins {
  /** The built-in kinds and those of every plugin that could be loaded. */
  readonly kinds: Kinds;
  /** One for each plugin that could not. */
  readonly errors: readonly ConfigError[];
}

/**
 * @param file for the errors only
 * @param directory where relative files and packages are looked for: that of the configuration file
 */
export async function loadPlugins(
  text: string,
  file: string,
  directory: string,
  builtIn: Kinds,
): Promise<LoadedPlugins> {
  const read = readDocument(text);
  // What is wrong with the text, or with the list as such, is said when the whole file is checked.
  const list = read.ok && isMap(read.document.value) ? read.document.value.plugins : undefined;
  const names = Array.isArray(list) ? list.map((name, i) => ({ name: name as unknown, i })) : [];
  let kinds = builtIn;
  const errors: ConfigError[] = [];
  for (const { name, i } of names) {
    if (typeof name !== 'string' || name === '') continue;
    try {
      kinds = withKinds(kinds, await importKinds(name, directory));
    } catch (error) {
      const position = read.ok ? read.document.locate(['plugins', i]) : { line: 1, column: 1 };
      errors.push({ file, ...position, path: `plugins[${i}]`, message: (error as Error).message });
    }
  }
  return { kinds, errors };
}

async function importKinds(name: string, directory: string): Promise<PluginKinds> {
  registerHooks();
  let module: unknown;
  try {
    module = await import(importSpecifier(name, `${pathToFileURL(directory)}/`));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot load the plugin ${JSON.stringify(name)}: ${reason.replaceAll(/\s+/g, ' ')}`);
  }
  try {
    return checkPluginKinds(isMap(module) ? module.default : undefined);
  } catch (error) {
    throw new Error(`The plugin ${JSON.stringify(name)} cannot be used: ${(error as Error).message}`);
  }
}

let areHooksRegistered = false;

/** Not at start: a thread for finding modules is of no use to a gateway without plugins. */
function registerHooks(): void {
  if (areHooksRegistered) return;
  areHooksRegistered = true;
  register('./plugin-hooks.js', import.meta.url);
}

/** `more` behind the kinds of each category. Throws for a name that is taken. */
function withKinds(kinds: Kinds, more: PluginKinds): Kinds {
  const joined: Record<string, unknown> = { ...kinds };
  for (const category of CATEGORIES) joined[category] = [...kinds[category], ...(more[category] ?? [])];
  // What their `make` is given and gives is for the plugin to keep to; nothing can tell before it is called.
  const table = joined as unknown as Kinds;
  const [conflict] = conflictingKinds(table);
  if (conflict !== undefined) throw new Error(conflict);
  return table;
}
