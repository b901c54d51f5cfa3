// Traffic: a few callers that ask one name over and over, on connections that they keep; every answer is counted, every
// failure kept.

import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { RawClient } from './raw-client.js';

export interface TrafficOptions {
  /** Of the gateway. */
  readonly port: number;
  /** The bytes of one request. */
  readonly request: string;
  /** Default 10. */
  readonly callers?: number;
  /** Of each caller between an answer and the next request, in milliseconds. Default 10. */
  readonly pauseMs?: number;
}

export class Traffic {
  /** What was answered with other than 200, or not at all. */
  readonly failures: string[] = [];
  /** Of the `until` under way, for the message of a failure. */
  #phase = 'the start';
  /** Bodies of the answers, the latest last; as many as make two rounds of all callers. */
  #latest: string[] = [];
  #answers = 0;
  #stopped = false;
  readonly #callers: number;
  readonly #loops: Promise<void>[] = [];

  private constructor(callers: number) {
    this.#callers = callers;
  }

  /** Resolves once every caller has been answered. */
  static async start(options: TrafficOptions): Promise<Traffic> {
    const { callers = 10 } = options;
    const traffic = new Traffic(callers);
    for (let i = 0; i < callers; i++) traffic.#loops.push(traffic.#call(options));
    try {
      await traffic.until('first answers', () => traffic.#answers >= callers);
    } catch (error) {
      await traffic.stop();
      throw error;
    }
    return traffic;
  }

  /** Waits until the last two rounds of all callers were answered by these bodies, each of them at least once. */
  async settlesOn(...bodies: readonly string[]): Promise<void> {
    await this.until(
      `answers of ${bodies.join(' and ')} alone`,
      () =>
        this.#latest.length === 2 * this.#callers &&
        this.#latest.every((body) => bodies.includes(body)) &&
        bodies.every((body) => this.#latest.includes(body)),
    );
  }

  /** Rejects after `limitMs` with what the latest answers were. */
  async until(what: string, condition: () => boolean, limitMs = 15_000): Promise<void> {
    this.#phase = what;
    const deadline = performance.now() + limitMs;
    while (!condition()) {
      if (performance.now() > deadline) {
        const failure = this.failures.length > 0 ? `; ${this.failures.length} failures: ${this.failures[0]}` : '';
        assert.fail(`no ${what} after ${limitMs} ms; the latest: ${[...new Set(this.#latest)].join(', ')}${failure}`);
      }
      await pause(5);
    }
  }

  /** Ends the traffic. Fails when a single request was answered with other than 200; resolves with how many there were. */
  async end(): Promise<number> {
    await this.stop();
    const [first] = this.failures;
    assert.equal(this.failures.length, 0, `${this.failures.length} of ${this.#answers} requests failed: ${first}`);
    return this.#answers;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }

  async #call({ port, request, pauseMs = 10 }: TrafficOptions): Promise<void> {
    let client: RawClient | undefined;
    while (!this.#stopped) {
      try {
        client ??= await RawClient.connect({ port });
        await client.send(request);
        const { status, text } = await client.readResponse();
        this.#answered(status === 200 ? undefined : `${status} ${text}`, text);
      } catch (error) {
        client?.close();
        client = undefined;
        this.#answered(String(error), '(none)');
      }
      await pause(pauseMs);
    }
    client?.close();
  }

  #answered(failure: string | undefined, body: string): void {
    this.#answers += 1;
    if (failure !== undefined && this.failures.length < 100)
      this.failures.push(`while waiting for ${this.#phase}: ${failure}`);
    this.#latest.push(body);
    if (this.#latest.length > 2 * this.#callers) this.#latest.shift();
  }
}
