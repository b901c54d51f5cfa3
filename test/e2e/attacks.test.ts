import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/eventually.js';
import { routerTo, startGateway } from '../support/gateway.js';
import { ManualClock } from '../support/manual-clock.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { closePair, type Pair, sentUpstream, startPair, withPair } from '../support/pair.js';
import { exchange, RawClient, type RawResponse } from '../support/raw-client.js';
import { hang, type UpstreamHandler, type UpstreamRequest } from '../support/upstream.js';

expectNoOpenHandles();

const SERVER = ['rt', 'http', 'server', '127.0.0.1/0'] as const;

const GOOD = 'GET /good HTTP/1.1\r\nHost: h\r\n\r\n';
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n';

async function assertServes({ gateway }: Pair): Promise<void> {
  const { status, text } = await exchange({ port: gateway.port }, GOOD);
  assert.deepEqual([status, text], [200, 'GET /good ']);
}

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: RegExp;
}

function bad(message: RegExp): Refusal {
  return { status: 400, code: 'bad-request', message };
}

/** One answer, `l5d-err`, the end of the connection; nothing at the upstream; counted; and the next caller is served. */
async function assertRefused(pair: Pair, bytes: string, { status, code, message }: Refusal): Promise<void> {
  const { gateway } = pair;
  // There is an idle connection to the upstream, so that bytes would not even have to wait for one.
  await assertServes(pair);
  const seen = sentUpstream(pair);
  const refused = gateway.metric(...SERVER, 'refused', code);
  const client = await RawClient.connect({ port: gateway.port });
  try {
    await client.send(bytes);
    const response = await client.readResponse();
    assert.equal(response.status, status, response.text);
    assert.match(response.text, message);
    assertMadeHere(response);
    assert.equal(response.header('connection'), 'close');
    assert.equal(await client.closedByServer(), 'end');
    assert.equal(client.reader.unread.length, 0, 'something follows the answer');
  } finally {
    client.close();
  }
  assert.equal(sentUpstream(pair), seen, 'the upstream was sent bytes');
  assert.equal(gateway.metric(...SERVER, 'refused', code), refused + 1);
  await assertServes(pair);
}

/** Linkerd's own answer: the message as body, and form-encoded in `l5d-err`. */
function assertMadeHere(response: RawResponse): void {
  assert.equal(response.header('content-type'), 'text/plain');
  const encoded = response.header('l5d-err') ?? '';
  assert.equal(decodeURIComponent(encoded.replaceAll('+', ' ')), response.text);
}

/** The header block, one request line before and an empty line after it. */
function get(...lines: readonly string[]): string {
  return `GET / HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
}

function post(...lines: readonly string[]): string {
  return `POST / HTTP/1.1\r\nHost: h\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
}

const chunked = (body: string): string => post('Transfer-Encoding: chunked') + body;

