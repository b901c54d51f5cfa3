// Priority: how a program that is measured gets its core at once, whatever else wants it: a prefix of its command line.

import { spawnSync } from 'node:child_process';

export interface Priority {
  /** Empty where it is not permitted. */
  readonly prefix: readonly string[];
  /** What the reader must know then. */
  readonly note: string | undefined;
}

const REAL_TIME = ['chrt', '-r', '1'];

/**
 * For programs that sleep most of the time, together. Niceness would not do: it counts only among the programs of one session
 * (autogroups, sched(7)), and whoever runs when a program wakes may end a slice of some milliseconds first.
 */
export function realTimePriority(): Priority {
  const [command = '', ...args] = [...REAL_TIME, 'true'];
  const { error, status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return { prefix: REAL_TIME, note: undefined };
  const why = error?.message ?? stderr.trim().split('\n')[0];
  return {
    prefix: [],
    note: `no real-time priority (${why}): latencies hold what gateway, load and upstreams waited for other programs`,
  };
}
