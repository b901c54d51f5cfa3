// Interpreter kind `default`: the router's own dtab over the namers of the file.

import { z } from 'zod';
import { constant } from '../base/activity.js';
import { defineKind } from '../base/kind.js';
import { makeDtabInterpreter } from './dtab-interpreter.js';
import type { Interpreter, InterpreterContext } from './interpreter.js';

export const defaultInterpreter = defineKind({
  kind: 'default',
  description: "Binds names by the router's dtab and the namers of this file.",
  config: z.strictObject({}),
  make: (_config, { dtab, namers, system }: InterpreterContext): Interpreter =>
    makeDtabInterpreter({ dtab: constant(dtab), namers, system }),
});
