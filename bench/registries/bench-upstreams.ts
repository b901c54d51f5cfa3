// Bench upstreams: two servers in a process of their own that answer with their names, at addresses that the registry takes.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { DriverEndpoint } from '../../test/support/namer-driver.js';
import type { RegistryDriver } from './subjects.js';

const SCRIPT = fileURLToPath(new URL('./upstream-process.js', import.meta.url));

export interface BenchUpstream {
  /** What it answers with. */
  readonly name: string;
  readonly endpoint: DriverEndpoint;
}

export interface BenchUpstreams {
  readonly a: BenchUpstream;
  readonly b: BenchUpstream;
  close(): Promise<void>;
}

export async function startBenchUpstreams(driver: RegistryDriver, pin: readonly string[]): Promise<BenchUpstreams> {
  const hosts = [1, 2].map((n) => driver.host(n)) as [string, string];
  const [command = '', ...args] = [...pin, process.execPath, SCRIPT, ...hosts];
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [ports] = (await once(child, 'message')) as [[number, number]];
  return {
    a: { name: 'a', endpoint: { host: hosts[0], port: ports[0] } },
    b: { name: 'b', endpoint: { host: hosts[1], port: ports[1] } },
    close: async () => {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    },
  };
}
