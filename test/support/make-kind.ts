// Makes a thing of a kind from its object in the configuration file, as the linker does.

import type { Kind } from '../../src/base/kind.js';

/** `config` is without `kind`. Throws ZodError. */
export function makeKind<Config, Context, Made>(
  kind: Kind<Config, Context, Made>,
  config: object,
  context: Context,
): Made {
  return kind.make(kind.config.parse(config) as Config, context);
}
