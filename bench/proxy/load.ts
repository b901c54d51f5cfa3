// Load: one round against one proxy in, rates and latencies out. wrk for saturation (closed loop), open-loop.ts for a fixed
// rate: wrk's connections wait for each answer before they ask again, so at a rate of its own choosing it would hide the
// very delays (coordinated omission), and it has no rate limit.

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { HERE } from './machine.js';
import type { OpenLoopResult } from './open-loop.js';
import type { RunningPeer } from './peers.js';
import { hostName } from './request.js';

const run = promisify(execFile);

export interface Load {
  readonly path: string;
  readonly seconds: number;
  readonly connections: number;
  /** Host names in rotation. 0: one host, and wrk sends one prepared request without asking its script. */
  readonly rotatingHosts: number;
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

/** Prints what `done` is told as one line of JSON. */
const REPORT = `
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format(
    'RESULT {"us":%d,"requests":%d,"bytes":%d,"errors":%d,"p50Us":%d,"p99Us":%d}\\n',
    summary.duration, summary.requests, summary.bytes, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
`;

/** One of the prepared requests after the other. */
const ROTATE = `
local prepared, at = {}, 0
init = function(args)
  for i = 1, tonumber(args[1]) do
    prepared[i] = wrk.format("GET", nil, {["Host"] = "host-" .. (i - 1) .. ".example.com"})
  end
end
request = function()
  at = at % #prepared + 1
  return prepared[at]
end
`;

export async function saturate(peer: RunningPeer, load: Load, folder: string, pin: readonly string[]): Promise<Round> {
  const script = join(folder, load.rotatingHosts > 0 ? 'rotate.lua' : 'report.lua');
  writeFileSync(script, load.rotatingHosts > 0 ? ROTATE + REPORT : REPORT);
  const shape = ['-t1', `-c${load.connections}`, `-d${load.seconds}s`, '--timeout', '5s', '-s', script];
  const url = `http://127.0.0.1:${peer.port}${load.path}`;
  const command = [...pin, 'wrk', ...shape, '-H', `Host: ${hostName(0)}`, url, '--', `${load.rotatingHosts}`];
  const cpuBefore = peer.program.cpuMs();
  const output = await runCommand(command).catch((error: unknown) => {
    if (peer.program.running) throw error;
    return '';
  });
  // Negative when it died meanwhile.
  const cpuMs = Math.max(0, peer.program.cpuMs() - cpuBefore);
  const json = /^RESULT (.*)$/m.exec(output)?.[1];
  if (json === undefined) return NOTHING_SERVED;
  const result = JSON.parse(json) as Record<'us' | 'requests' | 'bytes' | 'errors' | 'p50Us' | 'p99Us', number>;
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
  peer: RunningPeer,
  load: Load,
  requestsPerSecond: number,
  pin: readonly string[],
  waiting: Waiting = 'poll',
): Promise<OpenLoopResult> {
  const program = [process.execPath, join(HERE, 'open-loop.js')];
  const numbers = [peer.port, requestsPerSecond, load.seconds, load.connections].map((n) => `${Math.round(n)}`);
  return JSON.parse(await runCommand([...pin, ...program, ...numbers, load.path, waiting])) as OpenLoopResult;
}

async function runCommand([program = '', ...args]: readonly string[]): Promise<string> {
  const { stdout } = await run(program, args, { maxBuffer: 1 << 20 });
  return stdout;
}
