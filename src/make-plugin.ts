// A checked plugin of the configuration and the typed kinds of its category in, what its kind makes of it out.

import type { Plugin } from '../config/schema/plugins.js';
import type { Kind } from './base/kind.js';

/** Calls `make` of the plugin's kind: the same object in the typed table as the one that the schema chose. */
export function makePlugin<Context, Made>(
  kinds: readonly Kind<unknown, Context, Made>[],
  plugin: Plugin,
  context: Context,
): Made {
  const kind = kinds.find((one) => one === plugin.kind);
  if (!kind)
    throw new Error(`kind ${plugin.kind.kind} is not in the kind table that the configuration was checked with`);
  return kind.make(plugin.config, context);
}
