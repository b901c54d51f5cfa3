// Live memory: what a process that serves still holds after a full collection. Garbage is not in it, which comes and goes as the
// collector pleases; so it grows only when something is kept.
//
// Loaded into the gateway's process as well (`--import`), where it answers SIGUSR2 with a file in the working folder.

import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Program } from '../proxy/process.js';

export interface LiveMemory {
  /** Objects of JavaScript, and what they hold outside of the heap (buffers). */
  readonly liveMB: number;
  /** Resident memory after the collection: also holds what native code has kept, and memory that V8 keeps for later. */
  readonly residentMB: number;
}

/** Arguments of node for the process that is to be asked. */
export const ANSWERING = ['--expose-gc', '--import', import.meta.url];

const FILE = 'live-memory.json';
const LIMIT_MS = 10_000;

/** `folder` is the program's working folder. */
export async function liveMemory(program: Program, folder: string): Promise<LiveMemory> {
  const file = join(folder, FILE);
  rmSync(file, { force: true });
  program.signal('SIGUSR2');
  const giveUpAt = performance.now() + LIMIT_MS;
  while (!existsSync(file)) {
    if (performance.now() > giveUpAt) throw new Error(`the gateway has not told its memory within ${LIMIT_MS} ms`);
    await pause(10);
  }
  return JSON.parse(readFileSync(file, 'utf8')) as LiveMemory;
}

const { gc } = globalThis;
if (gc) process.on('SIGUSR2', () => void tell(gc));

/** Twice: what the first collection finalizes lets go of more, in a later turn. */
async function tell(collect: () => void): Promise<void> {
  collect();
  await pause(10);
  collect();
  const { heapUsed, external, rss } = process.memoryUsage();
  const answer: LiveMemory = { liveMB: (heapUsed + external) / 2 ** 20, residentMB: rss / 2 ** 20 };
  // By renaming, so that nobody reads half of it.
  writeFileSync(`${FILE}.new`, JSON.stringify(answer));
  renameSync(`${FILE}.new`, FILE);
}
