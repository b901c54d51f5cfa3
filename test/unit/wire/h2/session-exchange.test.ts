import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DATA, END_STREAM, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE } from '../../../../src/wire/h2/frames.js';
import { GET, POST } from '../../../support/h2-peer.js';
import { H2Scene } from '../../../support/h2-scene.js';

const OK: readonly string[] = [':status', '200', 'content-type', 'text/plain'];

describe('HTTP/2 session, server', () => {
  it('says SETTINGS and a larger connection window first, in one write', () => {
    const scene = new H2Scene('server');
    scene.session.start();
    assert.equal(scene.writes.length, 1);
    assert.deepEqual(
      scene.peer.frames.map(({ type, id }) => [type, id]),
      [
        [SETTINGS, 0],
        [WINDOW_UPDATE, 0],
      ],
    );
    assert.equal(scene.peer.expect(WINDOW_UPDATE).payload.readUInt32BE(0), 1024 * 1024 - 65_535);
  });

  it('hands a request without body to its owner, and its response to the peer in one write', () => {
    const scene = new H2Scene('server', {
      onRequest: ({ stream }) => {
        stream.headers(OK, false);
        assert.equal(stream.data(Buffer.from('hello')), true);
        stream.end();
      },
    }).begin();
    scene.peer.headers(1, GET, { endStream: true });
    assert.deepEqual(scene.last.sections, [GET]);
    assert.equal(scene.last.isComplete, true);
    assert.equal(scene.writes.length, 1);
    assert.deepEqual(scene.peer.expectHeaders(1), OK);
    const data = scene.peer.expect(DATA, 1);
    assert.equal(data.payload.toString(), 'hello');
    assert.equal(data.flags, END_STREAM, 'the last frame ends the stream: no empty one follows');
    assert.equal(scene.peer.frames.length, 0);
    assert.equal(scene.session.streams, 0);
    assert.equal(scene.streamsClosed, 1);
  });

  it('answers all requests of one read in one write', () => {
    const scene = new H2Scene('server', { onRequest: ({ stream }) => stream.headers(OK, true) }).begin();
    const { peer } = scene;
    peer.together(() => {
      for (let id = 1; id < 40; id += 2) peer.headers(id, GET, { endStream: true });
    });
    assert.equal(scene.streams.length, 20);
    assert.equal(scene.writes.length, 1);
  });

  it('reads a request with body and trailers that comes byte by byte', () => {
    const scene = new H2Scene('server');
    const { peer } = scene;
    scene.session.start();
    const bytes = peer.gather(() => {
      peer.begin([[4, 100_000]]);
      peer.headers(1, POST, { padding: 7, dependsOn: 0 });
      peer.data(1, 'hello ', { padding: 3 });
      peer.frame(0xfa, 0xff, 1, Buffer.from('of an unknown type'));
      peer.data(1, 'world');
      peer.headers(1, ['x-checksum', 'abc'], { endStream: true });
    });
    for (const byte of bytes) peer.bytes(Buffer.from([byte]));
    assert.equal(scene.last.body, 'hello world');
    assert.deepEqual(scene.last.sections, [POST, ['x-checksum', 'abc']]);
    assert.equal(scene.last.isComplete, true);
  });

  it('passes on DATA in pieces as they come', () => {
    const scene = new H2Scene('server').begin();
    scene.peer.headers(1, POST);
    scene.peer.frame(DATA, END_STREAM, 1, Buffer.from('half'), 8);
    assert.equal(scene.last.body, 'half');
    assert.equal(scene.last.isComplete, false);
    scene.peer.bytes(Buffer.from('rest'));
    assert.equal(scene.last.body, 'halfrest');
    assert.equal(scene.last.isComplete, true);
  });

  it('sends 1xx, a response, body and trailers', () => {
    const scene = new H2Scene('server').begin();
    scene.peer.headers(1, POST);
    const { stream } = scene.last;
    stream.headers([':status', '103', 'link', '</a>'], false);
    stream.headers(OK, false);
    stream.data(Buffer.from('body'));
    scene.peer.data(1, '', { endStream: true });
    stream.end(['grpc-status', '0']);
    scene.session.flush();
    assert.deepEqual(scene.peer.expectHeaders(1), [':status', '103', 'link', '</a>']);
    assert.deepEqual(scene.peer.expectHeaders(1), OK);
    assert.equal(scene.peer.takeData(1).toString(), 'body');
    const trailers = scene.peer.expect(HEADERS, 1);
    assert.deepEqual(trailers.fields, ['grpc-status', '0']);
    assert.equal(trailers.flags & END_STREAM, END_STREAM);
    assert.equal(scene.session.streams, 0);
  });

  it('splits a head that is longer than a frame, and ends the stream with it', () => {
    const scene = new H2Scene('server').begin();
    scene.peer.headers(1, GET, { endStream: true });
    const fields = [':status', '200'];
    for (let i = 0; i < 40; i += 1) fields.push(`x-${i}`, 'v'.repeat(1000));
    scene.last.stream.headers(fields, false);
    scene.last.stream.end();
    scene.session.flush();
    const head = scene.peer.expect(HEADERS, 1);
    assert.deepEqual(head.fields, fields);
    assert.equal(head.flags, END_STREAM);
    assert.equal(head.payload.length, 16_384);
    assert.equal(scene.session.streams, 0);
  });

  it('tells the peer to stop sending a request that has been answered', () => {
    const scene = new H2Scene('server', { onRequest: ({ stream }) => stream.headers(OK, true) }).begin();
    scene.peer.headers(1, POST);
    assert.equal(scene.peer.expect(HEADERS, 1).flags & END_STREAM, END_STREAM);
    assert.equal(scene.peer.expectReset(1), 'NO_ERROR');
    scene.peer.data(1, 'still on its way');
    scene.assertAlive();
    assert.equal(scene.last.body, '');
    assert.equal(scene.last.resetBy, undefined);
  });

  it('does not, when the rest of the request comes in the same read', () => {
    const scene = new H2Scene('server', { onRequest: ({ stream }) => stream.headers(OK, true) }).begin();
    scene.peer.together(() => {
      scene.peer.headers(1, POST);
      scene.peer.data(1, 'body', { endStream: true });
    });
    assert.equal(scene.peer.take(RST_STREAM), undefined);
    assert.equal(scene.session.streams, 0);
  });
});
