// ByteBuffer: frames and field blocks written piece by piece into one growing buffer, handed out as one Buffer per flush.

/** Latin-1 text up to this many characters is written in a loop: the call into Node's own writer costs more than that. */
const SHORT_TEXT = 16;
/** A connection that says little holds little; one that says much soon allocates rarely. */
const FIRST_SLAB_BYTES = 1024;
const MAX_SLAB_BYTES = 32 * 1024;
/** A rest of a slab that is smaller than this is left behind: moving what was begun there would cost more. */
const MIN_ROOM_BYTES = 256;

const EMPTY = Buffer.alloc(0);

/** Node has this method on every Buffer, without documentation; `write` comes to it after choosing by encoding name. */
type Latin1Buffer = Buffer & { latin1Write(text: string, offset: number, length: number): number };

/**
 * Output of one connection: it grows as needed, and every number is written big-endian (network order). Offsets (`at`)
 * count from the first byte since the last `take`, as `length` does, and are good until the next `take`.
 *
 * What `take` hands out lies in a slab that later output goes on filling behind it, so nothing is copied and nothing
 * that was handed out is written to again.
 */
export class ByteBuffer {
  #slab: Buffer = EMPTY;
  #slabBytes = FIRST_SLAB_BYTES;
  /** In the slab: of the first byte since the last `take`, and after the last. */
  #start = 0;
  #end = 0;

  /** Bytes written since the last `take`; also the offset at which the next byte goes. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Makes room for `count` more bytes. Every write does so by itself: this one saves moving them when much is to come. */
  ensure(count: number): void {
    if (this.#end + count > this.#slab.length) this.#grow(count);
  }

  /** The low 8 bits of `value`. */
  u8(value: number): void {
    if (this.#end === this.#slab.length) this.#grow(1);
    this.#slab[this.#end++] = value;
  }

  u16(value: number): void {
    this.ensure(2);
    const slab = this.#slab;
    const end = this.#end;
    slab[end] = value >>> 8;
    slab[end + 1] = value;
    this.#end = end + 2;
  }

  u24(value: number): void {
    this.ensure(3);
    const slab = this.#slab;
    const end = this.#end;
    slab[end] = value >>> 16;
    slab[end + 1] = value >>> 8;
    slab[end + 2] = value;
    this.#end = end + 3;
  }

  u32(value: number): void {
    this.ensure(4);
    const slab = this.#slab;
    const end = this.#end;
    slab[end] = value >>> 24;
    slab[end + 1] = value >>> 16;
    slab[end + 2] = value >>> 8;
    slab[end + 3] = value;
    this.#end = end + 4;
  }

  /** One byte a character; of a character above U+00FF the low 8 bits. */
  latin1(text: string): void {
    const { length } = text;
    this.ensure(length);
    const slab = this.#slab;
    const end = this.#end;
    if (length <= SHORT_TEXT) for (let i = 0; i < length; i += 1) slab[end + i] = text.charCodeAt(i);
    else (slab as Latin1Buffer).latin1Write(text, end, length);
    this.#end = end + length;
  }

  /** Copies `bytes`. */
  bytes(bytes: Buffer): void {
    this.ensure(bytes.length);
    this.#slab.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Writes over the byte at `at`, which must have been written: a flag that was not known then. */
  setU8(at: number, value: number): void {
    this.#slab[this.#start + at] = value;
  }

  /** Writes over the three bytes from `at`, which must have been written: a frame's length, once it is known. */
  setU24(at: number, value: number): void {
    const i = this.#start + at;
    this.#slab[i] = value >>> 16;
    this.#slab[i + 1] = value >>> 8;
    this.#slab[i + 2] = value;
  }

  /** Takes back what was written from `at` on, and answers a copy: a field block that turned out to need more frames. */
  cut(at: number): Buffer {
    const from = this.#start + at;
    const cut = Buffer.from(this.#slab.subarray(from, this.#end));
    this.#end = from;
    return cut;
  }

  /** What was written since the last `take`, the caller's to keep; empty when that is nothing. Starts anew. */
  take(): Buffer {
    const taken = this.#slab.subarray(this.#start, this.#end);
    this.#start = this.#end;
    if (this.#slab.length - this.#end < MIN_ROOM_BYTES) this.#drop();
    return taken;
  }

  #grow(count: number): void {
    const { length } = this;
    this.#slabBytes = Math.min(2 * this.#slabBytes, MAX_SLAB_BYTES);
    const slab = Buffer.allocUnsafeSlow(Math.max(this.#slabBytes, 2 * (length + count)));
    slab.set(this.#slab.subarray(this.#start, this.#end));
    this.#slab = slab;
    this.#start = 0;
    this.#end = length;
  }

  /** The next write allocates: an idle connection holds no slab that is of no use. */
  #drop(): void {
    this.#slab = EMPTY;
    this.#start = 0;
    this.#end = 0;
  }
}
