// Priority: which program gets a core that several want: a prefix of its command line.

import { spawnSync } from 'node:child_process';

export interface Priority {
  /** Empty where it is not permitted. */
  readonly prefix: readonly string[];
  /** What the reader must know then. */
  readonly note: string | undefined;
}

/**
 * The core at once, whatever else wants it: for programs that sleep most of the time, together. Niceness would not do: it counts
 * only among the programs of one session (autogroups, sched(7)), and whoever runs when a program wakes may end a slice of some
 * milliseconds first.
 */
export function realTimePriority(): Priority {
  return schedule(
    '-r',
    '1',
    'no real-time priority',
    'latencies hold what gateway, load and upstreams waited for other programs',
  );
}

/** The core while nobody else wants it: for a program that asks the clock all the time, beside one that must answer at once. */
export function idlePriority(): Priority {
  return schedule('-i', '0', 'no idle priority', 'the upstream waits for the load, and latencies hold that');
}

function schedule(policy: string, level: string, missing: string, consequence: string): Priority {
  const prefix = ['chrt', policy, level];
  const { error, status, stderr } = spawnSync('chrt', [policy, level, 'true'], { encoding: 'utf8' });
  if (status === 0) return { prefix, note: undefined };
  const why = error?.message ?? stderr.trim().split('\n')[0];
  return { prefix: [], note: `${missing} (${why}): ${consequence}` };
}
