// io.l5d.fs as the configuration names it.

import { type Stats, statSync } from 'node:fs';
import { z } from 'zod';
import { defineKind } from '../../src/base/kind.js';
import type { Interpreter, InterpreterContext } from '../../src/naming/interpreter.js';
import type { Namer, NamerContext } from '../../src/naming/namer.js';
import { makeFsInterpreter } from './interpreter.js';
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

export const fsInterpreter = defineKind({
  kind: 'io.l5d.fs',
  description:
    "Binds names by a dtab in a file, which may change at any time, and the router's; over the namers of this file.",
  config: z.strictObject({
    dtabFile: z
      .string()
      .refine(isFile, { error: (issue) => `${String(issue.input)} is not a file` })
      .describe('File with the dtab, absolute or relative to the working directory. Must exist at load.'),
  }),
  make: ({ dtabFile }, { dtab, namers, system, clock }: InterpreterContext): Interpreter =>
    makeFsInterpreter({ dtabFile, dtab, namers, system, clock }),
});

function isFile(path: string): boolean {
  return statsOf(path)?.isFile() === true;
}

function isDirectory(path: string): boolean {
  return statsOf(path)?.isDirectory() === true;
}

/** Undefined when there is nothing at `path`, or nothing that may be looked at. */
function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
