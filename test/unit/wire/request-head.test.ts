import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ErrorCode, GatewayError } from '../../../src/base/errors.js';
import { type RequestHead, UNKNOWN_LENGTH } from '../../../src/service/message.js';
import { headText } from '../../../src/wire/field-lines.js';
import { type ParsedRequest, parseContentLength, parseRequestHead } from '../../../src/wire/request-head.js';

function parse(start: string, ...lines: readonly string[]): ParsedRequest {
  return parseRequestHead(headText([start, ...lines].map((line) => `${line}\r\n`).join('')));
}

/** `GET / HTTP/1.1` of host h with these lines. */
function get(...lines: readonly string[]): ParsedRequest {
  return parse('GET / HTTP/1.1', 'Host: h', ...lines);
}

function refuses(code: ErrorCode, message: RegExp, start: string, ...lines: readonly string[]): void {
  assert.throws(
    () => parse(start, ...lines),
    (error) => {
      assert.ok(error instanceof GatewayError);
      assert.equal(error.code, code);
      assert.match(error.message, message);
      return true;
    },
    `${JSON.stringify([start, ...lines])} was not refused`,
  );
}

const bad = (message: RegExp, start: string, ...lines: readonly string[]): void =>
  refuses('bad-request', message, start, ...lines);

describe('request head', () => {
  it('is its request line and its fields, in order and as spelled', () => {
    const { head, keepAlive, chunked } = parse('GET /a?b=c HTTP/1.1', 'hOsT: h:80', 'X-B: 1', 'x-a: 2', 'X-B: 3');
    const { headers, ...rest } = head;
    assert.deepEqual(rest, {
      method: 'GET',
      target: '/a?b=c',
      version: '1.1',
      absoluteScheme: undefined,
      contentLength: UNKNOWN_LENGTH,
      hasBody: false,
      upgrade: undefined,
      expectContinue: false,
      acceptsTrailers: false,
    } satisfies Omit<RequestHead, 'headers'>);
    assert.deepEqual(
      [...headers],
      [
        ['hOsT', 'h:80'],
        ['X-B', '1'],
        ['x-a', '2'],
        ['X-B', '3'],
      ],
    );
    assert.deepEqual(headers.lower, ['host', 'x-b', 'x-a', 'x-b']);
    assert.deepEqual([keepAlive, chunked], [true, false]);
  });

  it('is parsed anew each time: nothing of one request is in the next, not even of one refused', () => {
    const everything = ['Content-Length: 5', 'Expect: 100-continue', 'Connection: close, x-a, upgrade', 'X-A: 1'];
    get(...everything);
    bad(
      /malformed Host/,
      'GET / HTTP/1.1',
      'Transfer-Encoding: chunked',
      'Upgrade: websocket',
      ...everything,
      'Host: a b',
    );
    const { head, keepAlive, chunked } = get('X-A: 2');
    assert.deepEqual(
      [...head.headers],
      [
        ['Host', 'h'],
        ['X-A', '2'],
      ],
    );
    assert.deepEqual(
      [head.contentLength, head.hasBody, head.expectContinue, head.upgrade],
      [UNKNOWN_LENGTH, false, false, undefined],
    );
    assert.deepEqual([keepAlive, chunked], [true, false]);
  });

  it('has any token as method, in the case it came', () => {
    for (const method of ['GET', 'get', 'PURGE', 'M-SEARCH', "!#$%&'*+-.^_`|~09az"]) {
      assert.equal(parse(`${method} / HTTP/1.1`, 'Host: h').head.method, method);
    }
  });

  it('has any printable ASCII but # in its target, unchanged', () => {
    const printable = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i))
      .join('')
      .replace('#', '');
    assert.equal(parse(`GET /${printable} HTTP/1.1`, 'Host: h').head.target, `/${printable}`);
    for (let code = 0; code < 256; code++) {
      const char = String.fromCharCode(code);
      if (!printable.includes(char)) bad(/malformed request line/, `GET /a${char}b HTTP/1.1`, 'Host: h');
      if (!printable.includes(char)) bad(/malformed request line/, `GET /?${char} HTTP/1.1`, 'Host: h');
    }
  });

  for (const line of [
    ...[
      '',
      ' ',
      'GET',
      'GET ',
      'GET /',
      'GET / ',
      'GET  / HTTP/1.1',
      'GET /  HTTP/1.1',
      ' GET / HTTP/1.1',
      'GET / HTTP/1.1 ',
    ],
    ...[
      'GET\t/ HTTP/1.1',
      'GET /\tHTTP/1.1',
      'G T / HTTP/1.1',
      'GET / a HTTP/1.1',
      'GET HTTP/1.1',
      '/ HTTP/1.1',
      'GET:/ HTTP/1.1',
    ],
    ...[
      'GET / http/1.1',
      'GET / HTTP/1',
      'GET / HTTP/11',
      'GET / HTTP/1.10',
      'GET / HTTP/1.',
      'GET / HTTP/.1',
      'GET / HTTP 1.1',
    ],
    ...[
      'GET / HTTP/1,1',
      'GET / HTTPS/1.1',
      'GET / HTTP/a.b',
      'GET / ICAP/1.0',
      'GET / HTTP/1.1\r',
      'GET / HTTP/1.1\nX: y',
    ],
  ]) {
    it(`is refused for the request line ${JSON.stringify(line)}`, () => {
      bad(/^malformed request line ".*": want method, target and HTTP\/1\.1, one space between$/, line, 'Host: h');
    });
  }

  it('quotes at most 80 bytes of a request line that it refuses', () => {
    bad(new RegExp(`^malformed request line "${'A'.repeat(80)}": want`), 'A'.repeat(200), 'Host: h');
  });

  for (const version of ['0.9', '1.2', '1.9', '2.0', '3.0', '9.9']) {
    it(`is refused for HTTP/${version}, with a code of its own`, () => {
      refuses(
        'unsupported-version',
        /^HTTP\/.* is not spoken here, want HTTP\/1\.1$/,
        `GET / HTTP/${version}`,
        'Host: h',
      );
    });
  }

  it('is refused for CONNECT, with a code of its own', () => {
    refuses(
      'method-refused',
      /^CONNECT "h:443" refused: this gateway is not a forward proxy$/,
      'CONNECT h:443 HTTP/1.1',
      'Host: h:443',
    );
  });
});

