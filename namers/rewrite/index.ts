// io.l5d.rewrite as the configuration names it.

import { z } from 'zod';
import { defineKind } from '../../src/base/kind.js';
import type { Namer, NamerContext } from '../../src/naming/namer.js';
import { makeRewriteNamer } from './namer.js';

export const rewriteNamer = defineKind({
  kind: 'io.l5d.rewrite',
  description: 'Rewrites paths that match a pattern. Wants a prefix.',
  config: z.strictObject({
    pattern: z
      .string()
      .describe('What a path has to begin with; `*` is any element, `{name}` captures: `/{service}/api`.'),
    name: z.string().describe('The path to look up instead; captures are put in: `/srv/{service}`.'),
  }),
  make: ({ pattern, name }, { prefix }: NamerContext): Namer => makeRewriteNamer({ prefix, pattern, name }),
});
