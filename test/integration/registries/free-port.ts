// Free ports: numbers for programs that cannot be told to take any port and say which.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { EarlyExit } from './program.js';

const LOWEST = 10_000;
const ATTEMPTS = 4;

/**
 * Calls `start` with so many free ports; again with others (at most 4 times in all) when it rejects with EarlyExit, since
 * somebody may have taken one in between.
 */
export async function onFreePorts<T>(count: number, start: (ports: readonly number[]) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await freePorts(count));
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof EarlyExit)) throw error;
    }
  }
}

export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}

/**
 * Below the range that the kernel takes for outgoing connections: from there a port would be gone while its server is down
 * for a restart, and a client that keeps trying it can be given that very port and end up connected to itself.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (lowestOutgoingPort() - LOWEST));
    if (await isFree(port)) return port;
  }
}

function lowestOutgoingPort(): number {
  const [lowest] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/);
  return Math.max(Number(lowest), LOWEST + 1000);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
