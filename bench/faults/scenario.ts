// FaultScenario: the contract of one fault to measure: a table with its limits, and what missed them, out.

import type { Pinning } from '../proxy/machine.js';

export interface FaultScenario {
  readonly name: string;
  /** One sentence over the table. */
  readonly title: string;
  /** Length of one phase where the command line says nothing. */
  readonly seconds: number;
  run(bench: FaultBench): Promise<FaultReport>;
}

/** Prefixes of command lines: of the gateway, and of the load and the backends. */
export type Roles = Pick<Pinning, 'proxy' | 'load'>;

export interface FaultBench {
  /** Length of one phase. */
  readonly seconds: number;
  readonly requestsPerSecond: number;
  readonly rounds: number;
  readonly pinning: Pinning;
  /** The same with a priority over all that is not measured: not for what uses all of its core. */
  readonly roles: Roles;
  /** For files of this scenario; exists. */
  readonly folder: string;
  /** Shows progress. */
  say(text: string): void;
}

export interface FaultReport {
  /** Limits in the heads of their columns. */
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What is over its limit, in words. */
  readonly misses: readonly string[];
  /** Whatever the reader must know. */
  readonly notes: readonly string[];
  /** Every measured number, for the JSON file. */
  readonly data: unknown;
}

export interface Figure {
  readonly what: string;
  readonly value: number;
  /** As it is printed, with its unit. */
  readonly shown: string;
  readonly limit: Limit;
}

export type Limit = { readonly atLeast: number } | { readonly atMost: number } | { readonly below: number };

/** Those figures that are beyond their limits, or could not be measured. */
export function missesAmong(figures: readonly Figure[]): string[] {
  return figures
    .filter(({ value, limit }) => !isWithin(value, limit))
    .map(({ what, shown, limit }) => `${what}: ${shown}, want ${showLimit(limit)}`);
}

/** `>= 0.999` */
export function showLimit(limit: Limit): string {
  if ('atLeast' in limit) return `>= ${limit.atLeast}`;
  return 'atMost' in limit ? `<= ${limit.atMost}` : `< ${limit.below}`;
}

function isWithin(value: number, limit: Limit): boolean {
  if ('atLeast' in limit) return value >= limit.atLeast;
  return 'atMost' in limit ? value <= limit.atMost : value < limit.below;
}
