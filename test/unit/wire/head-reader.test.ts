import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { GatewayError } from '../../../src/base/errors.js';
import { HeadReader } from '../../../src/wire/head-reader.js';

function makeReader(maxInitialLineBytes = 20, maxHeaderBytes = 30): HeadReader {
  return new HeadReader({
    maxInitialLineBytes,
    maxHeaderBytes,
    lineTooLong: 'request-line-too-long',
    headersTooLarge: 'headers-too-large',
    what: 'request',
  });
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Code and message of what reading `pieces` throws. */
function refusal(pieces: readonly string[], reader = makeReader()): readonly [string, string] {
  try {
    for (const piece of pieces) reader.read(bytes(piece), 0);
  } catch (error) {
    assert.ok(error instanceof GatewayError);
    return [error.code, error.message];
  }
  return assert.fail('nothing was refused');
}

describe('head reader', () => {
  it('answers where the head ends, and its text without the empty line', () => {
    const reader = makeReader();
    assert.equal(reader.read(bytes('GET / HTTP/1.1\r\nA: b\r\n\r\nrest'), 0), 24);
    assert.equal(reader.text, 'GET / HTTP/1.1\r\nA: b\r\n');
  });

  it('starts where it is told to', () => {
    const reader = makeReader();
    assert.equal(reader.read(bytes('xxA\r\n\r\n'), 2), 7);
    assert.equal(reader.text, 'A\r\n');
  });

  it('ends a head at the first empty line, wherever that is', () => {
    const anyText = fc.array(fc.constantFrom('\r', '\n', '\r\n', 'a', 'bc', '\r\n\r\n'), { maxLength: 12 });
    fc.assert(
      fc.property(anyText, (parts) => {
        const text = `x${parts.join('')}`;
        const end = text.indexOf('\r\n\r\n');
        const reader = makeReader(100, 100);
        if (end >= 0) {
          assert.equal(reader.read(bytes(text), 0), end + 4);
          assert.equal(reader.text, text.slice(0, end + 2));
        } else if (!/(?:^|[^\r])\n/.test(text)) {
          assert.equal(reader.read(bytes(text), 0), -1);
        }
      }),
      { seed: 20_261_123, numRuns: 2000 },
    );
  });

  it('answers -1 until the head is complete, and then the place in the last piece', () => {
    const reader = makeReader();
    assert.equal(reader.started, false);
    assert.deepEqual(
      ['GET /', ' HTTP/1.1\r', '\nA: b\r\n\r'].map((piece) => reader.read(bytes(piece), 0)),
      [-1, -1, -1],
    );
    assert.equal(reader.started, true);
    assert.equal(reader.read(bytes('\nrest'), 0), 1);
    assert.equal(reader.text, 'GET / HTTP/1.1\r\nA: b\r\n');
    assert.equal(reader.started, false);
  });

  it('keeps the text when the buffer it came in is overwritten', () => {
    const reader = makeReader();
    const shared = bytes('GET /secret');
    reader.read(shared, 0);
    shared.fill(0);
    reader.read(bytes(' HTTP/1\r\n\r\n'), 0);
    assert.equal(reader.text, 'GET /secret HTTP/1\r\n');
  });

  it('reads bytes above ASCII as one character each', () => {
    const reader = makeReader();
    reader.read(Buffer.from([0x41, 0xe4, 0xff, 13, 10, 13, 10]), 0);
    assert.equal(reader.text, 'A\xe4\xff\r\n');
  });

  it('skips one empty line before each head, in any pieces, and has not started with it', () => {
    const reader = makeReader();
    for (const pieces of [
      ['\r\nA\r\n\r\n'],
      ['\r\n', 'A\r\n\r\n'],
      ['\r', '\nA\r\n\r\n'],
      ['\r', '\n', 'A', '\r\n\r\n'],
    ]) {
      const ends = pieces.map((piece) => reader.read(bytes(piece), 0));
      assert.equal(ends.at(-1), pieces.at(-1)?.length);
      assert.equal(reader.text, 'A\r\n');
    }
    assert.equal(reader.read(bytes('\r\n'), 0), -1);
    assert.equal(reader.started, false);
  });

  it('takes a second empty line for the start of a head', () => {
    const reader = makeReader();
    reader.read(bytes('\r\n'), 0);
    reader.read(bytes('\r\n'), 0);
    assert.equal(reader.started, true);
  });

  it('does not take a carriage return alone for an empty line', () => {
    const reader = makeReader();
    reader.read(bytes('\r'), 0);
    reader.read(bytes('A\r\n\r\n'), 0);
    assert.equal(reader.text, '\rA\r\n');
  });

  it('refuses a bare line feed as soon as it comes, without waiting for the end of the head', () => {
    const message = 'bare line feed in the request head';
    for (const pieces of [['A\n'], ['A', '\n'], ['A\r\nB: c\n'], ['\n'], ['A\r\n\n']]) {
      assert.deepEqual(refusal(pieces), ['bad-request', message], JSON.stringify(pieces));
    }
  });

  for (const [what, pieces, refused] of [
    ['a line of 20 bytes', [`${'a'.repeat(20)}\r\n\r\n`], undefined],
    ['a line of 20 bytes and half its end', [`${'a'.repeat(20)}\r`, '\n\r\n'], undefined],
    ['a line of 21 bytes', [`${'a'.repeat(21)}\r\n\r\n`], 'request-line-too-long'],
    ['22 bytes without an end', ['a'.repeat(22)], 'request-line-too-long'],
    ['headers of 30 bytes', [`A\r\nB: ${'c'.repeat(25)}\r\n\r\n`], undefined],
    ['headers of 30 bytes, byte by byte', [...`A\r\nB: ${'c'.repeat(25)}\r\n\r\n`], undefined],
    ['headers of 31 bytes', [`A\r\nB: ${'c'.repeat(26)}\r\n\r\n`], 'headers-too-large'],
    ['31 bytes of headers without an end', ['A\r\n', `B: ${'c'.repeat(28)}`], 'headers-too-large'],
    ['a long line in long headers', [`${'a'.repeat(21)}\r\nB: ${'c'.repeat(26)}\r\n\r\n`], 'request-line-too-long'],
    ['a line and headers at their limits', [`${'a'.repeat(20)}\r\nB: ${'c'.repeat(25)}\r\n\r\n`], undefined],
  ] as const) {
    it(`${refused ? `refuses ${what} with ${refused}` : `takes ${what}`}, with limits of 20 and 30 bytes`, () => {
      if (refused) assert.equal(refusal(pieces)[0], refused);
      else {
        const reader = makeReader();
        const ends = pieces.map((piece) => reader.read(bytes(piece), 0));
        assert.equal(ends.at(-1), pieces.at(-1)?.length);
      }
    });
  }

  it('says what was too long', () => {
    assert.deepEqual(refusal(['a'.repeat(22)]), [
      'request-line-too-long',
      'first line of the request is longer than 20 bytes',
    ]);
    assert.deepEqual(refusal([`A\r\nB: ${'c'.repeat(28)}`]), [
      'headers-too-large',
      'headers of the request are larger than 30 bytes',
    ]);
  });

  it('applies limits to each head anew', () => {
    const reader = makeReader();
    for (let i = 0; i < 5; i++) {
      assert.equal(reader.read(bytes(`${'a'.repeat(15)}`), 0), -1);
      assert.equal(reader.read(bytes('aaaaa\r\n\r\n'), 0), 9);
    }
  });
});
