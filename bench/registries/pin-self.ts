// Pin self: the command prefix that pins a program in, this process and all that it starts from now on pinned the same way.

import { execFileSync } from 'node:child_process';

/** `prefix` is `taskset -c <cores>`, or empty where nothing can be pinned. */
export function pinSelf(prefix: readonly string[]): void {
  const cores = prefix.at(-1);
  // All its threads: those of Node's pool run beside the one that JavaScript runs on.
  if (cores !== undefined) execFileSync('taskset', ['-acp', cores, String(process.pid)], { stdio: 'ignore' });
}
