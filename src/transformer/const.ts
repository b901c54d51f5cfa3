// Transformer kind `io.l5d.const`: every name is bound to one other name, whether it exists or not.

import { z } from 'zod';
import { path } from '../../config/schema/scalars.js';
import { defineKind } from '../base/kind.js';
import type { Transformer, TransformerContext } from '../naming/transformer.js';
import { makeFixedBinding } from './fixed-binding.js';

const KIND = 'io.l5d.const';

export const constTransformer = defineKind({
  kind: KIND,
  description: 'Puts the binding of one path in the place of every name, also of one that does not exist.',
  config: z.strictObject({
    path: path().describe('Bound by the namers of this file, without any dtab: /#/io.l5d.fs/proxy.'),
  }),
  make: ({ path }, context: TransformerContext): Transformer => {
    const binding = makeFixedBinding(KIND, path, context);
    return { name: KIND, transform: binding, transformTree: binding, close() {} };
  },
});
