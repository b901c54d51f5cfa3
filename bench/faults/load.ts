// Load: requests at a steady rate from a process of its own; what became of each when it is stopped.

import { Child } from './child.js';
import type { LoadAnswer } from './load-process.js';
import type { Outcomes } from './outcomes.js';

export interface LoadOptions {
  readonly port: number;
  readonly host: string;
  readonly requestsPerSecond: number;
  /** It sends nothing after that. */
  readonly maxSeconds: number;
  /** Open before the first request is due; more are opened where these do not suffice. Default 0. */
  readonly connections?: number;
  /** Prefix of the command line. */
  readonly pin: readonly string[];
}

export class Load {
  readonly #child: Child<'stop', LoadAnswer>;

  private constructor(child: Child<'stop', LoadAnswer>) {
    this.#child = child;
  }

  /** Resolves when the first request is due. */
  static async start({ port, host, requestsPerSecond, maxSeconds, connections = 0, pin }: LoadOptions): Promise<Load> {
    const args = [`${port}`, `${requestsPerSecond}`, `${Math.ceil(maxSeconds)}`, host, `${connections}`];
    const load = new Load(new Child('load-process.js', args, pin));
    await load.#child.hear();
    return load;
  }

  /** Waits for the answers to what is under way, for a few seconds at most. */
  async stop(): Promise<Outcomes> {
    const answer = await this.#child.ask('stop');
    await this.close();
    if (answer.type !== 'outcomes') throw new Error('a load that is stopped answers with its outcomes');
    return answer.outcomes;
  }

  close(): Promise<void> {
    return this.#child.close();
  }
}