const REFUSED: Readonly<Record<string, readonly (readonly [attack: string, bytes: string, refusal: Refusal])[]>> = {
  'smuggling by framing': [
    [
      'CL.TE: a length for the front, chunks for the back',
      `${post('Content-Length: 6', 'Transfer-Encoding: chunked')}0\r\n\r\nG`,
      bad(/both Content-Length and Transfer-Encoding/),
    ],
    [
      'TE.CL: chunks for the front, a length for the back',
      `${post('Transfer-Encoding: chunked', 'Content-Length: 4')}${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`,
      bad(/both Content-Length and Transfer-Encoding/),
    ],
    [
      'TE.TE: a second Transfer-Encoding that only one side knows',
      `${post('Transfer-Encoding: chunked', 'Transfer-Encoding: x')}0\r\n\r\n`,
      bad(/only a single "chunked"/),
    ],
    [
      'TE.TE: chunked twice',
      `${post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
      bad(/only a single/),
    ],
    [
      'TE.0: chunks and a length of nothing',
      `${post('Transfer-Encoding: chunked', 'Content-Length: 0')}0\r\n\r\n`,
      bad(/both/),
    ],
    [
      'two lengths that differ',
      `${post('Content-Length: 5', 'Content-Length: 0')}hello`,
      bad(/conflicting `Content-Length` headers/),
    ],
    [
      'the same length twice',
      `${post('Content-Length: 5', 'Content-Length: 5')}hello`,
      bad(/conflicting `Content-Length` headers/),
    ],
    [
      'a list of lengths',
      `${post('Content-Length: 5, 5')}hello`,
      bad(/Content-Length "5, 5" is not a number of bytes/),
    ],
    ['a length with a plus sign', `${post('Content-Length: +5')}hello`, bad(/Content-Length "\+5"/)],
    ['a negative length', `${post('Content-Length: -5')}hello`, bad(/Content-Length "-5"/)],
    ['a length in hexadecimal', `${post('Content-Length: 0x5')}hello`, bad(/Content-Length "0x5"/)],
    ['a length with a space in it', `${post('Content-Length: 5 0')}hello`, bad(/Content-Length "5 0"/)],
    ['a length with a vertical tab', `${post('Content-Length: \x0b5')}hello`, bad(/control byte/)],
    [
      'a length with a tab after it',
      `${post('Content-Length: 5\t')}hello`,
      bad(/tab after the value of Content-Length/),
    ],
    ['a length of nothing at all', `${post('Content-Length:')}hello`, bad(/Content-Length ""/)],
    ['a length beyond 64 bits', `${post('Content-Length: 18446744073709551621')}hello`, bad(/Content-Length "1844/)],
    ['Transfer-Encoding: xchunked', `${post('Transfer-Encoding: xchunked')}0\r\n\r\n`, bad(/only a single "chunked"/)],
    [
      'Transfer-Encoding: chunked, identity',
      `${post('Transfer-Encoding: chunked, identity')}0\r\n\r\n`,
      bad(/only a single/),
    ],
    [
      'Transfer-Encoding: identity, chunked',
      `${post('Transfer-Encoding: identity, chunked')}0\r\n\r\n`,
      bad(/only a single/),
    ],
    ['Transfer-Encoding: gzip, chunked', `${post('Transfer-Encoding: gzip, chunked')}0\r\n\r\n`, bad(/only a single/)],
    [
      'Transfer-Encoding: identity',
      `${post('Transfer-Encoding: identity', 'Content-Length: 5')}hello`,
      bad(/only a single/),
    ],
    ['Transfer-Encoding in quotes', `${post('Transfer-Encoding: "chunked"')}0\r\n\r\n`, bad(/only a single/)],
    ['an empty Transfer-Encoding', `${post('Transfer-Encoding:')}0\r\n\r\n`, bad(/only a single/)],
    [
      'Transfer-Encoding with a space before its colon',
      `${post('Transfer-Encoding : chunked')}0\r\n\r\n`,
      bad(/white space before the colon/),
    ],
    [
      'Transfer-Encoding with a tab after its value',
      `${post('Transfer-Encoding: chunked\t')}0\r\n\r\n`,
      bad(/tab after the value/),
    ],
    [
      'Transfer-Encoding with a vertical tab',
      `${post('Transfer-Encoding: \x0bchunked')}0\r\n\r\n`,
      bad(/control byte/),
    ],
    [
      'Transfer-Encoding on a folded line',
      `${post('Transfer-Encoding:\r\n chunked')}0\r\n\r\n`,
      bad(/only a single|folded/),
    ],
    ['Transfer-Encoding behind a bare CR', `${post('X: y\rTransfer-Encoding: chunked')}0\r\n\r\n`, bad(/control byte/)],
    [
      'Transfer-Encoding in HTTP/1.0',
      'POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      bad(/HTTP\/1\.0 request, which has none/),
    ],
  ],
  'smuggling by chunks': [
    ['a size in C notation', chunked(`0x5\r\nhello\r\n0\r\n\r\n`), bad(/byte 0x78 in a chunk size/)],
    ['a size with a plus sign', chunked(`+5\r\nhello\r\n0\r\n\r\n`), bad(/byte 0x2b in a chunk size/)],
    ['a negative size', chunked(`-5\r\nhello\r\n0\r\n\r\n`), bad(/byte 0x2d in a chunk size/)],
    ['a size with a space after it', chunked(`5 \r\nhello\r\n0\r\n\r\n`), bad(/byte 0x20 in a chunk size/)],
    ['a size with a space before it', chunked(` 5\r\nhello\r\n0\r\n\r\n`), bad(/byte 0x20 in a chunk size/)],
    ['a size with a tab after it', chunked(`5\t\r\nhello\r\n0\r\n\r\n`), bad(/byte 0x9 in a chunk size/)],
    ['a size with an underscore', chunked(`0_5\r\nhello\r\n0\r\n\r\n`), bad(/byte 0x5f in a chunk size/)],
    ['no size', chunked(`\r\nhello\r\n0\r\n\r\n`), bad(/byte 0xd in a chunk size/)],
    ['a size beyond 64 bits', chunked(`10000000000000005\r\nhello\r\n0\r\n\r\n`), bad(/too many digits/)],
    ['a size that is not exact as a number', chunked(`fffffffffffffffe\r\nhello\r\n0\r\n\r\n`), bad(/too many digits/)],
    ['a size line that ends in a bare LF', chunked(`5\nhello\r\n0\r\n\r\n`), bad(/byte 0xa in a chunk size/)],
    ['a size line that ends in a bare CR', chunked(`5\rhello\r\n0\r\n\r\n`), bad(/after a chunk size line, want CRLF/)],
    ['a chunk longer than its size', chunked(`4\r\nhello\r\n0\r\n\r\n`), bad(/byte 0x6f after chunk data, want CRLF/)],
    ['a chunk shorter than its size', chunked(`7\r\nhello\r\n0\r\n\r\n`), bad(/byte 0x30 after chunk data, want CRLF/)],
    [
      'chunk data that ends in a bare LF',
      chunked(`5\r\nhello\n0\r\n\r\n`),
      bad(/byte 0xa after chunk data, want CRLF/),
    ],
    [
      'an extension that ends in a bare LF',
      chunked(`2;\nxx\r\n4c\r\n0\r\n\r\n${SMUGGLED}`),
      bad(/malformed chunk extension "\\nxx"/),
    ],
    ['an extension with a bare CR', chunked(`5;a\rb\r\nhello\r\n0\r\n\r\n`), bad(/after a chunk size line, want CRLF/)],
    ['an extension with a NUL', chunked(`5;a\0\r\nhello\r\n0\r\n\r\n`), bad(/malformed chunk extension/)],
    ['an extension with spaces', chunked(`5 ; a = b\r\nhello\r\n0\r\n\r\n`), bad(/byte 0x20 in a chunk size/)],
    ['an extension of no name', chunked(`5;\r\nhello\r\n0\r\n\r\n`), bad(/malformed chunk extension ""/)],
    ['an extension in quotes that never end', chunked(`5;a="\r\nhello\r\n0\r\n\r\n`), bad(/malformed chunk extension/)],
    ['an endless extension', chunked(`5;${'a'.repeat(300)}`), bad(/chunk extension longer than 256 bytes/)],
    ['a length in the trailers', chunked(`0\r\nContent-Length: 50\r\n\r\n`), bad(/Content-Length in the trailers/)],
    [
      'a Transfer-Encoding in the trailers',
      chunked(`0\r\nTransfer-Encoding: chunked\r\n\r\n`),
      bad(/Transfer-Encoding in the trailers/),
    ],
    ['a trailer of no name', chunked(`0\r\n: x\r\n\r\n`), bad(/malformed header line/)],
    ['a trailer with a space before its colon', chunked(`0\r\nX : y\r\n\r\n`), bad(/white space before the colon/)],
    ['a folded trailer', chunked(`0\r\nX: y\r\n z\r\n\r\n`), bad(/folded header line/)],
    ['a trailer with a NUL', chunked(`0\r\nX: \0\r\n\r\n`), bad(/control byte/)],
    ['trailers that end in a bare LF', chunked(`0\r\nX: y\n\r\n`), bad(/bare line feed in the trailers/)],
    ['a last chunk that ends in a bare LF', chunked(`0\r\n\n${SMUGGLED}`), bad(/bare line feed in the trailers/)],
  ],
  'smuggling by lines': [
    ['lines that end in a bare LF', 'GET / HTTP/1.1\nHost: h\n\n', bad(/bare line feed in the request head/)],
    ['one line that ends in a bare LF', 'GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n', bad(/control byte/)],
    ['a request line that ends in a bare LF', 'GET / HTTP/1.1\nHost: h\r\n\r\n', bad(/malformed request line/)],
    ['a bare CR in a value', get('Host: h', 'X: y\rZ: w'), bad(/header "X" has a control byte in its value/)],
    ['a bare CR before the end of a line', get('Host: h', 'X: y\r'), bad(/header "X" has a control byte/)],
    ['an empty line of bare CR', 'GET / HTTP/1.1\r\nHost: h\r\n\r\r\n\r\n', bad(/malformed header line/)],
    ['a header folded by a space', get('Host: h', 'X: y', ' Content-Length: 5'), bad(/folded header line/)],
    ['a header folded by a tab', get('Host: h', 'X: y', '\tz'), bad(/folded header line/)],
    ['white space before the first header', 'GET / HTTP/1.1\r\n Host: h\r\n\r\n', bad(/folded header line/)],
    ['a space before a colon', get('Host: h', 'X : y'), bad(/white space before the colon in header line "X : y"/)],
    ['a tab before a colon', get('Host: h', 'X\t: y'), bad(/white space before the colon/)],
    ['a header without a colon', get('Host: h', 'X'), bad(/malformed header line "X/)],
    ['a header without a name', get('Host: h', ': y'), bad(/malformed header line/)],
    ['a request line after another', `GET / HTTP/1.1\r\n${get('Host: h')}`, bad(/white space before the colon/)],
    ['two empty lines before the request', `\r\n\r\n${get('Host: h')}`, bad(/malformed request line/)],
  ],
  'injection by names and values': [
    ['a NUL in a value', get('Host: h', 'X: a\0b'), bad(/control byte/)],
    ['a DEL in a value', get('Host: h', 'X: a\x7fb'), bad(/control byte/)],
    ['an escape character in a value', get('Host: h', 'X: a\x1b[2Jb'), bad(/control byte/)],
    ['a NUL in a name', get('Host: h', 'X\0: y'), bad(/malformed header line "X\\u0000/)],
    ['a parenthesis in a name', get('Host: h', 'X(: y'), bad(/malformed header line/)],
    ['an at sign in a name', get('Host: h', 'X@: y'), bad(/malformed header line/)],
    ['a slash in a name', get('Host: h', 'X/Y: y'), bad(/malformed header line/)],
    ['a quote in a name', get('Host: h', '"X": y'), bad(/malformed header line/)],
    ['a byte above ASCII in a name', get('Host: h', 'X\xe4: y'), bad(/malformed header line/)],
    ['Connection that lists Host', get('Host: h', 'Connection: close, Host'), bad(/Connection header lists "host"/)],
    [
      'Connection that lists Content-Length',
      `${post('Content-Length: 5', 'Connection: content-length')}hello`,
      bad(/lists "content-length"/),
    ],
    [
      'Connection that lists Authorization',
      get('Host: h', 'Authorization: x', 'Connection: Authorization'),
      bad(/lists "authorization"/),
    ],
    ['Connection that lists Cookie', get('Host: h', 'Cookie: x', 'Connection: cookie'), bad(/lists "cookie"/)],
    [
      'Connection that lists X-Forwarded-For',
      get('Host: h', 'Connection: X-Forwarded-For'),
      bad(/lists "x-forwarded-for"/),
    ],
    ['Connection that lists l5d-ctx-dtab', get('Host: h', 'Connection: l5d-ctx-dtab'), bad(/lists "l5d-ctx-dtab"/)],
  ],
  'confusion about the host': [
    ['no Host', get('X: y'), bad(/Host header is missing/)],
    ['two Hosts', get('Host: h', 'Host: evil'), bad(/more than one Host header/)],
    ['the same Host twice', get('Host: h', 'Host: h'), bad(/more than one Host header/)],
    ['a Host with a comma', get('Host: h,evil'), bad(/malformed Host header "h,evil"/)],
    ['a Host with a space', get('Host: h evil'), bad(/malformed Host header/)],
    ['a Host with a slash', get('Host: h/evil'), bad(/malformed Host header/)],
    ['a Host with a backslash', get('Host: h\\evil'), bad(/malformed Host header/)],
    ['a Host with a user', get('Host: evil@h'), bad(/malformed Host header/)],
    ['a Host with a question mark', get('Host: h?x'), bad(/malformed Host header/)],
    ['a Host with a fragment', get('Host: h#x'), bad(/malformed Host header/)],
    ['a Host with a port that is none', get('Host: h:80x'), bad(/malformed Host header/)],
    ['a Host that is only a port', get('Host: :80'), bad(/malformed Host header/)],
    ['a Host with two ports', get('Host: h:80:80'), bad(/malformed Host header/)],
    ['a Host with an open bracket', get('Host: [::1'), bad(/malformed Host header/)],
    ['a Host with a byte above ASCII', get('Host: h\xe4'), bad(/malformed Host header/)],
    [
      'an absolute-form target of another host',
      'GET http://evil/ HTTP/1.1\r\nHost: h\r\n\r\n',
      bad(/Host "h" differs from the target's authority "evil"/),
    ],
    ['an absolute-form target of another port', 'GET http://h:81/ HTTP/1.1\r\nHost: h\r\n\r\n', bad(/differs/)],
    ['an absolute-form target without Host', 'GET http://h/ HTTP/1.1\r\n\r\n', bad(/Host header is missing/)],
    ['an absolute-form target beside an empty Host', 'GET http://h/ HTTP/1.1\r\nHost:\r\n\r\n', bad(/Host "" differs/)],
    [
      'an absolute-form target with a user',
      'GET http://u:p@h/ HTTP/1.1\r\nHost: h\r\n\r\n',
      bad(/neither a path nor an http URI/),
    ],
    [
      'an absolute-form target with a backslash',
      'GET http://h\\@evil/ HTTP/1.1\r\nHost: h\r\n\r\n',
      bad(/neither a path nor an http URI/),
    ],
    [
      'an absolute-form target of no host',
      'GET http:///x HTTP/1.1\r\nHost: h\r\n\r\n',
      bad(/neither a path nor an http URI/),
    ],
    [
      'an absolute-form target of another scheme',
      'GET file://h/etc HTTP/1.1\r\nHost: h\r\n\r\n',
      bad(/neither a path nor an http URI/),
    ],
  ],
  'a request line that can be read in two ways': [
    ['a bare authority as target', 'GET h:80 HTTP/1.1\r\nHost: h\r\n\r\n', bad(/neither a path nor an http URI/)],
    ['an asterisk with GET', 'GET * HTTP/1.1\r\nHost: h\r\n\r\n', bad(/neither a path nor an http URI/)],
    ['a target without its slash', 'GET x HTTP/1.1\r\nHost: h\r\n\r\n', bad(/neither a path nor an http URI/)],
    [
      'a fragment in the target',
      'GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n',
      bad(/malformed request line "GET \/a#b HTTP\/1.1"/),
    ],
    ['a space in the target', 'GET /a b HTTP/1.1\r\nHost: h\r\n\r\n', bad(/malformed request line/)],
    ['a tab in the target', 'GET /a\tb HTTP/1.1\r\nHost: h\r\n\r\n', bad(/malformed request line/)],
    ['a NUL in the target', 'GET /a\0b HTTP/1.1\r\nHost: h\r\n\r\n', bad(/malformed request line/)],
    ['a byte above ASCII in the path', 'GET /\xe4 HTTP/1.1\r\nHost: h\r\n\r\n', bad(/malformed request line/)],
    ['a byte above ASCII in the query', 'GET /?\xe4 HTTP/1.1\r\nHost: h\r\n\r\n', bad(/malformed request line/)],
    ['two spaces after the method', 'GET  / HTTP/1.1\r\nHost: h\r\n\r\n', bad(/one space between/)],
    ['two spaces before the version', 'GET /  HTTP/1.1\r\nHost: h\r\n\r\n', bad(/one space between/)],
    ['tabs for spaces', 'GET\t/\tHTTP/1.1\r\nHost: h\r\n\r\n', bad(/malformed request line/)],
    ['a space after the version', 'GET / HTTP/1.1 \r\nHost: h\r\n\r\n', bad(/malformed request line/)],
    ['a space before the method', ' GET / HTTP/1.1\r\nHost: h\r\n\r\n', bad(/malformed request line/)],
    ['no version (HTTP/0.9)', 'GET /\r\nHost: h\r\n\r\n', bad(/malformed request line/)],
    ['no target', 'GET HTTP/1.1\r\nHost: h\r\n\r\n', bad(/malformed request line/)],
    ['a method that is no token', 'G(T / HTTP/1.1\r\nHost: h\r\n\r\n', bad(/malformed request line/)],
    ['a version in lower case', 'GET / http/1.1\r\nHost: h\r\n\r\n', bad(/malformed request line/)],
    ['a version with a zero too many', 'GET / HTTP/1.01\r\nHost: h\r\n\r\n', bad(/malformed request line/)],
    [
      'HTTP/2.0 by name',
      'GET / HTTP/2.0\r\nHost: h\r\n\r\n',
      { status: 505, code: 'unsupported-version', message: /HTTP\/2\.0 is not spoken here/ },
    ],
    [
      'HTTP/1.2',
      'GET / HTTP/1.2\r\nHost: h\r\n\r\n',
      { status: 505, code: 'unsupported-version', message: /HTTP\/1\.2 is not spoken here/ },
    ],
    [
      'the preface of HTTP/2',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      { status: 505, code: 'unsupported-version', message: /HTTP\/2\.0 is not spoken here/ },
    ],
    [
      'CONNECT, to have a tunnel to anywhere',
      'CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 169.254.169.254:80\r\n\r\n',
      { status: 405, code: 'method-refused', message: /not a forward proxy/ },
    ],
    [
      'Expect with something else than 100-continue',
      `${post('Content-Length: 5', 'Expect: 200-maybe')}hello`,
      { status: 417, code: 'expectation-failed', message: /only 100-continue is understood/ },
    ],
  ],
  'sheer size': [
    [
      'an oversized request line',
      `GET /${'a'.repeat(5000)} HTTP/1.1\r\nHost: h\r\n\r\n`,
      { status: 414, code: 'request-line-too-long', message: /longer than 4096 bytes/ },
    ],
    [
      'a request line that never ends',
      'A'.repeat(5000),
      { status: 414, code: 'request-line-too-long', message: /longer than 4096 bytes/ },
    ],
    [
      'an oversized header',
      get('Host: h', `X: ${'a'.repeat(9000)}`),
      { status: 431, code: 'headers-too-large', message: /larger than 8192 bytes/ },
    ],
    [
      'headers without number',
      `GET / HTTP/1.1\r\nHost: h\r\n${'X: y\r\n'.repeat(2000)}`,
      { status: 431, code: 'headers-too-large', message: /larger than 8192 bytes/ },
    ],
    ['trailers without number', chunked(`0\r\n${'X: y\r\n'.repeat(2000)}`), bad(/trailers larger than 8192 bytes/)],
  ],
};

for (const [kind, attacks] of Object.entries(REFUSED)) {
  describe(`${kind} is refused:`, () => {
    let pair: Pair;
    before(async () => {
      pair = await startPair();
    });
    after(() => closePair(pair));

    for (const [attack, bytes, refusal] of attacks) it(attack, () => assertRefused(pair, bytes, refusal));
  });
}

/** Sends `bytes` and answers what came back and what the upstream got: exactly one request. */
async function passOne(pair: Pair, bytes: string): Promise<{ response: RawResponse; request: UpstreamRequest }> {
  const before = pair.upstream.requests.length;
  const client = await RawClient.connect({ port: pair.gateway.port });
  try {
    await client.send(bytes);
    const response = await client.readResponse();
    // Whatever had been smuggled along would have arrived before this.
    await client.send(GOOD);
    assert.equal((await client.readResponse()).text, 'GET /good ');
    assert.equal(client.reader.unread.length, 0, 'one answer too many');
    assert.equal(pair.upstream.requests.length, before + 2, 'requests at the upstream');
    return { response, request: pair.upstream.requests[before] as UpstreamRequest };
  } finally {
    client.close();
  }
}

/** Names of the fields that the upstream got, in lower case, but for those that the gateway adds to all. */
function fieldNames({ fields }: UpstreamRequest): string[] {
  const added = new Set(['host', 'via', 'l5d-dst-service', 'l5d-dst-client', 'l5d-ctx-trace', 'l5d-reqid']);
  return fields.map(([name]) => name.toLowerCase()).filter((name) => !added.has(name));
}

describe('what is legal reaches the upstream as one request, written anew:', () => {
  let pair: Pair;
  before(async () => {
    pair = await startPair();
  });
  after(() => closePair(pair));

  for (const method of ['GET', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE']) {
    it(`a chunked ${method} whose body is a request of its own`, async () => {
      const bytes = `${method} /first HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`;
      const { request } = await passOneOf(pair, method, bytes);
      assert.equal(request.target, '/first');
      assert.equal(request.header('transfer-encoding'), 'chunked');
      assert.equal((await request.body()).bytes.toString(), SMUGGLED);
    });

    it(`a ${method} with a length whose body is a request of its own`, async () => {
      const bytes = `${method} /first HTTP/1.1\r\nHost: h\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`;
      const { request } = await passOneOf(pair, method, bytes);
      assert.equal(request.header('content-length'), String(SMUGGLED.length));
      assert.equal((await request.body()).bytes.toString(), SMUGGLED);
    });
  }

  it('a chunked body in pieces of one byte, with sizes in odd spellings and extensions: neither survives', async () => {
    const body = '00005;a=b;c="d;e"\r\nhello\r\nA\r\n0123456789\r\n000;x\r\n\r\n';
    const { request } = await passOne(pair, chunked(body));
    assert.equal((await request.body()).bytes.toString(), 'hello0123456789');
    assert.doesNotMatch(sentUpstream(pair), /;a=b/);
  });

  it('Upgrade: h2c is served as plain HTTP/1.1, and the upstream never hears of it', async () => {
    const offer = get(
      'Host: h',
      'Connection: Upgrade, HTTP2-Settings',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
    );
    const { response, request } = await passOne(pair, offer);
    assert.equal(response.status, 200);
    assert.deepEqual(fieldNames(request), []);
  });

  it('Upgrade: h2c hidden behind a protocol that may be tunnelled is not offered either', async () => {
    const { request } = await passOne(pair, get('Host: h', 'Connection: Upgrade', 'Upgrade: websocket, H2C'));
    assert.deepEqual(fieldNames(request), []);
  });

  it('Upgrade without Connection: upgrade is nothing', async () => {
    const { request } = await passOne(pair, get('Host: h', 'Upgrade: websocket'));
    assert.deepEqual(fieldNames(request), []);
  });

  it('an upgrade with a body is no upgrade', async () => {
    const { request } = await passOne(
      pair,
      `${post('Connection: upgrade', 'Upgrade: websocket', 'Content-Length: 5')}hello`,
    );
    assert.deepEqual(fieldNames(request), ['content-length']);
  });

  it('an upgrade that the upstream refuses leaves no tunnel: what follows is the next request', async () => {
    const { request } = await passOne(
      pair,
      get('Host: h', 'Connection: upgrade', 'Upgrade: websocket', 'Content-Length: 0'),
    );
    assert.deepEqual(fieldNames(request), ['connection', 'upgrade']);
    assert.equal(request.header('upgrade'), 'websocket');
  });

  it('hop-by-hop fields and those that Connection lists stay behind', async () => {
    const lines = [
      'Connection: keep-alive, X-Private, te',
      'X-Private: 1',
      'TE: trailers',
      'Trailer: X',
      'Keep-Alive: timeout=5',
    ];
    const more = ['Proxy-Connection: close', 'Proxy-Authorization: Basic x', 'Proxy-Authenticate: x', 'X-Public: 1'];
    const { request } = await passOne(pair, get('Host: h', ...lines, ...more));
    assert.deepEqual(fieldNames(request), ['x-public']);
  });

  it('a tab before the value is white space', async () => {
    const bytes = `POST / HTTP/1.1\r\nHost:\th \t\r\nTransfer-Encoding:\tchunked\r\nX:\t a b \t\r\n\r\n2\r\nab\r\n0\r\n\r\n`;
    const { request } = await passOne(pair, bytes);
    assert.equal(request.header('host'), 'h');
    assert.equal(request.header('x'), 'a b');
    assert.equal(request.header('transfer-encoding'), 'chunked');
  });

  it('bytes above ASCII in a value pass as they are', async () => {
    const { request } = await passOne(pair, get('Host: h', 'X: \xe4\xff'));
    assert.equal(request.header('x'), '\xe4\xff');
  });

  it('trailers that would steer a recipient do not arrive; others do', async () => {
    const trailers =
      'Host: evil\r\nl5d-ctx-dtab: /svc=>/evil\r\nX-Forwarded-For: 1.2.3.4\r\nAuthorization: x\r\nCookie: x\r\nX-Sum: 42\r\n';
    const { request } = await passOne(pair, chunked(`5\r\nhello\r\n0\r\n${trailers}\r\n`));
    assert.deepEqual((await request.body()).trailers, [['X-Sum', '42']]);
  });

  for (const [target, host, passedOn] of [
    ['http://h/a?b=c', 'h', '/a?b=c'],
    ['HTTP://H', 'h', '/'],
    ['http://h?x', 'h', '/?x'],
    ['https://h:443/%2e%2e/%zz', 'h:443', '/%2e%2e/%zz'],
    ['http://[::1]:80//x', '[::1]:80', '//x'],
  ] as const) {
    it(`the absolute-form target ${target} beside the same Host`, async () => {
      const { request } = await passOne(pair, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      assert.equal(request.target, passedOn);
      assert.equal(request.header('host'), host);
    });
  }

  it('OPTIONS of the server as a whole, in both forms', async () => {
    for (const target of ['*', 'http://h']) {
      const { request } = await passOne(pair, `OPTIONS ${target} HTTP/1.1\r\nHost: h\r\n\r\n`);
      assert.equal(request.target, '*');
    }
  });

  it('Expect: 100-continue: the 100 of the upstream, then its answer', async () => {
    const handler: UpstreamHandler = async (request) => {
      if (request.header('expect') !== undefined) request.connection.write('HTTP/1.1 100 Continue\r\n\r\n');
      const { bytes } = await request.body();
      request.respond(200, `${request.target} ${bytes.toString()}`);
    };
    await withPair({ handler }, async ({ gateway }) => {
      const client = await RawClient.connect({ port: gateway.port });
      await client.send(post('Content-Length: 5', 'Expect: 100-Continue'));
      assert.equal((await client.readResponse()).status, 100);
      await client.send(`hello${GOOD}`);
      assert.equal((await client.readResponse()).text, '/ hello');
      assert.equal((await client.readResponse()).text, '/good ');
      client.close();
    });
  });
});

/** As passOne, for methods whose response may have no body. */
async function passOneOf(pair: Pair, method: string, bytes: string): ReturnType<typeof passOne> {
  if (method !== 'HEAD') return passOne(pair, bytes);
  const before = pair.upstream.requests.length;
  const client = await RawClient.connect({ port: pair.gateway.port });
  await client.send(bytes);
  const response = await client.readResponse({ method });
  client.close();
  assert.equal(pair.upstream.requests.length, before + 1);
  return { response, request: pair.upstream.requests[before] as UpstreamRequest };
}

describe('answered by the gateway, on a connection that stays open:', () => {
  const NO_HOST: Refusal = {
    status: 400,
    code: '',
    message: /^Unknown destination: Request\("GET \/", .* \/ Host header is absent$/,
  };
  const HOPS: Refusal = {
    status: 400,
    code: '',
    message: /^Maximum number of calls \(2\) has been exceeded\. Please check for proxy loops\.$/,
  };
  const DTAB: Refusal = { status: 400, code: '', message: /expected but/ };
  for (const [attack, bytes, { status, message }] of [
    ['an empty Host', get('Host:'), NO_HOST],
    ['HTTP/1.0 without Host', 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', NO_HOST],
    ['a loop: more hops in Via than maxCallDepth', get('Host: h', 'Via: 1.1 a, 1.1 b, 1.1 c'), HOPS],
    ['a loop whose Via is spread over lines', get('Host: h', 'Via: 1.1 a', 'Via: 1.1 b', 'Via: 1.1 c'), HOPS],
    ['a dtab that cannot be parsed', get('Host: h', 'l5d-dtab: /svc=>/x;<script>'), DTAB],
  ] as const) {
    it(attack, () =>
      withPair({ router: '' }, async ({ upstream }) => {
        const config = routerTo(upstream.port).replace('{port: 0}]', '{port: 0, maxCallDepth: 2}]');
        const gateway = await startGateway(config);
        const client = await RawClient.connect({ port: gateway.port });
        await client.send(bytes);
        const response = await client.readResponse();
        assert.equal(response.status, status);
        assert.match(response.text, message);
        assertMadeHere(response);
        assert.equal(upstream.connections.length, 0);
        assert.equal(gateway.metric(...SERVER, 'status', String(status)), 1);
        await client.send(GOOD);
        assert.equal((await client.readResponse()).text, 'GET /good ');
        client.close();
        await gateway.close();
      }),
    );
  }

  it('a dtab that sends the gateway to itself ends at maxCallDepth', async () => {
    const gateway = await startGateway(routerTo(1).replace('{port: 0}]', '{port: 0, maxCallDepth: 5}]'));
    const loop = `l5d-dtab: /svc/h=>/$/inet/127.0.0.1/${gateway.port}`;
    const response = await exchange({ port: gateway.port }, get('Host: h', loop));
    assert.equal(response.status, 400);
    assert.match(response.text, /Maximum number of calls \(5\)/);
    assert.equal(gateway.metric(...SERVER, 'requests'), 7);
    await gateway.close();
  });
});

describe('header injection through names:', () => {
  it('line ends in a dtab come out escaped, in headers to the upstream and in error headers', () =>
    withPair({}, async ({ gateway, upstream }) => {
      const escaped = '/x\\x0d\\x0aEvil\\x3a\\x20yes';
      const good = await exchange(
        { port: gateway.port },
        get('Host: h', `l5d-dtab: /svc/h=>/$/inet/127.0.0.1/${upstream.port}${escaped}`),
      );
      assert.equal(good.status, 200);
      const [request] = upstream.requests;
      assert.equal(request?.header('evil'), undefined);
      // An element with any byte that needs it is escaped as a whole.
      const every = [...'x\r\nEvil: yes'].map((c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`).join('');
      assert.equal(request?.header('l5d-dst-residual'), `/${every}`);
      assert.equal(request?.header('l5d-ctx-dtab'), `/svc/h=>/$/inet/127.0.0.1/${upstream.port}/${every}`);

      const unbound = await exchange({ port: gateway.port }, get('Host: h', `l5d-dtab: /svc/h=>/#/none${escaped} | !`));
      assert.equal(unbound.status, 502);
      assert.equal(unbound.header('evil'), undefined);
      assert.ok(unbound.text.includes(every));
      assertMadeHere(unbound);
    }));

  it('percent-encoded line ends in target and Host are never decoded', () =>
    withPair({}, async ({ gateway, upstream }) => {
      const target = '/%0d%0aEvil:%20yes';
      await exchange({ port: gateway.port }, `GET ${target} HTTP/1.1\r\nHost: h%0d%0aevil:1\r\n\r\n`);
      const [request] = upstream.requests;
      assert.equal(request?.target, target);
      assert.equal(request?.header('host'), 'h%0d%0aevil:1');
      assert.equal(request?.header('l5d-dst-service'), '/svc/h%0d%0aevil:1');
      assert.equal(request?.header('evil'), undefined);
    }));

  it('Forwarded quotes a Host that would add a parameter', () =>
    withPair({}, async ({ upstream }) => {
      const forwarded = '{port: 0, addForwardedHeader: {by: {kind: ip}, for: {kind: ip}}}]';
      const gateway = await startGateway(routerTo(upstream.port).replace('{port: 0}]', forwarded));
      await exchange({ port: gateway.port }, get('Host: h;for=1.2.3.4'));
      assert.equal(upstream.requests[0]?.header('forwarded'), 'by=127.0.0.1;for=127.0.0.1;host="h;for=1.2.3.4"');
      await gateway.close();
    }));
});

describe('on one connection:', () => {
  it('garbage pipelined after a good request is refused after its answer', () =>
    withPair({}, async (pair) => {
      const client = await RawClient.connect({ port: pair.gateway.port });
      await client.send(`${GOOD}GARBAGE\r\n\r\n${SMUGGLED}`);
      assert.equal((await client.readResponse()).text, 'GET /good ');
      const refusal = await client.readResponse();
      assert.equal(refusal.status, 400);
      assertMadeHere(refusal);
      assert.equal(await client.closedByServer(), 'end');
      client.close();
      assert.equal(client.reader.unread.length, 0);
      assert.deepEqual(
        pair.upstream.requests.map(({ target }) => target),
        ['/good'],
      );
      await assertServes(pair);
    }));

  it('what follows a request with Connection: close is never read', () =>
    withPair({}, async ({ gateway, upstream }) => {
      const client = await RawClient.connect({ port: gateway.port });
      await client.send(`GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n${SMUGGLED}`);
      assert.equal((await client.readResponse()).text, 'GET /last ');
      assert.equal(await client.closedByServer(), 'end');
      assert.equal(client.reader.unread.length, 0);
      assert.equal(upstream.requests.length, 1);
      client.close();
    }));

  it('a body shorter than stated, then the end: the upstream never gets a complete request', () =>
    withPair({}, async (pair) => {
      const { gateway, upstream } = pair;
      const client = await RawClient.connect({ port: gateway.port });
      await client.send(`${post('Content-Length: 10')}hello`);
      await upstream.until('the head and half of the body', () => sentUpstream(pair).endsWith('hello'));
      client.end();
      await upstream.until('the end of its connection', () => upstream.openConnections === 0);
      assert.equal(upstream.connections[0]?.reader.ending, 'reset');
      await assert.rejects((upstream.requests[0] as UpstreamRequest).body());
      await eventually(() => gateway.metric(...SERVER, 'failures', 'caller-gone') === 1);
      await assertServes(pair);
      client.close();
    }));

  it('a chunk that goes wrong after the head was passed on: refused, and the upstream is reset before the end', () =>
    withPair({}, async (pair) => {
      const { gateway, upstream } = pair;
      const client = await RawClient.connect({ port: gateway.port });
      await client.send(chunked('5\r\nhello\r\n'));
      await upstream.until('the first chunk', () => sentUpstream(pair).endsWith('hello\r\n'));
      await client.send(`0x0\r\n\r\n${SMUGGLED}`);
      const refusal = await client.readResponse();
      assert.equal(refusal.status, 400);
      assertMadeHere(refusal);
      assert.equal(await client.closedByServer(), 'end');
      client.close();
      await upstream.until('the end of its connection', () => upstream.openConnections === 0);
      assert.equal(upstream.connections[0]?.reader.ending, 'reset');
      assert.equal(upstream.requests.length, 1);
      await assert.rejects((upstream.requests[0] as UpstreamRequest).body());
      assert.equal(gateway.metric(...SERVER, 'refused', 'bad-request'), 1);
      await assertServes(pair);
    }));

  it('a request answered before its body has come is not answered again when the body goes wrong', async () => {
    const handler: UpstreamHandler = (request) => request.respond(200, request.target);
    await withPair({ handler }, async ({ gateway }) => {
      const client = await RawClient.connect({ port: gateway.port });
      await client.send(chunked('5\r\nhello\r\n'));
      assert.equal((await client.readResponse()).text, '/');
      await client.send(`XYZ\r\n${SMUGGLED}`);
      assert.equal(await client.closedByServer(), 'end');
      assert.equal(client.reader.unread.length, 0, 'a second answer, which the next request would take for its own');
      client.close();
    });
  });

  it('Expect: 100-continue answered at once: the connection is closed, for the body may come or not', async () => {
    const handler: UpstreamHandler = (request) => request.respond(403, 'no');
    await withPair({ handler }, async ({ gateway, upstream }) => {
      const client = await RawClient.connect({ port: gateway.port });
      await client.send(post('Content-Length: 33', 'Expect: 100-continue'));
      const response = await client.readResponse();
      assert.equal(response.status, 403);
      assert.equal(response.header('connection'), 'close');
      // Were this taken for the body, and the next for a request, somebody else would get the answer.
      await client.send(GOOD, SMUGGLED);
      assert.equal(await client.closedByServer(), 'end');
      assert.equal(client.reader.unread.length, 0);
      assert.equal(upstream.requests.length, 1);
      client.close();
    });
  });
});

describe('slow headers:', () => {
  /** A gateway whose time stands still. */
  async function withClock(test: (pair: Pair, clock: ManualClock) => Promise<void>): Promise<void> {
    const clock = new ManualClock();
    await withPair({ handler: hang }, async ({ upstream }) => {
      const gateway = await startGateway(routerTo(upstream.port), { clock });
      try {
        await test({ gateway, upstream }, clock);
      } finally {
        await gateway.close();
      }
    });
  }

  async function sendAndArrive({ gateway }: Pair, client: RawClient, bytes: string): Promise<void> {
    const before = gateway.metric(...SERVER, 'received_bytes');
    await client.send(bytes);
    await eventually(() => gateway.metric(...SERVER, 'received_bytes') === before + bytes.length);
  }

  it('a head that stops halfway is refused with 408 after 30 s, and not before', () =>
    withClock(async (pair, clock) => {
      const client = await RawClient.connect({ port: pair.gateway.port });
      await sendAndArrive(pair, client, 'GET / HTTP/1.1\r\nHost: h\r\n');
      clock.advance(29_000);
      assert.equal(pair.gateway.metric(...SERVER, 'refused', 'request-timeout'), 0);
      clock.advance(2_000);
      const response = await client.readResponse();
      assert.equal(response.status, 408);
      assertMadeHere(response);
      assert.equal(await client.closedByServer(), 'end');
      client.close();
      assert.equal(pair.gateway.metric(...SERVER, 'refused', 'request-timeout'), 1);
      assert.equal(pair.upstream.connections.length, 0);
    }));

  it('a byte now and then buys no time (slowloris)', () =>
    withClock(async (pair, clock) => {
      const client = await RawClient.connect({ port: pair.gateway.port });
      for (const byte of ['G', 'E', 'T', ' ']) {
        await sendAndArrive(pair, client, byte);
        clock.advance(9_000);
      }
      assert.equal((await client.readResponse()).status, 408);
      assert.equal(await client.closedByServer(), 'end');
      client.close();
    }));

  it('empty lines buy no time: one is passed over (RFC 9112 section 2.2), the second begins a head', () =>
    withClock(async (pair, clock) => {
      const client = await RawClient.connect({ port: pair.gateway.port });
      await sendAndArrive(pair, client, '\r\n');
      clock.advance(29_000);
      await sendAndArrive(pair, client, '\r\n');
      clock.advance(29_000);
      assert.equal(pair.gateway.metric(...SERVER, 'refused', 'request-timeout'), 0);
      clock.advance(2000);
      assert.equal((await client.readResponse()).status, 408);
      assert.equal(await client.closedByServer(), 'end');
      client.close();
    }));

  it('a connection on which nothing ever comes is closed after ten minutes, without a word', () =>
    withClock(async (pair, clock) => {
      const client = await RawClient.connect({ port: pair.gateway.port });
      await eventually(() => pair.gateway.metric(...SERVER, 'connections') === 1);
      clock.advance(590_000);
      assert.equal(pair.gateway.metric(...SERVER, 'connections'), 1);
      clock.advance(20_000);
      assert.equal(await client.closedByServer(), 'end');
      client.close();
      assert.equal(client.reader.unread.length, 0);
    }));
});
