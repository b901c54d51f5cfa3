import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { H2Error } from '../../../../src/wire/h2/h2-error.js';
import { huffmanText } from '../../../../src/wire/h2/huffman.js';
import { hex } from './hpack-blocks.js';
import { huffmanBits, huffmanBytes } from './huffman-writer.js';

function text(bytes: Buffer): string {
  return huffmanText(Buffer.concat([Buffer.of(0xaa), bytes, Buffer.of(0xaa)]), 1, 1 + bytes.length);
}

function refusal(bytes: Buffer): string {
  try {
    text(bytes);
  } catch (error) {
    assert.ok(error instanceof H2Error);
    assert.equal(error.code, 'COMPRESSION_ERROR');
    return error.message;
  }
  return assert.fail(`${bytes.toString('hex')} was not refused`);
}

describe('huffman text', () => {
  it('reads each octet alone, and behind codes of every other length', () => {
    for (let octet = 0; octet < 256; octet += 1) {
      const char = String.fromCharCode(octet);
      for (const before of ['', '0', 'ab', ' A', '&', '!"', '\u0000', '\u007f', '\u00ff\n']) {
        const whole = `${before}${char}0`;
        assert.equal(text(huffmanBytes(whole)), whole, `octet ${octet} behind ${JSON.stringify(before)}`);
      }
    }
  });

  it('reads any text, longer than the buffer that short text shares too', () => {
    const char = fc.integer({ min: 0, max: 255 }).map((octet) => String.fromCharCode(octet));
    const word = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: char, maxLength: 40 }));
    fc.assert(
      fc.property(word, fc.constantFrom(1, 2, 700), (one, times) => {
        const whole = Buffer.from(one, 'latin1').toString('latin1').repeat(times);
        assert.equal(text(huffmanBytes(whole)), whole);
      }),
      { numRuns: 1000, seed: 7541 },
    );
  });

  it('reads empty text', () => {
    assert.equal(text(Buffer.alloc(0)), '');
  });

  for (const [title, bytes] of [
    ['nothing but padding, a whole octet', hex('ff')],
    ['one octet of padding too much', hex('1fff')],
    ['three octets of padding too many', hex('1fffffff')],
    ['padding of zeros', huffmanBits(`${'00011'}000`)],
    ['padding with one zero', huffmanBits(`${'00011'}101`)],
    ['padding that ends in a zero', huffmanBits(`${'00011'}110`)],
    ['the beginning of a long code', hex('fffffe')],
    ['a long code without its last octet', huffmanBytes('\u0002').subarray(0, 3)],
  ] as const) {
    it(`refuses ${title}`, () => {
      assert.match(refusal(bytes), /does not end in less than 8 bits, all ones|ends within a code/);
    });
  }

  it('refuses EOS, alone, with padding, and between octets', () => {
    assert.match(refusal(hex('ffffffff')), /contains EOS/);
    assert.match(refusal(hex('fffffffc')), /contains EOS/);
    assert.match(refusal(huffmanBits(`00011${'1'.repeat(30)}00011`)), /contains EOS/);
  });
});
