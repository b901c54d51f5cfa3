// Child: a script of this folder as a process of its own, pinned; one message at a time goes there, and its answer comes back.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));

/** The script answers each message with one of its own. It ends when its parent lets go of it. */
export class Child<Message, Answer> {
  readonly #child: ChildProcess;
  readonly #script: string;

  /** `pin`: prefix of the command line. */
  constructor(script: string, args: readonly string[], pin: readonly string[]) {
    const [command = '', ...rest] = [...pin, process.execPath, '--enable-source-maps', join(HERE, script), ...args];
    this.#script = script;
    // `advanced`, for typed arrays.
    this.#child = spawn(command, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' });
  }

  /** Its next message. Rejects when it ends before. */
  async hear(): Promise<Answer> {
    const over = new AbortController();
    const { signal } = over;
    const ended = once(this.#child, 'exit', { signal }).then(() => {
      throw new Error(`${this.#script} ended; what it printed on stderr says why`);
    });
    ended.catch(() => {});
    try {
      const [answer] = (await Promise.race([once(this.#child, 'message', { signal }), ended])) as [Answer];
      return answer;
    } finally {
      over.abort();
    }
  }

  ask(message: Message): Promise<Answer> {
    const answer = this.hear();
    this.#child.send(message as object);
    return answer;
  }

  async close(): Promise<void> {
    if (!this.#child.connected) return;
    const gone = once(this.#child, 'exit');
    this.#child.disconnect();
    await gone;
  }
}
