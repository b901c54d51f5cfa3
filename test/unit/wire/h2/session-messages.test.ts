// What a server takes for a request (RFC 9113 §8), and how much of one.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS } from '../../../../src/wire/h2/frames.js';
import { GET, type H2Peer, POST } from '../../../support/h2-peer.js';
import { H2Scene } from '../../../support/h2-scene.js';

const CONNECT: readonly string[] = [':method', 'CONNECT', ':authority', 'web.example:443'];
const EXTENDED: readonly string[] = [
  ':method',
  'CONNECT',
  ':protocol',
  'websocket',
  ':scheme',
  'http',
  ':path',
  '/chat',
  ':authority',
  'web.example',
];

/** GET without that pseudo-header. */
function without(name: string): string[] {
  const at = GET.indexOf(name);
  return [...GET.slice(0, at), ...GET.slice(at + 2)];
}

/** GET with another value of that pseudo-header. */
function having(name: string, value: string): string[] {
  return GET.map((text, i) => (GET[i - 1] === name ? value : text));
}

const MALFORMED: readonly (readonly [section: string, what: string, fields: readonly string[]])[] = [
  ['8.2.1', 'capitals in a name', [...GET, 'X-Test', 'ok']],
  ['8.2.1', 'a space in a name', [...GET, 'x test', 'ok']],
  ['8.2.1', 'a colon in a name', [...GET, 'x:test', 'ok']],
  ['8.2.1', 'a name of no characters', [...GET, '', 'ok']],
  ['8.2.1', 'a name beyond ASCII', [...GET, 'x-t\xe9st', 'ok']],
  ['8.2.1', 'CR LF in a name', [...GET, 'x\r\ny', 'ok']],
  ['8.2.1', 'CR LF in a value', [...GET, 'x', 'a\r\nTransfer-Encoding: chunked']],
  ['8.2.1', 'LF in a value', [...GET, 'x', 'a\nb']],
  ['8.2.1', 'NUL in a value', [...GET, 'x', 'a\0b']],
  ['8.2.1', 'white space before a value', [...GET, 'x', ' a']],
  ['8.2.1', 'white space behind a value', [...GET, 'x', 'a\t']],
  ['8.2.2', 'connection', [...GET, 'connection', 'keep-alive']],
  ['8.2.2', 'proxy-connection', [...GET, 'proxy-connection', 'keep-alive']],
  ['8.2.2', 'keep-alive', [...GET, 'keep-alive', 'timeout=5']],
  ['8.2.2', 'upgrade', [...GET, 'upgrade', 'websocket']],
  ['8.2.2', 'transfer-encoding', [...POST, 'transfer-encoding', 'chunked']],
  ['8.2.2', 'te other than trailers', [...GET, 'te', 'trailers, deflate']],
  ['8.3', 'a pseudo-header that nobody knows', [...GET, ':test', 'ok']],
  ['8.3', 'a pseudo-header of responses', [...GET, ':status', '200']],
  ['8.3', 'a pseudo-header behind a field', [...without(':path'), 'x', 'y', ':path', '/']],
  ['8.3.1', 'no :method', without(':method')],
  ['8.3.1', 'no :scheme', without(':scheme')],
  ['8.3.1', 'no :path', without(':path')],
  ['8.3.1', ':method twice', [...GET, ':method', 'GET']],
  ['8.3.1', ':scheme twice', [...GET, ':scheme', 'http']],
  ['8.3.1', ':path twice', [...GET, ':path', '/']],
  ['8.3.1', ':authority twice', [...GET, ':authority', 'web.example']],
  ['8.3.1', 'a :path of no characters', having(':path', '')],
  ['8.3.1', 'a :path that is none', having(':path', 'index.html')],
  ['8.3.1', ':path * that is not of OPTIONS', having(':path', '*')],
  ['8.3.1', 'a request line for HTTP/1.1 in :path', having(':path', '/ HTTP/1.1\r\nX: y')],
  ['8.3.1', 'a space in :path', having(':path', '/a b')],
  ['8.3.1', 'a fragment in :path', having(':path', '/#a')],
  ['8.3.1', 'a space in :method', having(':method', 'GET /a')],
  ['8.3.1', ':method of no characters', having(':method', '')],
  ['8.3.1', 'a :scheme that is none', having(':scheme', 'http://a')],
  ['8.3.1', 'user information in :authority', having(':authority', 'user@web.example')],
  ['8.3.1', ':authority of no characters', having(':authority', '')],
  ['8.3.1', 'a path in :authority', having(':authority', 'web.example/a')],
  ['8.3.1', 'neither :authority nor host', without(':authority')],
  ['8.3.1', 'a host that differs from :authority', [...GET, 'host', 'other.example']],
  ['8.3.1', 'host twice', [...GET, 'host', 'web.example', 'host', 'web.example']],
  ['8.1.1', 'content-length that is no number', [...POST, 'content-length', '5x']],
  ['8.1.1', 'content-length of no characters', [...POST, 'content-length', '']],
  ['8.1.1', 'a negative content-length', [...POST, 'content-length', '-1']],
  ['8.1.1', 'content-length with a sign', [...POST, 'content-length', '+1']],
  ['8.1.1', 'content-length beyond exact numbers', [...POST, 'content-length', '18446744073709551616']],
  ['8.1.1', 'content-length twice', [...POST, 'content-length', '5', 'content-length', '5']],
  ['8.5', 'CONNECT with :path', [...CONNECT, ':path', '/']],
  ['8.5', 'CONNECT with :scheme', [...CONNECT, ':scheme', 'http']],
  ['8.5', 'CONNECT without :authority', [':method', 'CONNECT']],
  ['3 of RFC 8441', ':protocol that was not offered', EXTENDED],
];

