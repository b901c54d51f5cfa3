// Backends: the servers behind the gateway, in a process of their own, as a scenario commands them.

import type { Attempts, Behaviour } from './backend.js';
import type { BackendAnswer, BackendMessage } from './backend-process.js';
import { Child } from './child.js';

export interface BackendsOptions {
  readonly count: number;
  /** Their answers take up to so many ms; 0: none. */
  readonly slowMs?: number;
  /** Prefix of the command line. */
  readonly pin: readonly string[];
}

export class Backends {
  readonly ports: readonly number[];
  readonly #child: Child<BackendMessage, BackendAnswer>;

  private constructor(child: Child<BackendMessage, BackendAnswer>, ports: readonly number[]) {
    this.#child = child;
    this.ports = ports;
  }

  static async start({ count, slowMs = 0, pin }: BackendsOptions): Promise<Backends> {
    const child = new Child<BackendMessage, BackendAnswer>('backend-process.js', [`${count}`, `${slowMs}`], pin);
    const answer = await child.hear();
    if (answer.type !== 'listening') throw new Error('the first message of the backends is their ports');
    return new Backends(child, answer.ports);
  }

  /** The first ones as given, the others answer. The time from which they do. */
  async behave(...behaviours: readonly Behaviour[]): Promise<number> {
    const answer = await this.#child.ask({ type: 'behave', behaviours });
    if (answer.type !== 'behaving') throw new Error('backends that are told how to behave say when they do');
    return answer.sinceMs;
  }

  /** What each was sent. */
  async report(): Promise<readonly Attempts[]> {
    const answer = await this.#child.ask({ type: 'report' });
    if (answer.type !== 'report') throw new Error('backends that are asked for a report give one');
    return answer.attempts;
  }

  close(): Promise<void> {
    return this.#child.close();
  }
}
