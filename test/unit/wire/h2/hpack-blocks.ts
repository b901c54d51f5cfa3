// Field blocks for tests: hex text to and from bytes, and one call to encode or decode a list.

import { ByteBuffer } from '../../../../src/wire/h2/byte-buffer.js';
import type { DecodedBlock, HpackDecoder } from '../../../../src/wire/h2/hpack-decoder.js';
import type { HpackEncoder } from '../../../../src/wire/h2/hpack-encoder.js';

/** White space is for the eye. */
export function hex(text: string): Buffer {
  return Buffer.from(text.replace(/\s/g, ''), 'hex');
}

/** Not at index 0 of its buffer, as blocks never are. */
export function decodeBlock(decoder: HpackDecoder, block: Buffer): DecodedBlock {
  return decoder.decode(Buffer.concat([Buffer.of(0x82), block, Buffer.of(0x82)]), 1, 1 + block.length);
}

export function encodeBlock(encoder: HpackEncoder, fields: readonly string[], sensitive?: readonly string[]): Buffer {
  const out = new ByteBuffer();
  encoder.encode(fields, out, sensitive);
  return out.take();
}