const WELL_FORMED: readonly (readonly [what: string, fields: readonly string[]])[] = [
  ['host instead of :authority', [...without(':authority'), 'host', 'web.example']],
  ['host like :authority but for its case', [...GET, 'host', 'WEB.example']],
  ['an address as :authority', having(':authority', '[2001:db8::1]:8080')],
  ['te: trailers', [...GET, 'te', 'trailers']],
  ['OPTIONS *', [':method', 'OPTIONS', ':scheme', 'http', ':path', '*', ':authority', 'web.example']],
  ['a value with bytes above ASCII, and one of nothing', [...GET, 'x', 'gr\xfc\xdf dich\tGott', 'y', '']],
  ['pseudo-headers in any order', [':path', '/', ':authority', 'web.example', ':method', 'GET', ':scheme', 'https']],
  ['CONNECT', CONNECT],
];

describe('HTTP/2 session, server, resets the stream of a request with', () => {
  for (const [section, what, fields] of MALFORMED) {
    it(`${what} (§${section})`, () => {
      const scene = new H2Scene('server').begin();
      scene.peer.headers(1, fields);
      scene.assertReset(1, 'PROTOCOL_ERROR');
      assert.equal(scene.streams.length, 0);
      // Again, for by now the encoder has put the field into the table, and the decoder has to remember it as bad.
      scene.peer.headers(3, fields);
      scene.assertReset(3, 'PROTOCOL_ERROR');
    });
  }

  it('transfer-encoding from the static table, which has it with no value (§8.2.2)', () => {
    const scene = new H2Scene('server').begin();
    scene.peer.headers(1, Buffer.concat([scene.peer.encode(GET), Buffer.from([0x80 | 57])]));
    scene.assertReset(1, 'PROTOCOL_ERROR');
  });
});

describe('HTTP/2 session, server, takes a request with', () => {
  for (const [what, fields] of WELL_FORMED) {
    it(what, () => {
      const scene = new H2Scene('server').begin();
      scene.peer.headers(1, fields, { endStream: true });
      assert.deepEqual(scene.last.sections, [fields]);
      assert.deepEqual(scene.errors, []);
    });
  }

  it(':protocol, once that is offered', () => {
    const scene = new H2Scene('server', { extendedConnect: true }).begin();
    scene.peer.headers(1, EXTENDED);
    assert.deepEqual(scene.last.sections, [EXTENDED]);
    scene.peer.headers(3, [...GET, ':protocol', 'websocket']);
    scene.assertReset(3, 'PROTOCOL_ERROR');
  });

  it('a field that must never be indexed, and says which', () => {
    const scene = new H2Scene('server').begin();
    const secret = Buffer.concat([Buffer.from([0x10, 4]), Buffer.from('x-id'), Buffer.from([2]), Buffer.from('42')]);
    scene.peer.headers(1, Buffer.concat([scene.peer.encode(GET), secret]), { endStream: true });
    assert.deepEqual(scene.last.stream.sensitive, ['x-id']);
    scene.last.stream.headers([':status', '200', 'x-id', '42'], true, ['x-id']);
    scene.session.flush();
    const { payload } = scene.peer.expect(HEADERS, 1);
    assert.ok(payload.includes(secret.subarray(0, 1)), 'a literal never indexed');
  });
});

describe('HTTP/2 session, server, on a tunnel', () => {
  it('keeps the two ways of CONNECT apart', () => {
    const scene = new H2Scene('server').begin();
    scene.peer.headers(1, CONNECT);
    const { stream } = scene.last;
    stream.headers([':status', '200'], false);
    stream.data(Buffer.from('down'));
    stream.end();
    scene.session.flush();
    assert.equal(scene.peer.takeData(1).toString(), 'down');
    scene.peer.data(1, 'up');
    scene.peer.data(1, '!', { endStream: true });
    assert.equal(scene.last.body, 'up!');
    assert.equal(scene.last.isComplete, true);
    assert.equal(scene.session.streams, 0);
  });
});

