// Kind `io.l5d.header`: a header whose value is written as a path, `l5d-name: /web/v2`.

import { z } from 'zod';
import { text } from '../../config/schema/scalars.js';
import { defineKind } from '../base/kind.js';
import { parsePath } from '../base/name-grammar.js';
import { makeHeaderIdentifier } from './header-token.js';
import type { Identifier, IdentifierContext } from './identifier.js';

export const headerIdentifier = defineKind({
  kind: 'io.l5d.header',
  description: 'Names a request after the path written in one header. A value that is no path is refused with 400.',
  config: z.strictObject({
    header: text.default('l5d-name').describe('Name of the header, in any case.'),
  }),
  make: ({ header }, { dstPrefix }: IdentifierContext): Identifier =>
    makeHeaderIdentifier(header, dstPrefix, parsePath),
});
