import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  DATA,
  END_STREAM,
  GOAWAY,
  HEADERS,
  PING,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
} from '../../../../src/wire/h2/frames.js';
import { ENABLE_PUSH, MAX_CONCURRENT_STREAMS } from '../../../../src/wire/h2/settings.js';
import { GET, POST } from '../../../support/h2-peer.js';
import { H2Scene } from '../../../support/h2-scene.js';

const OK: readonly string[] = [':status', '200'];
const HEAD: readonly string[] = [':method', 'HEAD', ':scheme', 'http', ':path', '/', ':authority', 'web.example'];

/** A client with a request under way on stream 1. */
function asking(fields = GET, endStream = true): H2Scene {
  const scene = new H2Scene('client').begin();
  scene.open(fields, endStream);
  scene.forget();
  return scene;
}

describe('HTTP/2 session, client', () => {
  it('says the preface and SETTINGS first, and refuses to be pushed anything', () => {
    const scene = new H2Scene('client');
    scene.session.start();
    const { payload } = scene.peer.expect(SETTINGS);
    const settings = new Map<number, number>();
    for (let at = 0; at < payload.length; at += 6) settings.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    assert.equal(settings.get(ENABLE_PUSH), 0);
  });

  it('sends requests with odd ids, and hands on their responses', () => {
    const scene = new H2Scene('client').begin();
    const first = scene.open(GET);
    const second = scene.open(POST, false);
    second.stream.data(Buffer.from('body'));
    second.stream.end(['x-sum', '1']);
    scene.session.flush();
    const head = scene.peer.expect(HEADERS, 1);
    assert.deepEqual(head.fields, GET);
    assert.equal(head.flags & END_STREAM, END_STREAM);
    assert.deepEqual(scene.peer.expectHeaders(3), POST);
    assert.equal(scene.peer.takeData(3).toString(), 'body');
    assert.deepEqual(scene.peer.expectHeaders(3), ['x-sum', '1']);

    scene.peer.headers(3, [':status', '103', 'link', '</a>']);
    scene.peer.headers(3, OK);
    scene.peer.data(3, 'answer');
    scene.peer.headers(3, ['grpc-status', '0'], { endStream: true });
    assert.deepEqual(second.sections, [[':status', '103', 'link', '</a>'], OK, ['grpc-status', '0']]);
    assert.equal(second.body, 'answer');
    assert.equal(second.isComplete, true);
    assert.equal(first.isComplete, false);
    scene.peer.headers(1, OK, { endStream: true });
    assert.equal(first.isComplete, true);
    assert.equal(scene.session.streams, 0);
  });

  it('opens no more streams than the peer allows, and more once one has ended', () => {
    const scene = new H2Scene('client').begin([[MAX_CONCURRENT_STREAMS, 2]]);
    assert.equal(scene.session.capacity, 2);
    scene.open(GET);
    scene.open(GET);
    assert.equal(scene.session.capacity, 0);
    assert.equal(scene.session.open(GET, true, scene.last), undefined);
    scene.peer.headers(1, OK, { endStream: true });
    assert.equal(scene.session.capacity, 1);
    scene.peer.settings([[MAX_CONCURRENT_STREAMS, 0]]);
    assert.equal(scene.session.capacity, 0);
  });

  it('takes a hundred streams for granted until the peer has spoken, then as many as we want', () => {
    const scene = new H2Scene('client', { maxConcurrentStreams: 1000 });
    scene.session.start();
    assert.equal(scene.session.capacity, 100);
    scene.peer.settings([]);
    assert.equal(scene.session.capacity, 1000);
  });

  it('takes no DATA for what HEAD and 304 say of a length', () => {
    const scene = asking(HEAD);
    scene.peer.headers(1, [':status', '200', 'content-length', '5'], { endStream: true });
    assert.equal(scene.last.isComplete, true);
    assert.equal(scene.last.stream.contentLength, 5);
    const notModified = scene.open(GET);
    scene.peer.headers(3, [':status', '304', 'content-length', '5'], { endStream: true });
    assert.equal(notModified.isComplete, true);
    scene.open(HEAD);
    scene.peer.headers(5, [':status', '200', 'content-length', '5']);
    scene.peer.data(5, 'hello', { endStream: true });
    scene.assertReset(5, 'PROTOCOL_ERROR');
  });

  it('tells the listener that a refused stream may be sent again', () => {
    const scene = asking();
    scene.peer.reset(1, 'REFUSED_STREAM');
    assert.deepEqual(scene.last.resetBy, { code: 'REFUSED_STREAM', refused: true, why: undefined });
    const other = scene.open(GET);
    scene.peer.reset(3, 'INTERNAL_ERROR');
    assert.deepEqual(other.resetBy, { code: 'INTERNAL_ERROR', refused: false, why: undefined });
  });

  it('on GOAWAY tells streams beyond the last that they were not processed; others end, then the session', () => {
    const scene = new H2Scene('client').begin();
    const first = scene.open(GET);
    const second = scene.open(GET);
    scene.peer.goAway(1, 'NO_ERROR', 'maintenance');
    assert.deepEqual(scene.goAways, [{ lastId: 1, code: 'NO_ERROR', message: 'maintenance' }]);
    assert.deepEqual(second.resetBy, { code: 'REFUSED_STREAM', refused: true, why: undefined });
    assert.equal(first.resetBy, undefined);
    assert.equal(scene.session.capacity, 0);
    assert.deepEqual(scene.closes, []);
    scene.peer.headers(1, OK, { endStream: true });
    assert.deepEqual(scene.closes, [undefined]);
    assert.ok(scene.isEnded);
  });

  it('goes away itself after the last response', () => {
    const scene = asking();
    scene.session.goAway();
    assert.equal(scene.peer.expectGoAway().code, 'NO_ERROR');
    assert.equal(scene.session.capacity, 0);
    assert.deepEqual(scene.closes, []);
    scene.peer.headers(1, OK, { endStream: true });
    assert.deepEqual(scene.closes, [undefined]);
  });

  it('asks for a pong', () => {
    const scene = asking();
    scene.session.ping();
    const { payload } = scene.peer.expect(PING);
    scene.peer.ping(Buffer.from('not ours'), true);
    assert.equal(scene.pongs, 0);
    scene.peer.ping(payload, true);
    assert.equal(scene.pongs, 1);
  });

  it('tells every stream of a lost connection, then the owner', () => {
    const scene = asking();
    scene.session.lost(new Error('read ECONNRESET'));
    assert.match(String(scene.last.resetBy?.why), /ECONNRESET/);
    assert.equal(scene.last.resetBy?.refused, false);
    assert.match(String(scene.closes[0]), /ECONNRESET/);
    scene.session.lost(undefined);
    assert.equal(scene.closes.length, 1);
    assert.equal(scene.session.capacity, 0);
  });

  it('goes on sending a request whose response has ended, until the peer says not to', () => {
    const scene = asking(POST, false);
    scene.peer.headers(1, OK, { endStream: true });
    assert.equal(scene.last.isComplete, true);
    scene.last.stream.data(Buffer.from('more'));
    scene.session.flush();
    assert.equal(scene.peer.takeData(1).toString(), 'more');
    scene.peer.reset(1, 'NO_ERROR');
    assert.equal(scene.last.resetBy?.code, 'NO_ERROR');
    assert.equal(scene.session.streams, 0);
  });
});

