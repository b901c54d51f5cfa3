import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GatewayError } from '../../../src/base/errors.js';
import { UNKNOWN_LENGTH } from '../../../src/service/message.js';
import { headText } from '../../../src/wire/field-lines.js';
import { type ParsedResponse, parseResponseHead } from '../../../src/wire/response-head.js';

function parse(start: string, lines: readonly string[] = [], method = 'GET'): ParsedResponse {
  return parseResponseHead(headText([start, ...lines].map((line) => `${line}\r\n`).join('')), method);
}

function refuses(message: RegExp, start: string, lines: readonly string[] = []): void {
  assert.throws(
    () => parse(start, lines),
    (error) => {
      assert.ok(error instanceof GatewayError);
      assert.equal(error.code, 'upstream-malformed');
      assert.match(error.message, message);
      return true;
    },
    `${JSON.stringify([start, ...lines])} was not refused`,
  );
}

describe('response head', () => {
  it('is its status, its reason and its fields, in order and as spelled', () => {
    const { head, keepAlive, chunked } = parse('HTTP/1.1 404 Not  Found \xe4', ['X-B: 1', 'x-a: 2', 'X-B: 3']);
    const { headers, ...rest } = head;
    assert.deepEqual(rest, {
      status: 404,
      reason: 'Not  Found \xe4',
      version: '1.1',
      contentLength: UNKNOWN_LENGTH,
      hasBody: true,
      upgrade: undefined,
    });
    assert.deepEqual(
      [...headers],
      [
        ['X-B', '1'],
        ['x-a', '2'],
        ['X-B', '3'],
      ],
    );
    assert.deepEqual([keepAlive, chunked], [true, false]);
  });

  it('is parsed anew each time: nothing of one response is in the next', () => {
    parse('HTTP/1.1 200 OK', ['Content-Length: 5', 'Connection: close, x-a', 'X-A: 1', 'Upgrade: x']);
    const { head, keepAlive } = parse('HTTP/1.1 101 OK', ['X-A: 2']);
    assert.deepEqual([...head.headers], [['X-A', '2']]);
    assert.deepEqual([head.contentLength, head.upgrade, keepAlive], [UNKNOWN_LENGTH, undefined, true]);
  });

  for (const [line, reason] of [
    ['HTTP/1.1 200 ', ''],
    ['HTTP/1.1 200', ''],
    ['HTTP/1.0 200 OK', 'OK'],
    ['HTTP/1.1 200  OK', ' OK'],
    ['HTTP/1.1 100 Continue', 'Continue'],
    ['HTTP/1.1 599 \t', '\t'],
  ] as const) {
    it(`may begin with ${JSON.stringify(line)}`, () => assert.equal(parse(line).head.reason, reason));
  }

  for (const line of [
    ...[
      '',
      'HTTP/1.1',
      'HTTP/1.1 ',
      'HTTP/1.1 20',
      'HTTP/1.1 2000 OK',
      'HTTP/1.1 99 x',
      'HTTP/1.1 099 x',
      'HTTP/1.1 600 x',
      'HTTP/1.1 abc x',
    ],
    ...[
      'HTTP/1.1  200 OK',
      'HTTP/1.1\t200 OK',
      'HTTP/1.1 200\tOK',
      'HTTP/1.1 200OK',
      'HTTP/1.1 -20 OK',
      'HTTP/1.1 +20 OK',
      'HTTP/1.1 2 0 OK',
    ],
    ...[
      'HTTP/1.2 200 OK',
      'HTTP/2 200 OK',
      'HTTP/0.9 200 OK',
      'http/1.1 200 OK',
      ' HTTP/1.1 200 OK',
      'ICY 200 OK',
      '<html>',
      '200 OK',
    ],
  ]) {
    it(`may not begin with ${JSON.stringify(line)}`, () => refuses(/^malformed status line "/, line));
  }

  for (const reason of ['a\0b', 'a\rb', 'a\nX: y', 'a\x7fb', 'a\x1bb']) {
    it(`may not have the reason ${JSON.stringify(reason)}`, () => {
      refuses(/^control byte in the reason phrase "/, `HTTP/1.1 200 ${reason}`);
      // The parser remembers the last good one: a bad one after it is no better, and is not remembered.
      parse('HTTP/1.1 200 OK');
      refuses(/^control byte in the reason phrase "/, `HTTP/1.1 200 ${reason}`);
      refuses(/^control byte in the reason phrase "/, `HTTP/1.1 200 ${reason}`);
    });
  }

  it('says of lines that it refuses that they were the response', () => {
    refuses(/^upstream response refused: white space before the colon in header line "X : y"$/, 'HTTP/1.1 200 OK', [
      'X : y',
    ]);
    refuses(/^upstream response refused: folded header line/, 'HTTP/1.1 200 OK', ['X: y', ' z']);
    refuses(/^upstream response refused: header "X" has a control byte in its value$/, 'HTTP/1.1 200 OK', ['X: a\rb']);
  });
});

describe('response framing', () => {
  for (const [what, start, lines, method, contentLength, hasBody, chunked] of [
    ['a length', 'HTTP/1.1 200 OK', ['Content-Length: 5'], 'GET', 5, true, false],
    ['the same length twice', 'HTTP/1.1 200 OK', ['Content-Length: 5', 'content-length: 5'], 'GET', 5, true, false],
    ['no bytes', 'HTTP/1.1 200 OK', ['Content-Length: 0'], 'GET', 0, false, false],
    ['chunks', 'HTTP/1.1 200 OK', ['Transfer-Encoding: Chunked'], 'GET', UNKNOWN_LENGTH, true, true],
    ['the end of the connection', 'HTTP/1.1 200 OK', [], 'GET', UNKNOWN_LENGTH, true, false],
    [
      'HEAD, which tells the length of what is not sent',
      'HTTP/1.1 200 OK',
      ['Content-Length: 5'],
      'HEAD',
      5,
      false,
      false,
    ],
    ['HEAD with chunks', 'HTTP/1.1 200 OK', ['Transfer-Encoding: chunked'], 'HEAD', UNKNOWN_LENGTH, false, true],
    [
      '304, which tells the length of what is not sent',
      'HTTP/1.1 304 NM',
      ['Content-Length: 5'],
      'GET',
      5,
      false,
      false,
    ],
    ['204, whatever it says', 'HTTP/1.1 204 NC', ['Content-Length: 5'], 'GET', UNKNOWN_LENGTH, false, false],
    [
      'an informational one, whatever it says',
      'HTTP/1.1 103 EH',
      ['Content-Length: 5'],
      'GET',
      UNKNOWN_LENGTH,
      false,
      false,
    ],
    ['a 205, which is framed as others are', 'HTTP/1.1 205 RC', ['Content-Length: 5'], 'GET', 5, true, false],
    ['lower-case head, which is not HEAD', 'HTTP/1.1 200 OK', ['Content-Length: 5'], 'head', 5, true, false],
  ] as const) {
    it(`is by ${what}`, () => {
      const { head, chunked: isChunked } = parse(start, lines, method);
      assert.deepEqual([head.contentLength, head.hasBody, isChunked], [contentLength, hasBody, chunked]);
      assert.deepEqual(head.headers.lower, []);
    });
  }

  for (const [lines, message] of [
    [['Content-Length: 5', 'Content-Length: 6'], /^conflicting `Content-Length` headers in the response$/],
    [['Content-Length: 5', 'Transfer-Encoding: chunked'], /Transfer-Encoding beside Content-Length/],
    [['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], /only a single "chunked" is understood$/],
    [['Transfer-Encoding: gzip, chunked'], /only a single "chunked" is understood$/],
    [['Transfer-Encoding: identity'], /only a single "chunked" is understood$/],
    [['Content-Length: 5, 5'], /Content-Length "5, 5" is not a number of bytes$/],
    [['Content-Length: +5'], /is not a number of bytes$/],
    [['Content-Length:'], /is not a number of bytes$/],
  ] as const) {
    it(`is refused for ${JSON.stringify(lines)}`, () => refuses(message, 'HTTP/1.1 200 OK', lines));
  }

  it('of HTTP/1.0 has no Transfer-Encoding', () => {
    refuses(/or in HTTP\/1\.0$/, 'HTTP/1.0 200 OK', ['Transfer-Encoding: chunked']);
  });
});

describe('response connection', () => {
  for (const [start, lines, keepAlive] of [
    ['HTTP/1.1 200 OK', [], true],
    ['HTTP/1.1 200 OK', ['Connection: close'], false],
    ['HTTP/1.0 200 OK', [], false],
    ['HTTP/1.0 200 OK', ['Connection: keep-alive'], true],
    ['HTTP/1.0 200 OK', ['Connection: keep-alive, close'], false],
  ] as const) {
    it(`after ${start} with ${JSON.stringify(lines)} is ${keepAlive ? 'kept' : 'closed'}`, () => {
      assert.equal(parse(start, lines).keepAlive, keepAlive);
    });
  }

  it('takes out the fields that it lists and those that are hop-by-hop, and never one that is for every recipient', () => {
    const { head } = parse('HTTP/1.1 200 OK', [
      ...['X-A: 1', 'Connection: x-a, Set-Cookie', 'Set-Cookie: a=b', 'Keep-Alive: 5', 'Trailer: x', 'Upgrade: h2c'],
      ...['Proxy-Authenticate: x', 'Proxy-Connection: x', 'TE: x'],
    ]);
    assert.deepEqual([...head.headers], [['Set-Cookie', 'a=b']]);
  });

  it('tells the protocol that was switched to on 101 alone', () => {
    assert.equal(parse('HTTP/1.1 101 SP', ['Connection: upgrade', 'Upgrade: websocket']).head.upgrade, 'websocket');
    assert.equal(parse('HTTP/1.1 426 UR', ['Connection: upgrade', 'Upgrade: websocket']).head.upgrade, undefined);
  });
});
