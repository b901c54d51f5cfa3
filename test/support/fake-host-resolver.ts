// FakeHostResolver: answers for host names that a test sets, given when the test says so.

import type { HostResolver } from '../../src/naming/host-resolver.js';

export class FakeHostResolver implements HostResolver {
  /** By name; none: there is no such host. */
  readonly answers = new Map<string, readonly string[] | Error>();
  /** Names in the order in which they were asked for. */
  readonly asked: string[] = [];
  closed = false;

  async resolve(host: string): Promise<readonly string[]> {
    this.asked.push(host);
    const answer = this.answers.get(host) ?? [];
    if (answer instanceof Error) throw answer;
    return answer;
  }

  close(): void {
    this.closed = true;
  }
}

/** Resolves when every promise that is due has had its turn. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
