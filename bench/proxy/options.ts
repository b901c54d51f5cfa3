// Options: the command line of the benchmark in, what to measure out.

import { parseArgs } from 'node:util';

export interface Options {
  /** Interleaved rounds for each peer. */
  readonly rounds: number;
  /** Length of one round. */
  readonly seconds: number;
  /** Keep-alive connections of the load. */
  readonly connections: number;
  /** Names of the peers; undefined: each scenario's own choice. */
  readonly peers: readonly string[] | undefined;
  readonly scenarios: readonly string[];
}

export class UsageError extends Error {}

const NAMES = /^[a-z0-9-]+(,[a-z0-9-]+)*$/;

/** Throws UsageError. `known` lists what may be named. */
export function parseOptions(
  args: readonly string[],
  known: { readonly peers: readonly string[]; readonly scenarios: readonly string[] },
): Options {
  let values: Partial<Record<'rounds' | 'seconds' | 'connections' | 'peers' | 'scenario', string>>;
  try {
    const string = { type: 'string' } as const;
    const options = { rounds: string, seconds: string, connections: string, peers: string, scenario: string };
    values = parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const scenario = values.scenario ?? 'small';
  return {
    rounds: positive('rounds', values.rounds, 5),
    seconds: positive('seconds', values.seconds, 4),
    connections: positive('connections', values.connections, 32),
    peers: values.peers === undefined ? undefined : names('peers', values.peers, known.peers),
    scenarios: scenario === 'all' ? known.scenarios : names('scenario', scenario, known.scenarios),
  };
}

function positive(option: string, text: string | undefined, byDefault: number): number {
  if (text === undefined) return byDefault;
  if (!/^[1-9][0-9]{0,4}$/.test(text)) throw new UsageError(`--${option} is "${text}", want a whole number from 1`);
  return Number(text);
}

function names(option: string, text: string, known: readonly string[]): string[] {
  const wanted = NAMES.test(text) ? text.split(',') : [text];
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new UsageError(`--${option} names "${unknown}", want some of ${known.join(',')}`);
  return wanted;
}
