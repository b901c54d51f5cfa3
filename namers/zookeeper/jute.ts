// Jute: values in, the bytes of ZooKeeper's wire format out, and back. Numbers are big-endian; texts, buffers and lists have their
// length in front, -1 for none.

import { GarbageError } from '../shared/registry-watch.js';

export class JuteWriter {
  readonly #parts: Buffer[] = [];

  int(value: number): this {
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeInt32BE(value);
    this.#parts.push(bytes);
    return this;
  }

  long(value: bigint): this {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeBigInt64BE(value);
    this.#parts.push(bytes);
    return this;
  }

  bool(value: boolean): this {
    this.#parts.push(Buffer.of(value ? 1 : 0));
    return this;
  }

  buffer(value: Buffer): this {
    this.int(value.length);
    this.#parts.push(value);
    return this;
  }

  text(value: string): this {
    return this.buffer(Buffer.from(value, 'utf8'));
  }

  /** What `other` has written. */
  append(other: JuteWriter): this {
    this.#parts.push(...other.#parts);
    return this;
  }

  /** Everything written so far with its length in front, as it goes over the wire. */
  frame(): Buffer {
    const size = this.#parts.reduce((sum, part) => sum + part.length, 0);
    return Buffer.concat([new JuteWriter().int(size).#parts[0] as Buffer, ...this.#parts]);
  }
}

/** Reads one frame. Throws GarbageError where the frame ends before the value does. */
export class JuteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  int(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  long(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8));
  }

  /** A view on the frame; none reads as an empty one. */
  buffer(): Buffer {
    const size = Math.max(this.int(), 0);
    const start = this.#take(size);
    return this.#bytes.subarray(start, start + size);
  }

  text(): string {
    return this.buffer().toString('utf8');
  }

  texts(): string[] {
    const texts: string[] = [];
    // A count that lies ends at the end of the frame: nothing is allocated for it beforehand.
    for (let left = this.int(); left > 0; left--) texts.push(this.text());
    return texts;
  }

  #take(size: number): number {
    const start = this.#at;
    if (size > this.#bytes.length - start) throw new GarbageError('an answer ends in the middle of a value');
    this.#at += size;
    return start;
  }
}
