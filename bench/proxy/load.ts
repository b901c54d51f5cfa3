// Load: one round against one proxy in, rates and latencies out. wrk, h2load or openssl for saturation (closed loop),
// open-loop.ts for a fixed rate: connections that wait for each answer before they ask again would, at a rate of their own
// choosing, hide the very delays (coordinated omission).

import { join } from 'node:path';
import { type Generate, runCommand, type Shape } from './load-program.js';
import { HERE } from './machine.js';
import type { OpenLoopResult } from './open-loop.js';
import type { RunningPeer } from './peers.js';
import { wrk } from './wrk.js';

export interface Load extends Shape {
  /** The program that makes it. Default wrk. */
  readonly generate?: Generate;
}

export interface Round {
  readonly requestsPerSecond: number;
  /** Bytes received by the load, heads included. */
  readonly megabytesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers other than 2xx and 3xx, and broken or timed-out connections. */
  readonly errors: number;
  /** CPU time of the proxy for each request. */
  readonly cpuUsPerRequest: number;
  /** Share of its core that the proxy used: below about 0.95 something else was the limit. */
  readonly busy: number;
}

/** A round against a proxy that is dead. */
const NOTHING_SERVED: Round = {
  requestsPerSecond: 0,
  megabytesPerSecond: 0,
  p50Ms: Number.NaN,
  p99Ms: Number.NaN,
  errors: 1,
  cpuUsPerRequest: Number.NaN,
  busy: 0,
};

/** As much as the proxy carries, for `load.seconds`. */
export async function saturate(peer: RunningPeer, load: Load, folder: string, pin: readonly string[]): Promise<Round> {
  const { generate = wrk } = load;
  const cpuBefore = peer.program.cpuMs();
  const result = await generate(peer, load, folder, pin).catch((error: unknown) => {
    if (peer.program.running) throw error;
    return undefined;
  });
  // Negative when it died meanwhile.
  const cpuMs = Math.max(0, peer.program.cpuMs() - cpuBefore);
  if (result === undefined) return NOTHING_SERVED;
  return {
    requestsPerSecond: (result.requests * 1e6) / result.us,
    megabytesPerSecond: result.bytes / result.us,
    p50Ms: result.p50Us / 1000,
    p99Ms: result.p99Us / 1000,
    errors: result.errors,
    cpuUsPerRequest: (cpuMs * 1000) / result.requests,
    busy: (cpuMs * 1000) / result.us,
  };
}

/**
 * How the load waits until the next request is due. `poll`: it takes the core that nobody else takes; late by microseconds at any
 * rate. `sleep`: for rates up to some thousand a second, with a priority at which polling would leave nothing to others.
 */
export type Waiting = 'poll' | 'sleep';

/** Sends `requestsPerSecond`, evenly spaced, whatever comes back. */
export async function keepRate(
  peer: Pick<RunningPeer, 'port'>,
  load: Load,
  requestsPerSecond: number,
  pin: readonly string[],
  waiting: Waiting = 'poll',
): Promise<OpenLoopResult> {
  const program = [process.execPath, join(HERE, 'open-loop.js')];
  const numbers = [peer.port, requestsPerSecond, load.seconds, load.connections].map((n) => `${Math.round(n)}`);
  return JSON.parse(await runCommand([...pin, ...program, ...numbers, load.path, waiting])) as OpenLoopResult;
}
