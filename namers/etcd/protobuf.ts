// Protobuf: fields in, the bytes of a message out, and back; as much of the wire format as etcd's messages need.

import { GarbageError } from '../shared/registry-watch.js';

/** A field of a message to write; `undefined` and zero values are left out, as proto3 has it. */
export type FieldToWrite = readonly [number: number, value: Buffer | string | number | boolean | undefined];

/** A field as it was read: wire type 2 gives a piece of the message, the others a number. */
export interface FieldRead {
  readonly number: number;
  readonly value: number | Buffer;
}

export function writeMessage(...fields: readonly FieldToWrite[]): Buffer {
  const pieces: Buffer[] = [];
  for (const [number, value] of fields) {
    if (value === undefined) continue;
    if (typeof value === 'number' || typeof value === 'boolean') {
      if (Number(value) !== 0) pieces.push(varint(number * 8 + VARINT), varint(Number(value)));
      continue;
    }
    const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
    pieces.push(varint(number * 8 + LENGTH_DELIMITED), varint(bytes.length), bytes);
  }
  return Buffer.concat(pieces);
}

/**
 * The fields of `message` in their order; of unknown ones the reader takes no notice. Numbers above 2^53 lose their last
 * bits: nothing that is read here grows so large. Throws GarbageError when it is not a message.
 */
export function* readMessage(message: Buffer): Generator<FieldRead> {
  const reader = new Reader(message);
  while (!reader.isAtEnd) {
    const tag = reader.varint();
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case VARINT:
        yield { number, value: reader.varint() };
        break;
      case FIXED_64:
        reader.bytes(8);
        break;
      case LENGTH_DELIMITED:
        yield { number, value: reader.bytes(reader.varint()) };
        break;
      case FIXED_32:
        reader.bytes(4);
        break;
      default:
        throw notProtobuf();
    }
  }
}

const VARINT = 0;
const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

class Reader {
  readonly #message: Buffer;
  #at = 0;

  constructor(message: Buffer) {
    this.#message = message;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#message.length;
  }

  varint(): number {
    let value = 0;
    // 64 bits are at most ten bytes.
    for (let i = 0; i < 10; i++) {
      const byte = this.#message[this.#at++];
      if (byte === undefined) throw notProtobuf();
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw notProtobuf();
  }

  bytes(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#message.length) throw notProtobuf();
    const piece = this.#message.subarray(this.#at, end);
    this.#at = end;
    return piece;
  }
}

function notProtobuf(): GarbageError {
  return new GarbageError('the answer is not a protobuf message');
}
