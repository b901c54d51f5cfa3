import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GatewayError } from '../../../src/base/errors.js';
import type { Headers } from '../../../src/service/headers.js';
import { ChunkedDecoder } from '../../../src/wire/chunked-decoder.js';

interface Decoded {
  data: string[];
  trailers: readonly (readonly [string, string])[] | undefined;
  ended: boolean;
  /** Index after the last byte that was used. */
  used: number;
}

function decode(text: string, maxTrailerBytes = 100, decoded = makeDecoded()): Decoded {
  const sink = {
    data: (chunk: Buffer): void => void decoded.data.push(chunk.toString('latin1')),
    end: (trailers: Headers | undefined): void => {
      assert.ok(!decoded.ended, 'ended twice');
      decoded.ended = true;
      decoded.trailers = trailers && [...trailers];
    },
  };
  const decoder = new ChunkedDecoder(maxTrailerBytes);
  decoded.used = decoder.decode(Buffer.from(`xx${text}`, 'latin1'), 2, sink) - 2;
  assert.equal(decoder.done, decoded.ended);
  return decoded;
}

function makeDecoded(): Decoded {
  return { data: [], trailers: undefined, ended: false, used: 0 };
}

/** The message, and what data went out before. */
function refusal(text: string): readonly [message: string, data: string] {
  const decoded = makeDecoded();
  try {
    decode(text, 100, decoded);
  } catch (error) {
    assert.ok(error instanceof GatewayError);
    assert.equal(error.code, 'bad-request');
    assert.ok(!decoded.ended);
    return [error.message, decoded.data.join('')];
  }
  return assert.fail(`${JSON.stringify(text)} was not refused`);
}

