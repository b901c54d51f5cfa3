// Scenario: the contract of one thing to measure: running proxies in, a table and its numbers out.

import type { Front } from './front.js';
import type { LoadProgram } from './load-program.js';
import type { Pinning } from './machine.js';
import type { Options } from './options.js';
import type { RunningPeer } from './peers.js';

export interface Scenario {
  readonly name: string;
  /** One sentence over the table. */
  readonly title: string;
  /** Peers measured unless `--peers` says otherwise; undefined: all. */
  readonly peers: readonly string[] | undefined;
  /** What the load speaks to the peers. Default HTTP/1.1 in plain text. */
  readonly front?: Front;
  /** Programs that make the load. Default wrk. */
  readonly needs?: readonly LoadProgram[];
  run(bench: Bench): Promise<Report>;
}

export interface Bench {
  readonly options: Options;
  readonly pinning: Pinning;
  /** For files of this run. */
  readonly folder: string;
  /** Fresh processes, in the order of PEERS. They are stopped by who started them. */
  readonly peers: readonly RunningPeer[];
  /** Shows progress. */
  say(text: string): void;
}

export interface Report {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Whatever the reader must know. */
  readonly notes: readonly string[];
  /** Every measured number, for the JSON file. */
  readonly data: unknown;
}