describe('HTTP/2 session, client, of a server that errs', () => {
  const malformed: readonly (readonly [what: string, send: (scene: H2Scene) => void])[] = [
    ['no :status', ({ peer }) => peer.headers(1, ['server', 'x'])],
    [':status twice', ({ peer }) => peer.headers(1, [':status', '200', ':status', '200'])],
    [':status that is no number', ({ peer }) => peer.headers(1, [':status', '2xx'])],
    [':status 101', ({ peer }) => peer.headers(1, [':status', '101'])],
    ['a pseudo-header of requests', ({ peer }) => peer.headers(1, [':status', '200', ':path', '/'])],
    ['1xx that ends the stream', ({ peer }) => peer.headers(1, [':status', '100'], { endStream: true })],
    ['DATA before a head', ({ peer }) => peer.data(1, 'x')],
    [
      'DATA between 1xx and the head',
      ({ peer }) => {
        peer.headers(1, [':status', '100']);
        peer.data(1, 'x');
      },
    ],
    ['a connection field', ({ peer }) => peer.headers(1, [...OK, 'connection', 'close'])],
    ['transfer-encoding', ({ peer }) => peer.headers(1, [...OK, 'transfer-encoding', 'chunked'])],
    ['capitals in a name', ({ peer }) => peer.headers(1, [...OK, 'Server', 'x'])],
    ['CR LF in a value', ({ peer }) => peer.headers(1, [...OK, 'x', 'a\r\nb: c'])],
    [
      'more body than content-length',
      ({ peer }) => {
        peer.headers(1, [...OK, 'content-length', '1']);
        peer.data(1, 'xx');
      },
    ],
    [
      'less body than content-length',
      ({ peer }) => {
        peer.headers(1, [...OK, 'content-length', '3']);
        peer.data(1, 'xx', { endStream: true });
      },
    ],
    [
      'no body in spite of content-length',
      ({ peer }) => peer.headers(1, [...OK, 'content-length', '3'], { endStream: true }),
    ],
    [
      'trailers that do not end the stream',
      ({ peer }) => {
        peer.headers(1, OK);
        peer.headers(1, ['x', 'y']);
      },
    ],
  ];
  for (const [what, send] of malformed) {
    it(`resets the stream for ${what}`, () => {
      const scene = asking();
      send(scene);
      scene.assertReset(1, 'PROTOCOL_ERROR');
      assert.equal(scene.last.resetBy?.refused, false);
      assert.notEqual(scene.last.resetBy?.why, undefined);
    });
  }

  it('resets a stream whose fields are too many, and says so', () => {
    const scene = asking();
    scene.peer.headers(1, [...OK, 'x', 'y'.repeat(16_000)], { endHeaders: true });
    scene.peer.headers(1, ['x', 'z'.repeat(300)], { endStream: true });
    assert.equal(scene.last.isComplete, true);
    scene.open(GET);
    scene.peer.headers(3, [...OK, 'x', 'y'.repeat(15_000), 'x', 'y'.repeat(1300)]);
    scene.assertReset(3, 'ENHANCE_YOUR_CALM');
  });

  it('resets a stream of so many 1xx and no response, and only that', () => {
    const scene = new H2Scene('client', { limits: { maxInterimResponses: 3 } }).begin();
    scene.open(GET);
    for (let i = 0; i < 3; i += 1) scene.peer.headers(1, [':status', '103']);
    scene.peer.headers(1, OK, { endStream: true });
    assert.equal(scene.last.isComplete, true);
    scene.open(GET);
    for (let i = 0; i < 4; i += 1) scene.peer.headers(3, [':status', '102']);
    scene.assertReset(3, 'ENHANCE_YOUR_CALM');
    assert.equal(scene.last.sections.length, 3);
    assert.match(scene.last.resetBy?.why ?? '', /more than 3 responses of 1xx/);
  });

  it('closes for PUSH_PROMISE', () => {
    const scene = asking();
    scene.peer.frame(PUSH_PROMISE, 4, 1, Buffer.from([0, 0, 0, 2]));
    scene.assertClosed('PROTOCOL_ERROR');
    assert.equal(scene.last.resetBy?.code, 'PROTOCOL_ERROR');
  });

  it('closes for SETTINGS_ENABLE_PUSH 1', () => {
    const scene = asking();
    scene.peer.settings([[ENABLE_PUSH, 1]]);
    scene.assertClosed('PROTOCOL_ERROR');
  });

  it('closes for a response on a stream that was not opened', () => {
    for (const id of [2, 3]) {
      const scene = asking();
      scene.peer.headers(id, OK);
      scene.assertClosed('PROTOCOL_ERROR');
    }
  });

  it('takes no notice of a stream that it has reset', () => {
    const scene = asking();
    scene.last.stream.reset('CANCEL');
    assert.equal(scene.peer.expectReset(1), 'CANCEL');
    scene.peer.headers(1, OK);
    scene.peer.data(1, 'answer', { endStream: true });
    scene.peer.reset(1, 'CANCEL');
    scene.assertAlive();
    assert.deepEqual(scene.last.sections, []);
  });

  it('closes when the server says something else than SETTINGS first', () => {
    const scene = new H2Scene('client');
    scene.session.start();
    scene.forget();
    scene.peer.ping(Buffer.alloc(8));
    scene.assertClosed('PROTOCOL_ERROR');
    assert.equal(scene.peer.take(RST_STREAM), undefined);
    assert.equal(scene.peer.take(GOAWAY), undefined);
    assert.equal(scene.peer.take(DATA), undefined);
  });
});