describe('chunked decoder', () => {
  it('hands out the data of each chunk, the end, and says where the body ended', () => {
    assert.deepEqual(decode('5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\nGET'), {
      data: ['hello', ' ', 'world'],
      trailers: undefined,
      ended: true,
      used: 31,
    });
  });

  it('has an empty body in the last chunk alone', () => {
    assert.deepEqual(decode('0\r\n\r\n'), { data: [], trailers: undefined, ended: true, used: 5 });
  });

  it('hands out bytes that look like chunks as the data that they are', () => {
    assert.deepEqual(decode('5\r\n0\r\n\r\n\r\n0\r\n\r\n').data, ['0\r\n\r\n']);
  });

  it('hands out pieces of the buffer that it was given, not copies', () => {
    const bytes = Buffer.from('5\r\nhello\r\n');
    const seen: Buffer[] = [];
    new ChunkedDecoder(100).decode(bytes, 0, { data: (chunk) => void seen.push(chunk), end: () => {} });
    bytes.write('HELLO', 3);
    assert.equal(seen[0]?.toString(), 'HELLO');
  });

  it('hands out the data of a chunk as it comes', () => {
    const decoder = new ChunkedDecoder(100);
    const decoded: string[] = [];
    const sink = { data: (chunk: Buffer) => void decoded.push(chunk.toString()), end: () => {} };
    for (const piece of ['5\r\nhe', 'll', 'o']) {
      assert.equal(decoder.decode(Buffer.from(piece), 0, sink), piece.length);
    }
    assert.deepEqual(decoded, ['he', 'll', 'o']);
    assert.equal(decoder.done, false);
  });

  for (const [size, bytes] of [
    ['a', 10],
    ['A', 10],
    ['0a', 10],
    ['00000000000a', 10],
    ['1F', 31],
    ['100', 256],
  ] as const) {
    it(`reads the size ${size}`, () => {
      const body = 'x'.repeat(bytes);
      assert.deepEqual(decode(`${size}\r\n${body}\r\n0\r\n\r\n`).data, [body]);
    });
  }

  it('reads the largest size that it takes', () => {
    assert.equal(decode('ffffffffffff\r\nhello').data.join(), 'hello');
  });

  for (const extension of [
    ';a',
    ';a=b',
    ';a=b;c;d=e',
    ';a=""',
    ';a="b;c\\"d\t\xe4";e',
    `;${'a'.repeat(255)}`,
    `;!#$%&'*+-.^_\`|~=1`,
  ]) {
    it(`skips the extension ${extension.slice(0, 40)}, on the last chunk too`, () => {
      assert.deepEqual(decode(`5${extension}\r\nhello\r\n0${extension}\r\n\r\n`).data, ['hello']);
    });
  }

  for (const [text, message] of [
    ['\r\n', 'byte 0xd in a chunk size, want hexadecimal digits'],
    ['\n', 'byte 0xa in a chunk size, want hexadecimal digits'],
    [';a\r\n', 'byte 0x3b in a chunk size, want hexadecimal digits'],
    ['0x5\r\n', 'byte 0x78 in a chunk size, want hexadecimal digits'],
    ['+5\r\n', 'byte 0x2b in a chunk size, want hexadecimal digits'],
    ['-5\r\n', 'byte 0x2d in a chunk size, want hexadecimal digits'],
    ['5 \r\n', 'byte 0x20 in a chunk size, want hexadecimal digits'],
    [' 5\r\n', 'byte 0x20 in a chunk size, want hexadecimal digits'],
    ['5\t\r\n', 'byte 0x9 in a chunk size, want hexadecimal digits'],
    ['5g\r\n', 'byte 0x67 in a chunk size, want hexadecimal digits'],
    ['5_0\r\n', 'byte 0x5f in a chunk size, want hexadecimal digits'],
    ['5.0\r\n', 'byte 0x2e in a chunk size, want hexadecimal digits'],
    ['5,5\r\n', 'byte 0x2c in a chunk size, want hexadecimal digits'],
    ['5\0\r\n', 'byte 0x0 in a chunk size, want hexadecimal digits'],
    ['\xb9\r\n', 'byte 0xb9 in a chunk size, want hexadecimal digits'],
    ['/\r\n', 'byte 0x2f in a chunk size, want hexadecimal digits'],
    [':\r\n', 'byte 0x3a in a chunk size, want hexadecimal digits'],
    ['@\r\n', 'byte 0x40 in a chunk size, want hexadecimal digits'],
    ['G\r\n', 'byte 0x47 in a chunk size, want hexadecimal digits'],
    ['`\r\n', 'byte 0x60 in a chunk size, want hexadecimal digits'],
    ['0000000000005\r\n', 'chunk size has too many digits'],
    ['10000000000000005\r\n', 'chunk size has too many digits'],
    ['5\n', 'byte 0xa in a chunk size, want hexadecimal digits'],
    ['5\r\r\n', 'byte 0xd after a chunk size line, want CRLF'],
    ['5\rhello', 'byte 0x68 after a chunk size line, want CRLF'],
    ['5;\r\n', 'malformed chunk extension ""'],
    ['5;;a\r\n', 'malformed chunk extension ";a"'],
    ['5;a;\r\n', 'malformed chunk extension "a;"'],
    ['5; a\r\n', 'malformed chunk extension " a"'],
    ['5;a \r\n', 'malformed chunk extension "a "'],
    ['5;a =b\r\n', 'malformed chunk extension "a =b"'],
    ['5;a= b\r\n', 'malformed chunk extension "a= b"'],
    ['5;a=\r\n', 'malformed chunk extension "a="'],
    ['5;=b\r\n', 'malformed chunk extension "=b"'],
    ['5;a=b=c\r\n', 'malformed chunk extension "a=b=c"'],
    ['5;a="b\r\n', 'malformed chunk extension "a=\\"b"'],
    ['5;a="b"c\r\n', 'malformed chunk extension "a=\\"b\\"c"'],
    ['5;a="b\\\r\n', 'malformed chunk extension "a=\\"b\\\\"'],
    ['5;a\n\r\n', 'malformed chunk extension "a\\n"'],
    ['5;a\0\r\n', 'malformed chunk extension "a\\u0000"'],
    ['5;a="\x7f"\r\n', 'malformed chunk extension "a=\\"\\u007f\\""'],
    ['5;\xe4\r\n', 'malformed chunk extension "\\u00e4"'],
    ['5;a\rb\r\n', 'byte 0x62 after a chunk size line, want CRLF'],
    [`5;${'a'.repeat(257)}`, 'chunk extension longer than 256 bytes'],
  ] as const) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))}, and hands out nothing`, () => {
      assert.deepEqual(refusal(`${text}hello`), [message, '']);
    });
  }

  for (const [text, message] of [
    ['4\r\nhello\r\n', 'byte 0x6f after chunk data, want CRLF'],
    ['5\r\nhello\n', 'byte 0xa after chunk data, want CRLF'],
    ['5\r\nhello\r5', 'byte 0x35 after chunk data, want CRLF'],
    ['5\r\nhello0\r\n\r\n', 'byte 0x30 after chunk data, want CRLF'],
    ['5\r\nhello\r\n\r\n', 'byte 0xd in a chunk size, want hexadecimal digits'],
    ['5\r\nhello\r\nGET', 'byte 0x47 in a chunk size, want hexadecimal digits'],
  ] as const) {
    it(`refuses ${JSON.stringify(text)}, after data that was sound`, () => {
      const [seen, data] = refusal(text);
      assert.equal(seen, message);
      assert.ok('hello'.startsWith(data) && data.length >= 4);
    });
  }
});

describe('trailers of a chunked body', () => {
  it('are handed out with the end, in order and as spelled', () => {
    const { trailers, used } = decode('0\r\nX-Sum:1\r\nx-b:  2 \r\nX-Sum: 3\r\n\r\nGET');
    assert.deepEqual(trailers, [
      ['X-Sum', '1'],
      ['x-b', '2'],
      ['X-Sum', '3'],
    ]);
    assert.equal(used, 34);
  });

  for (const name of [
    ...[
      'Host',
      'Content-Encoding',
      'Content-Type',
      'Content-Range',
      'Authorization',
      'WWW-Authenticate',
      'Cookie',
      'Set-Cookie',
    ],
    ...[
      'Expect',
      'Range',
      'Max-Forwards',
      'Cache-Control',
      'Pragma',
      'Age',
      'Date',
      'Expires',
      'Vary',
      'Location',
      'Retry-After',
    ],
    ...[
      'Origin',
      'Forwarded',
      'Via',
      'X-Real-IP',
      'X-Request-Id',
      'X-Forwarded-For',
      'X-Forwarded-Client-Cert',
      'If-Match',
    ],
    ...[
      'l5d-dtab',
      'L5D-ctx-dtab',
      'l5d-err',
      'X-B3-TraceId',
      'Sec-Fetch-Mode',
      'Connection',
      'TE',
      'Trailer',
      'Upgrade',
    ],
    ...['Keep-Alive', 'Proxy-Authorization', 'Proxy-Connection'],
  ]) {
    it(`never are ${name}, which may not come after the body`, () => {
      assert.deepEqual(decode(`0\r\n${name}: x\r\nX-A: b\r\n\r\n`).trailers, [['X-A', 'b']]);
      assert.equal(decode(`0\r\n${name}: x\r\n\r\n`).trailers, undefined);
    });
  }

  for (const [lines, message] of [
    ['Content-Length: 5\r\n', 'Content-Length in the trailers: the body has been framed already'],
    ['transfer-encoding: chunked\r\n', 'transfer-encoding in the trailers: the body has been framed already'],
    ['X : y\r\n', 'white space before the colon in header line "X : y"'],
    ['X: y\r\n z\r\n', 'folded header line " z": obsolete line folding is not accepted'],
    [': y\r\n', 'malformed header line ": y": want a token, a colon and a value'],
    ['X\r\n', 'malformed header line "X": want a token, a colon and a value'],
    ['X: \0\r\n', 'header "X" has a control byte in its value'],
    ['X: a\rb\r\n', 'header "X" has a control byte in its value'],
    ['\r\r\n', 'malformed header line "\\r": want a token, a colon and a value'],
    ['X: y\n', 'bare line feed in the trailers'],
    ['\n', 'bare line feed in the trailers'],
  ] as const) {
    it(`are refused for ${JSON.stringify(lines)}, and there is no end`, () => {
      assert.deepEqual(refusal(`5\r\nhello\r\n0\r\n${lines}\r\n`), [message, 'hello']);
    });
  }

  it('may be as long as the limit, and no longer', () => {
    const trailers = (size: number): string => `0\r\nX: ${'a'.repeat(size - 5)}\r\n\r\n`;
    assert.equal(decode(trailers(50), 50).trailers?.length, 1);
    assert.throws(() => decode(trailers(51), 50), { message: 'trailers larger than 50 bytes' });
    assert.throws(() => decode(`0\r\n${'a'.repeat(53)}`, 50), { message: 'trailers larger than 50 bytes' });
    assert.throws(() => decode(`0\r\n${'a: b\r\n'.repeat(9)}`, 50), { message: 'trailers larger than 50 bytes' });
  });
});
