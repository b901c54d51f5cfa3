// GatewayProcess: a gateway in a process of its own, for tests that ask how much memory it takes.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { ChildMessage } from './gateway-child.js';

export class GatewayProcess {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** `config` is the text of a linkerd.yaml with `port: 0` everywhere. */
  static async start(config: string): Promise<GatewayProcess> {
    const child = fork(new URL('./gateway-child.js', import.meta.url), { env: { ...process.env, CONFIG: config } });
    const message = await nextMessage(child);
    if (!('port' in message)) throw new Error('the first message of a gateway process is its port');
    return new GatewayProcess(child, message.port);
  }

  /** The most memory it ever had resident. */
  async peakResidentBytes(): Promise<number> {
    this.#child.send('memory?');
    const message = await nextMessage(this.#child);
    if (!('peakResidentBytes' in message)) throw new Error('a gateway process answers with its memory');
    return message.peakResidentBytes;
  }

  async close(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.disconnect();
    await gone;
  }
}

async function nextMessage(child: ChildProcess): Promise<ChildMessage> {
  const ended = once(child, 'exit').then(() => {
    throw new Error('the gateway process ended; what it printed on stderr says why');
  });
  const [message] = (await Promise.race([once(child, 'message'), ended])) as [ChildMessage];
  ended.catch(() => {});
  return message;
}