describe('request host', () => {
  for (const host of [
    'h',
    'H.example.com',
    'h:80',
    'h:',
    '127.0.0.1:80',
    '[::1]',
    '[::ffff:1.2.3.4]:80',
    '',
    'a_b~c',
    "!$&'()*+;=%41",
  ]) {
    it(`may be ${JSON.stringify(host)}`, () => {
      assert.equal(parse('GET / HTTP/1.1', `Host: ${host}`).head.headers.get('host'), host);
    });
  }

  for (const host of [
    'a b',
    'a,b',
    'a/b',
    'a\\b',
    'a?b',
    'a#b',
    'u@h',
    'h:x',
    'h:80:80',
    ':80',
    '[::1',
    '::1',
    '[::1]x',
    '[g]',
    '<h>',
    'h"',
    '\xe4',
    '{h}',
    'h|',
  ]) {
    it(`may not be ${JSON.stringify(host)}`, () => {
      bad(/^malformed Host header "/, 'GET / HTTP/1.1', `Host: ${host}`);
      // The parser remembers good ones: a bad one after them is no better.
      get();
      bad(/^malformed Host header "/, 'GET / HTTP/1.1', `Host: ${host}`);
    });
  }

  it('is needed once in HTTP/1.1, and not at all in 1.0', () => {
    bad(/^Host header is missing$/, 'GET / HTTP/1.1', 'X: y');
    bad(/^more than one Host header$/, 'GET / HTTP/1.1', 'Host: h', 'host: h');
    bad(/^more than one Host header$/, 'GET / HTTP/1.1', 'Host:', 'Host: h');
    assert.deepEqual([...parse('GET / HTTP/1.0').head.headers], []);
  });
});

describe('request target', () => {
  for (const [target, host, scheme, rest] of [
    ['http://h/', 'h', 'http', '/'],
    ['http://h', 'h', 'http', '/'],
    ['HTTPS://H:443/a%2Fb?c=%zz', 'h:443', 'https', '/a%2Fb?c=%zz'],
    ['http://h?x', 'h', 'http', '/?x'],
    ['http://[::1]:80//x', '[::1]:80', 'http', '//x'],
    ['http://h/http://i/', 'h', 'http', '/http://i/'],
  ] as const) {
    it(`in absolute form, ${target}, is split`, () => {
      const { head } = parse(`GET ${target} HTTP/1.1`, `Host: ${host}`);
      assert.deepEqual([head.absoluteScheme, head.target, head.headers.get('host')], [scheme, rest, host]);
    });
  }

  it('in absolute form gives an HTTP/1.0 request its Host', () => {
    assert.deepEqual([...parse('GET http://h:80/ HTTP/1.0').head.headers], [['Host', 'h:80']]);
  });

  it('in absolute form must name the Host that is there', () => {
    bad(/^Host "h" differs from the target's authority "evil"$/, 'GET http://evil/ HTTP/1.1', 'Host: h');
    bad(/differs/, 'GET http://h:80/ HTTP/1.1', 'Host: h');
    bad(/differs/, 'GET http://h/ HTTP/1.1', 'Host:');
    bad(/^Host header is missing$/, 'GET http://h/ HTTP/1.1');
  });

  for (const target of [
    'h:80',
    'h',
    'http:/h',
    'http:///',
    'http://:80/',
    'http://u@h/',
    'http://h:x/',
    'http://h\\x/',
    'ftp://h/',
    'ws://h/',
    '?a',
    '*a',
    '*',
  ]) {
    it(`may not be ${target}`, () => {
      bad(/^request target ".*" is neither a path nor an http URI$/, `GET ${target} HTTP/1.1`, 'Host: h');
    });
  }

  it('may be * for OPTIONS, which a URI without path stands for too', () => {
    assert.equal(parse('OPTIONS * HTTP/1.1', 'Host: h').head.target, '*');
    assert.equal(parse('OPTIONS http://h HTTP/1.1', 'Host: h').head.target, '*');
    assert.equal(parse('OPTIONS http://h/ HTTP/1.1', 'Host: h').head.target, '/');
    assert.equal(parse('OPTIONS http://h?a HTTP/1.1', 'Host: h').head.target, '/?a');
  });
});

describe('request framing', () => {
  for (const [lines, contentLength, hasBody, chunked] of [
    [[], UNKNOWN_LENGTH, false, false],
    [['Content-Length: 0'], 0, false, false],
    [['Content-Length: 5'], 5, true, false],
    [['content-length:00000000000005'], 5, true, false],
    [['Content-Length: 999999999999999'], 999999999999999, true, false],
    [['Transfer-Encoding: chunked'], UNKNOWN_LENGTH, true, true],
    [['transfer-encoding:\tCHUNKED '], UNKNOWN_LENGTH, true, true],
  ] as const) {
    it(`of ${JSON.stringify(lines)} is understood, and not among the headers`, () => {
      const { head, chunked: isChunked } = get(...lines);
      assert.deepEqual([head.contentLength, head.hasBody, isChunked], [contentLength, hasBody, chunked]);
      assert.deepEqual(head.headers.lower, ['host']);
    });
  }

  for (const [lines, message] of [
    [['Content-Length: 5', 'Transfer-Encoding: chunked'], /^both Content-Length and Transfer-Encoding/],
    [['Transfer-Encoding: chunked', 'Content-Length: 0'], /^both Content-Length and Transfer-Encoding/],
    [['Content-Length: 5', 'Content-Length: 6'], /^conflicting `Content-Length` headers$/],
    [['Content-Length: 5', 'Content-Length: 5'], /^conflicting `Content-Length` headers$/],
    [['Content-Length: 0', 'Content-Length: 0'], /^conflicting `Content-Length` headers$/],
    [['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], /^Transfer-Encoding "chunked": only a single/],
    ...[
      '',
      'identity',
      'gzip',
      'xchunked',
      'chunkedx',
      'chunked, chunked',
      'chunked, identity',
      'identity, chunked',
      'chunked;a',
      '"chunked"',
      'chunked,',
      'chun ked',
    ].map(
      (coding) =>
        [[`Transfer-Encoding: ${coding}`], /^Transfer-Encoding ".*": only a single "chunked" is understood$/] as const,
    ),
    ...[
      '',
      '+5',
      '-5',
      '5,5',
      '5, 5',
      '5 5',
      '0x5',
      '5.0',
      '5e0',
      'five',
      '\xb2',
      '1000000000000000',
      '18446744073709551616',
    ].map((length) => [[`Content-Length: ${length}`], /^Content-Length ".*" is not a number of bytes$/] as const),
  ] as const) {
    it(`is refused for ${JSON.stringify(lines)}`, () => bad(message, 'POST / HTTP/1.1', 'Host: h', ...lines));
  }

  it('of HTTP/1.0 has no Transfer-Encoding', () => {
    bad(
      /^Transfer-Encoding in an HTTP\/1\.0 request, which has none$/,
      'POST / HTTP/1.0',
      'Transfer-Encoding: chunked',
    );
    assert.equal(parse('POST / HTTP/1.0', 'Content-Length: 5').head.contentLength, 5);
  });

  it('reads lengths exactly', () => {
    assert.equal(parseContentLength('999999999999999'), 999999999999999);
    assert.equal(parseContentLength('0'), 0);
  });
});

describe('request connection', () => {
  for (const [version, lines, keepAlive] of [
    ['1.1', [], true],
    ['1.1', ['Connection: close'], false],
    ['1.1', ['Connection: keep-alive'], true],
    ['1.1', ['Connection: keep-alive', 'Connection: Close'], false],
    ['1.0', [], false],
    ['1.0', ['Connection: Keep-Alive'], true],
    ['1.0', ['Connection: keep-alive, close'], false],
    ['1.1', ['Proxy-Connection: close'], true],
    ['1.0', ['Proxy-Connection: keep-alive'], false],
  ] as const) {
    it(`of HTTP/${version} with ${JSON.stringify(lines)} is ${keepAlive ? 'kept' : 'closed'}`, () => {
      assert.equal(parse(`GET / HTTP/${version}`, 'Host: h', ...lines).keepAlive, keepAlive);
    });
  }

  it('takes out the fields that it lists and those that are hop-by-hop', () => {
    const lines = [
      'X-A: 1',
      'Connection: x-a, X-B',
      'X-B: 2',
      'X-C: 3',
      'TE: trailers',
      'Trailer: x',
      'Keep-Alive: 5',
      'HTTP2-Settings: A',
    ];
    const { head } = get(...lines, 'Proxy-Authorization: x', 'Proxy-Authenticate: x', 'Proxy-Connection: x', 'X-a: 4');
    assert.deepEqual(
      [...head.headers],
      [
        ['Host', 'h'],
        ['X-C', '3'],
      ],
    );
  });

  it('may not list what is meant for every recipient', () => {
    bad(
      /^Connection header lists "host", which is meant for every recipient$/,
      'GET / HTTP/1.1',
      'Host: h',
      'Connection: x, Host',
    );
  });
});

describe('request upgrade', () => {
  for (const [lines, upgrade] of [
    [['Connection: Upgrade', 'Upgrade: WebSocket'], 'WebSocket'],
    [['Upgrade: a', 'Connection: keep-alive, upgrade', 'Upgrade: b/2'], 'a, b/2'],
    [['Connection: upgrade', 'Upgrade: websocket', 'Content-Length: 0'], 'websocket'],
    [['Upgrade: websocket'], undefined],
    [['Connection: upgrade'], undefined],
    [['Connection: upgrade', 'Upgrade:'], undefined],
    [['Connection: upgrade', 'Upgrade: websocket,'], undefined],
    [['Connection: upgrade', 'Upgrade: h2c'], undefined],
    [['Connection: upgrade', 'Upgrade: H2C'], undefined],
    [['Connection: upgrade', 'Upgrade: h2'], undefined],
    [['Connection: upgrade', 'Upgrade: websocket, h2c'], undefined],
    [['Connection: upgrade', 'Upgrade: websocket', 'Upgrade: h2c'], undefined],
    [['Connection: upgrade', 'Upgrade: websocket', 'Content-Length: 5'], undefined],
    [['Connection: upgrade', 'Upgrade: websocket', 'Transfer-Encoding: chunked'], undefined],
  ] as const) {
    it(`of ${JSON.stringify(lines)} is ${upgrade === undefined ? 'none' : `to ${upgrade}`}`, () => {
      const { head } = get(...lines);
      assert.equal(head.upgrade, upgrade);
      assert.deepEqual(head.headers.lower, ['host']);
      if (upgrade !== undefined) assert.ok(head.hasBody, 'a tunnel has bytes');
    });
  }

  it('of HTTP/1.0 is none', () => {
    assert.equal(parse('GET / HTTP/1.0', 'Connection: upgrade', 'Upgrade: websocket').head.upgrade, undefined);
  });
});

describe('request expectation', () => {
  it('of 100-continue waits for it when there is a body', () => {
    assert.ok(get('Expect: 100-Continue', 'Content-Length: 5').head.expectContinue);
    assert.ok(get('Expect: 100-continue', 'Transfer-Encoding: chunked').head.expectContinue);
    assert.ok(!get('Expect: 100-continue').head.expectContinue);
    assert.ok(!get('Expect: 100-continue', 'Content-Length: 0').head.expectContinue);
  });

  it('of anything else is refused, with a code of its own', () => {
    for (const lines of [
      ['Expect: x'],
      ['Expect:'],
      ['Expect: 100-continue', 'Expect: x'],
      ['Expect: 100-continue, 100-continue'],
    ]) {
      refuses(
        'expectation-failed',
        /^Expect ".*": only 100-continue is understood$/,
        'GET / HTTP/1.1',
        'Host: h',
        ...lines,
      );
    }
  });

  it('of HTTP/1.0 is nothing', () => {
    const { head } = parse('POST / HTTP/1.0', 'Content-Length: 5', 'Expect: x');
    assert.ok(!head.expectContinue);
    assert.deepEqual(head.headers.lower, []);
  });
});