describe('HTTP/2 session, server, of a body', () => {
  const cases: readonly (readonly [what: string, send: (peer: H2Peer) => void])[] = [
    [
      'longer than content-length',
      (peer) => {
        peer.headers(1, [...POST, 'content-length', '4']);
        peer.data(1, 'hello', { endStream: true });
      },
    ],
    [
      'longer than content-length in several frames',
      (peer) => {
        peer.headers(1, [...POST, 'content-length', '4']);
        peer.data(1, 'he');
        peer.data(1, 'llo', { endStream: true });
      },
    ],
    [
      'shorter than content-length',
      (peer) => {
        peer.headers(1, [...POST, 'content-length', '6']);
        peer.data(1, 'hello', { endStream: true });
      },
    ],
    [
      'shorter than content-length, before trailers',
      (peer) => {
        peer.headers(1, [...POST, 'content-length', '6']);
        peer.data(1, 'hello');
        peer.headers(1, ['x', 'y'], { endStream: true });
      },
    ],
    [
      'missing in spite of content-length',
      (peer) => peer.headers(1, [...POST, 'content-length', '6'], { endStream: true }),
    ],
    [
      'present in spite of content-length 0',
      (peer) => {
        peer.headers(1, [...POST, 'content-length', '0']);
        peer.data(1, 'x', { endStream: true });
      },
    ],
  ];
  for (const [what, send] of cases) {
    it(`resets the stream when it is ${what} (§8.1.1)`, () => {
      const scene = new H2Scene('server').begin();
      send(scene.peer);
      scene.assertReset(1, 'PROTOCOL_ERROR');
      assert.notEqual(scene.streams[0]?.isComplete, true);
    });
  }

  it('takes one of exactly content-length, padding not counted', () => {
    const scene = new H2Scene('server').begin();
    scene.peer.headers(1, [...POST, 'content-length', '5']);
    scene.peer.data(1, 'hel', { padding: 200 });
    scene.peer.data(1, 'lo');
    scene.peer.data(1, '', { endStream: true });
    assert.equal(scene.last.body, 'hello');
    assert.equal(scene.last.isComplete, true);
    assert.equal(scene.last.stream.contentLength, 5);
  });
});

describe('HTTP/2 session, server, of trailers', () => {
  const cases: readonly (readonly [what: string, fields: readonly string[], endStream: boolean])[] = [
    ['do not end the stream (§8.1)', ['x', 'y'], false],
    ['are a second head (§8.1)', GET, true],
    ['have a pseudo-header (§8.1)', [':method', 'GET', 'x', 'y'], true],
    ['have one behind a field (§8.1)', ['x', 'y', ':method', 'GET'], true],
    ['have a connection field (§8.2.2)', ['connection', 'close'], true],
    ['have capitals in a name (§8.2.1)', ['X', 'y'], true],
  ];
  for (const [what, fields, endStream] of cases) {
    it(`resets the stream when they ${what}`, () => {
      const scene = new H2Scene('server').begin();
      scene.peer.headers(1, POST);
      scene.peer.data(1, 'x');
      scene.peer.headers(1, fields, { endStream });
      scene.assertReset(1, 'PROTOCOL_ERROR');
      assert.equal(scene.last.resetBy?.code, 'PROTOCOL_ERROR');
    });
  }
});

describe('HTTP/2 session, server, of a head that is too large', () => {
  it('answers 431, to the request alone, and keeps HPACK in step', () => {
    const scene = new H2Scene('server').begin();
    const block = scene.peer.encode([...GET, 'x-a', 'v'.repeat(900), 'x-b', 'v'.repeat(16_000)]);
    scene.peer.frame(HEADERS, END_STREAM, 1, block.subarray(0, 16_000));
    scene.peer.frame(CONTINUATION, END_HEADERS, 1, block.subarray(16_000));
    assert.deepEqual(scene.peer.expectHeaders(1).slice(0, 2), [':status', '431']);
    assert.equal(scene.streams.length, 0);
    assert.equal(scene.session.streams, 0);
    scene.peer.headers(3, [...GET, 'x-a', 'v'.repeat(900)], { endStream: true });
    assert.deepEqual(scene.last.sections, [[...GET, 'x-a', 'v'.repeat(900)]]);
  });

  it('and stops a body behind it', () => {
    const scene = new H2Scene('server', { maxListBytes: 200 }).begin();
    scene.peer.headers(1, [...POST, 'x', 'v'.repeat(200)]);
    assert.equal(scene.peer.expect(HEADERS, 1).flags & END_STREAM, END_STREAM);
    assert.equal(scene.peer.expectReset(1), 'NO_ERROR');
    scene.peer.data(1, 'body');
    scene.assertAlive();
    assert.equal(scene.peer.take(DATA, 1), undefined);
  });
});
