// Requests that RFC 9113 §8 calls malformed, and requests that only seem to be: by section, for a server in memory and for a
// whole gateway.

import { GET, type H2Peer, POST } from '../h2-peer.js';

export const CONNECT: readonly string[] = [':method', 'CONNECT', ':authority', 'web.example:443'];
export const EXTENDED: readonly string[] = [
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

/** Heads that are malformed: a stream error of type PROTOCOL_ERROR (§8.1.1). */
export const MALFORMED: readonly (readonly [section: string, what: string, fields: readonly string[]])[] = [
  ['8.2.1', 'capitals in a name', [...GET, 'X-Test', 'ok']],
  ['8.2.1', 'a space in a name', [...GET, 'x test', 'ok']],
  ['8.2.1', 'a colon in a name', [...GET, 'x:test', 'ok']],
  ['8.2.1', 'a name of no characters', [...GET, '', 'ok']],
  ['8.2.1', 'a name beyond ASCII', [...GET, 'x-t\xe9st', 'ok']],
  ['8.2.1', 'CR LF in a name', [...GET, 'x\r\ny', 'ok']],
  ['8.2.1', 'CR LF in a value', [...GET, 'x', 'a\r\nTransfer-Encoding: chunked']],
  ['8.2.1', 'LF in a value', [...GET, 'x', 'a\nb']],
  ['8.2.1', 'CR in a value', [...GET, 'x', 'a\rb']],
  ['8.2.1', 'a whole request in a value', [...GET, 'x', 'a\r\n\r\nGET /evil HTTP/1.1\r\nHost: web\r\n\r\n']],
  ['8.2.1', 'NUL in a value', [...GET, 'x', 'a\0b']],
  ['8.2.1', 'white space before a value', [...GET, 'x', ' a']],
  ['8.2.1', 'white space behind a value', [...GET, 'x', 'a\t']],
  ['8.2.2', 'connection', [...GET, 'connection', 'keep-alive']],
  ['8.2.2', 'connection that lists a field', [...GET, 'connection', 'authorization']],
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
  ['8.3.1', 'a :path that is absolute', having(':path', 'http://evil/')],
  ['8.3.1', 'a :path beyond ASCII', having(':path', '/\xe9')],
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
  ['8.3.1', 'CR LF in :authority', having(':authority', 'web.example\r\nx-evil: 1')],
  ['8.3.1', 'neither :authority nor host', without(':authority')],
  ['8.3.1', 'a host that differs from :authority', [...GET, 'host', 'other.example']],
  ['8.3.1', 'host twice', [...GET, 'host', 'web.example', 'host', 'web.example']],
  ['8.3.1', 'two hosts and no :authority', [...without(':authority'), 'host', 'web.example', 'host', 'evil.example']],
  ['8.3.1', 'a host that is a list', [...without(':authority'), 'host', 'web.example,evil.example']],
  ['8.1.1', 'content-length that is no number', [...POST, 'content-length', '5x']],
  ['8.1.1', 'content-length of no characters', [...POST, 'content-length', '']],
  ['8.1.1', 'a negative content-length', [...POST, 'content-length', '-1']],
  ['8.1.1', 'content-length with a sign', [...POST, 'content-length', '+1']],
  ['8.1.1', 'content-length beyond exact numbers', [...POST, 'content-length', '18446744073709551616']],
  ['8.1.1', 'content-length twice', [...POST, 'content-length', '5', 'content-length', '5']],
  ['8.1.1', 'two content-lengths that differ', [...POST, 'content-length', '4', 'content-length', '5']],
  ['8.1.1', 'content-length that is a list', [...POST, 'content-length', '4, 4']],
  ['8.5', 'CONNECT with :path', [...CONNECT, ':path', '/']],
  ['8.5', 'CONNECT with :scheme', [...CONNECT, ':scheme', 'http']],
  ['8.5', 'CONNECT without :authority', [':method', 'CONNECT']],
  ['4 of RFC 8441', ':protocol of a GET', [...GET, ':protocol', 'websocket']],
];

/** Heads that are not. */
export const WELL_FORMED: readonly (readonly [what: string, fields: readonly string[]])[] = [
  ['host instead of :authority', [...without(':authority'), 'host', 'web.example']],
  ['host like :authority but for its case', [...GET, 'host', 'WEB.example']],
  ['an address as :authority', having(':authority', '[2001:db8::1]:8080')],
  ['te: trailers', [...GET, 'te', 'trailers']],
  ['OPTIONS *', [':method', 'OPTIONS', ':scheme', 'http', ':path', '*', ':authority', 'web.example']],
  ['a value with bytes above ASCII, and one of nothing', [...GET, 'x', 'gr\xfc\xdf dich\tGott', 'y', '']],
  ['pseudo-headers in any order', [':path', '/', ':authority', 'web.example', ':method', 'GET', ':scheme', 'https']],
  ['CONNECT', CONNECT],
];

/** Bodies on stream 1 that are not what content-length says: malformed (§8.1.1). */
export const BAD_BODIES: readonly (readonly [what: string, send: (peer: H2Peer) => void])[] = [
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

/** Sections behind a body that are no trailers. */
export const BAD_TRAILERS: readonly (readonly [what: string, fields: readonly string[], endStream: boolean])[] = [
  ['do not end the stream (§8.1)', ['x', 'y'], false],
  ['are a second head (§8.1)', GET, true],
  ['have a pseudo-header (§8.1)', [':method', 'GET', 'x', 'y'], true],
  ['have one behind a field (§8.1)', ['x', 'y', ':method', 'GET'], true],
  ['have a connection field (§8.2.2)', ['connection', 'close'], true],
  ['have capitals in a name (§8.2.1)', ['X', 'y'], true],
];
