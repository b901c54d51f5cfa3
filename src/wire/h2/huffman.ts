// The Huffman code of HPACK (RFC 7541 §5.2, Appendix B): coded bytes in, latin-1 text out.
//
// The code is canonical: codes of one length are consecutive numbers in the order of their symbols, and each length goes
// on where the one before ended. The lengths are thus all there is to know of Appendix B.

import { latin1Slice } from '../latin1.js';
import { H2Error } from './h2-error.js';

/** Bits of the code of each octet 0 to 255, and of EOS. */
const CODE_BITS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
] as const;
const EOS = 256;
const MIN_CODE_BITS = 5;
const MAX_CODE_BITS = 30;

/** Codes up to this long are found in one look: all of what field values are commonly made of, in a table of 2 KiB. */
const WINDOW_BITS = 10;
const WINDOW = (1 << WINDOW_BITS) - 1;

const { symbols, lengths } = canonicalCodes();
/** By the next `WINDOW_BITS` bits: symbol · 16 + bits of its code; 0 where the code is longer. */
const SHORT_CODES = shortCodes();

/** Longer text is rare and gets a buffer of its own. */
const SCRATCH_BYTES = 8 * 1024;
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

/** The text of `bytes[start, end)`. Throws `H2Error('COMPRESSION_ERROR')` at EOS and at padding that is not §5.2's. */
export function huffmanText(bytes: Buffer, start: number, end: number): string {
  const maxLength = Math.ceil((8 * (end - start)) / MIN_CODE_BITS);
  const text = maxLength <= SCRATCH_BYTES ? scratch : Buffer.allocUnsafe(maxLength);
  let length = 0;
  let next = start;
  // The low `count` bits of `bits` are those that were read and not yet used; above them is what was used.
  let bits = 0;
  let count = 0;
  for (;;) {
    if (count < WINDOW_BITS) {
      if (next === end) break;
      bits = (bits << 8) | (bytes[next++] as number);
      count += 8;
      continue;
    }
    const code = SHORT_CODES[(bits >>> (count - WINDOW_BITS)) & WINDOW] as number;
    if (code !== 0) {
      text[length++] = code >>> 4;
      count -= code & 15;
      continue;
    }
    const first = 8 * next - count;
    const found = findLongCode(bytes, first, 8 * end);
    text[length++] = found >>> 5;
    const after = first + (found & 31);
    next = (after + 7) >>> 3;
    count = 8 * next - after;
    bits = bytes[next - 1] as number;
  }
  // Fewer bits than a look takes are left. Ones behind them, as in padding, complete no code that is not complete there.
  for (;;) {
    const missing = WINDOW_BITS - count;
    const code = SHORT_CODES[((bits << missing) | ((1 << missing) - 1)) & WINDOW] as number;
    if (code === 0 || (code & 15) > count) break;
    text[length++] = code >>> 4;
    count -= code & 15;
  }
  const padding = (1 << count) - 1;
  if (count > 7 || (bits & padding) !== padding) throw refusal('does not end in less than 8 bits, all ones');
  return latin1Slice(text, 0, length);
}

/** Symbol · 32 + bits, of the code that begins at bit `first`. */
function findLongCode(bytes: Buffer, first: number, end: number): number {
  let code = 0;
  for (let bits = 1; bits <= MAX_CODE_BITS; bits += 1) {
    const at = first + bits - 1;
    if (at === end) throw refusal('ends within a code');
    code = (code << 1) | (((bytes[at >>> 3] as number) >>> (7 - (at & 7))) & 1);
    const { firstCode, count, firstSymbol } = lengths[bits] as CodeLength;
    if (code - firstCode >= count) continue;
    const symbol = symbols[firstSymbol + code - firstCode] as number;
    if (symbol === EOS) break;
    return (symbol << 5) | bits;
  }
  throw refusal('contains EOS');
}

function refusal(why: string): H2Error {
  return new H2Error('COMPRESSION_ERROR', `A Huffman-coded string of a field block ${why} (RFC 7541 §5.2)`);
}

interface CodeLength {
  readonly firstCode: number;
  readonly count: number;
  /** Index in `symbols` of the symbol of `firstCode`. */
  readonly firstSymbol: number;
}

/** The symbols in the order of their codes, and per number of bits which of them have codes of that length. */
function canonicalCodes(): { symbols: readonly number[]; lengths: readonly CodeLength[] } {
  const symbols: number[] = [];
  const lengths: CodeLength[] = [{ firstCode: 0, count: 0, firstSymbol: 0 }];
  let firstCode = 0;
  for (let bits = 1; bits <= MAX_CODE_BITS; bits += 1) {
    firstCode <<= 1;
    const firstSymbol = symbols.length;
    CODE_BITS.forEach((codeBits, symbol) => {
      if (codeBits === bits) symbols.push(symbol);
    });
    const count = symbols.length - firstSymbol;
    lengths.push({ firstCode, count, firstSymbol });
    firstCode += count;
  }
  return { symbols, lengths };
}

function shortCodes(): Uint16Array {
  const table = new Uint16Array(1 << WINDOW_BITS);
  for (let bits = MIN_CODE_BITS; bits <= WINDOW_BITS; bits += 1) {
    const { firstCode, count, firstSymbol } = lengths[bits] as CodeLength;
    const rest = WINDOW_BITS - bits;
    for (let i = 0; i < count; i += 1) {
      const code = ((symbols[firstSymbol + i] as number) << 4) | bits;
      table.fill(code, (firstCode + i) << rest, (firstCode + i + 1) << rest);
    }
  }
  return table;
}
