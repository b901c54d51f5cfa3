// Machine: which core the proxy gets and which the load, which programs are there, and what to note beside the figures.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, release } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** USER_HZ: /proc counts CPU time in hundredths of a second on every Linux there is. */
export const TICK_MS = 10;
const STEAL = 7;

export const HERE = dirname(fileURLToPath(import.meta.url));
/** The checkout: the nearest folder above with a package.json. */
export const ROOT = checkout(HERE);
/** The compiled gateway, beside this compiled file. */
export const GATEWAY = join(HERE, '../../src/main.js');
export const PEER_SCRIPTS = join(ROOT, 'bench/proxy/peers');

/** How to put a command on the cores of its role: a prefix of its command line, empty where nothing can be pinned. */
export interface Pinning {
  readonly proxy: readonly string[];
  readonly load: readonly string[];
  /** What the reader must know, when pinning is not possible. */
  readonly note: string | undefined;
}

/** The proxy gets the last core for itself, load and upstream the others. */
export function choosePinning(): Pinning {
  const cores = allowedCores();
  const last = cores.at(-1);
  if (!hasProgram('taskset')) return unpinned('taskset is missing');
  if (cores.length < 2 || last === undefined) return unpinned('there is one core only');
  const others = cores.slice(0, -1).join(',');
  return { proxy: ['taskset', '-c', String(last)], load: ['taskset', '-c', others], note: undefined };
}

/** Debian keeps servers where only root's PATH looks. */
export function addServerFoldersToPath(): void {
  process.env.PATH = [process.env.PATH ?? '', '/usr/sbin', '/usr/local/sbin'].join(delimiter);
}

export function hasProgram(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)));
}

/** The first line of what the program says of its version, from either stream. */
export function programVersion(command: string, ...args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return `${stdout ?? ''}${stderr ?? ''}`.trim().split('\n')[0] ?? '';
}

/** Version of a package in bench/node_modules, or undefined. */
export function benchPackageVersion(name: string): string | undefined {
  const file = join(ROOT, 'bench/node_modules', name, 'package.json');
  return existsSync(file) ? (createRequire(import.meta.url)(file) as { version: string }).version : undefined;
}

/** Recorded with every result. */
export function describeMachine(): Readonly<Record<string, unknown>> {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: allowedCores().length,
    kernel: release(),
    node: process.version,
    loadAverage: loadavg().map((load) => Math.round(load * 100) / 100),
    commit: commit(),
  };
}

/** Milliseconds, of all cores together, in which the machine's own host let something else run (proc(5), `steal`); 0 on real ones. */
export function stolenMs(): number {
  const total = /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1] ?? '';
  return Number(total.split(' ')[STEAL] ?? 0) * TICK_MS;
}

function unpinned(why: string): Pinning {
  return { proxy: [], load: [], note: `nothing is pinned to a core (${why}): proxy and load disturb each other` };
}

/** From the kernel, since a container may be given some cores only; written like `0-1,4`. */
function allowedCores(): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return list.split(',').flatMap((part) => {
    const [first = 0, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

function checkout(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : checkout(dirname(folder));
}

function commit(): string | undefined {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return undefined;
  }
}
