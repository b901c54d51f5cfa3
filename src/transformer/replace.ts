// Transformer kind `io.l5d.replace`: every name that exists is bound to one other name.

import { z } from 'zod';
import { path } from '../../config/schema/scalars.js';
import { defineKind } from '../base/kind.js';
import type { Transformer, TransformerContext } from '../naming/transformer.js';
import { makeFixedBinding } from './fixed-binding.js';

const KIND = 'io.l5d.replace';

export const replaceTransformer = defineKind({
  kind: KIND,
  description:
    'Puts the binding of one path in the place of every bound name; a name that does not exist still does not.',
  config: z.strictObject({
    path: path().describe('Bound by the namers of this file, without any dtab: /#/io.l5d.fs/proxy.'),
  }),
  make: ({ path }, context: TransformerContext): Transformer => ({
    name: KIND,
    transform: makeFixedBinding(KIND, path, context),
    close() {},
  }),
});
