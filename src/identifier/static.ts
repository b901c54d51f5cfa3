// Kind `io.l5d.static`: every request has the same name.

import { z } from 'zod';
import { path } from '../../config/schema/scalars.js';
import { defineKind } from '../base/kind.js';
import type { Identifier, IdentifierContext } from './identifier.js';

export const staticIdentifier = defineKind({
  kind: 'io.l5d.static',
  description: 'Gives every request the same name.',
  config: z.strictObject({
    path: path().describe('The name, after dstPrefix, e.g. `/web`.'),
  }),
  make: (config, { dstPrefix }: IdentifierContext): Identifier => {
    const name = dstPrefix.concat(config.path);
    return () => name;
  },
});
