// Kinds: the table of the gateway, with those of Consul in it.

import { consulInterpreter, consulNamer } from '../../../namers/consul/index.js';
import { kinds as builtIn } from '../../../src/kinds.js';
import type { Kinds } from '../../../src/linker.js';

export const kinds: Kinds = {
  ...builtIn,
  namer: [...builtIn.namer.filter(({ kind }) => kind !== consulNamer.kind), consulNamer],
  interpreter: [...builtIn.interpreter.filter(({ kind }) => kind !== consulInterpreter.kind), consulInterpreter],
};
