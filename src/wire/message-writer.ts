// MessageWriter: heads, body chunks and ends of one message after the other in, as few writes as can be out.

import type { Headers } from '../service/headers.js';
import type { BodyFraming } from './head-writer.js';
import { latin1Slice } from './latin1.js';
import { COALESCE_BYTES, type PushWrites } from './push-socket.js';

/** One per connection. A head is held until there is something to send with it: a small body, its end, or `flush`. */
export class MessageWriter {
  readonly #writes: PushWrites;
  #framing: BodyFraming = 'none';
  #held = '';

  constructor(writes: PushWrites) {
    this.#writes = writes;
  }

  /** `head` is complete text, with its empty line. */
  begin(head: string, framing: BodyFraming): void {
    this.#held = head;
    this.#framing = framing;
  }

  get framing(): BodyFraming {
    return this.#framing;
  }

  get isHolding(): boolean {
    return this.#held !== '';
  }

  /** As `BodySink.data`. Bytes of a message without body are dropped. */
  data(chunk: Buffer): boolean {
    if (this.#framing === 'none' || chunk.length === 0) return true;
    const held = this.#held;
    let before = held;
    let after = '';
    if (this.#framing === 'chunked') {
      before += `${chunk.length.toString(16)}\r\n`;
      after = '\r\n';
    }
    if (held !== '' && chunk.length + held.length <= COALESCE_BYTES) {
      this.#held = before + latin1Slice(chunk, 0, chunk.length) + after;
      return true;
    }
    this.#held = '';
    return this.#writes.body(before, chunk, after);
  }

  flush(): void {
    if (this.#held === '') return;
    const text = this.#held;
    this.#held = '';
    this.#writes.text(text);
  }

  end(trailers: Headers | undefined): void {
    if (this.#framing === 'chunked') this.#held += trailers ? `0\r\n${trailers.lines}\r\n` : '0\r\n\r\n';
    this.flush();
  }
}
