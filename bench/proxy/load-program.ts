// LoadProgram: the contract of a program that makes load: one round in, what it counted out; and which Debian package has it.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Front } from './front.js';

export type LoadProgram = 'wrk' | 'h2load' | 'openssl';

export const DEBIAN_PACKAGES: Readonly<Record<LoadProgram, string>> = {
  wrk: 'wrk',
  h2load: 'nghttp2-client',
  openssl: 'openssl',
};

export interface Target {
  readonly port: number;
  readonly front: Front;
}

export interface Shape {
  readonly path: string;
  readonly seconds: number;
  readonly connections: number;
  /** wrk: Host names in rotation. 0: one host, and wrk sends one prepared request without asking its script. */
  readonly rotatingHosts: number;
  /** h2load: requests under way at a time on each connection. */
  readonly streams?: number;
}

export interface Counted {
  /** How long it took. */
  readonly us: number;
  /** Answered. */
  readonly requests: number;
  /** Received, heads included. */
  readonly bytes: number;
  /** Answers other than 2xx and 3xx, and connections that broke or timed out. */
  readonly errors: number;
  /** NaN where the program does not tell. */
  readonly p50Us: number;
  readonly p99Us: number;
}

/** Undefined when the program has counted nothing. `pin`: prefix of its command line. */
export type Generate = (
  target: Target,
  shape: Shape,
  folder: string,
  pin: readonly string[],
) => Promise<Counted | undefined>;

const run = promisify(execFile);

/** What it printed. Rejects when it fails. */
export async function runCommand([program = '', ...args]: readonly string[]): Promise<string> {
  const { stdout } = await run(program, args, { maxBuffer: 1 << 20 });
  return stdout;
}
