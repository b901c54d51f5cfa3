// Bench gateway: a linkgate process before one registry, that answers to the names of services.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GATEWAY } from '../proxy/machine.js';
import { freePort, Program } from '../proxy/process.js';
import { hostName } from '../proxy/request.js';
import { Caller } from './caller.js';
import { ANSWERING, type LiveMemory, liveMemory } from './live-memory.js';
import type { RegistryDriver } from './subjects.js';

export interface BenchGateway {
  readonly port: number;
  readonly program: Program;
  /** After a collection. The gateway does nothing else meanwhile. */
  memory(): Promise<LiveMemory>;
}

export interface GatewayPlan {
  readonly driver: RegistryDriver;
  /** A service is asked for with its name as Host. */
  readonly services: readonly string[];
  /** Asked for with the Host of the load. */
  readonly loaded?: string;
  readonly folder: string;
  /** Prefix of its command line. */
  readonly pin: readonly string[];
}

/** Resolves once it answers for the first of the services, which has to be registered. */
export async function startBenchGateway({ driver, services, loaded, folder, pin }: GatewayPlan): Promise<BenchGateway> {
  const port = await freePort();
  const names = services.map((service) => `/svc/${service} => ${driver.name(service)}`);
  if (loaded !== undefined) names.push(`/svc/${hostName(0)} => ${driver.name(loaded)}`);
  const config = {
    admin: { port: 0 },
    namers: [driver.namer],
    routers: [
      {
        protocol: 'http',
        dtab: names.join(' ; '),
        // As many as are asked for: none is to be looked up again in the middle of the measurement.
        bindingCache: { paths: 2 * names.length, clients: 2 * names.length },
        servers: [{ port }],
      },
    ],
  };
  const file = join(folder, 'linkerd.yaml');
  writeFileSync(file, JSON.stringify(config));
  const program = await Program.start({
    command: [...pin, process.execPath, ...ANSWERING, GATEWAY, file],
    folder,
    name: 'linkgate',
    isReady: () => answers(port, services[0] ?? ''),
  });
  return { port, program, memory: () => liveMemory(program, folder) };
}

async function answers(port: number, service: string): Promise<boolean> {
  try {
    const caller = await Caller.connect(port, service);
    const { status } = await caller.ask();
    caller.close();
    return status === 200;
  } catch {
    return false;
  }
}
