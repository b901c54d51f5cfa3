// io.l5d.fs as the configuration names it.

import { statSync } from 'node:fs';
import { z } from 'zod';
import { defineKind } from '../../src/base/kind.js';
import type { Namer, NamerContext } from '../../src/naming/namer.js';
import { FsNamer } from './namer.js';

export const fsNamer = defineKind({
  kind: 'io.l5d.fs',
  description: 'Service discovery by files: each file in a directory lists the addresses of one service.',
  config: z.strictObject({
    rootDir: z
      .string()
      .refine(isDirectory, { error: (issue) => `${String(issue.input)} is not a directory` })
      .describe('Directory of the files, absolute or relative to the working directory. Must exist at load.'),
  }),
  make: ({ rootDir }, { prefix, clock }: NamerContext): Namer => new FsNamer({ prefix, rootDir, clock }),
});

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
