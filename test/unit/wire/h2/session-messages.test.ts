// What a server takes for a request (RFC 9113 §8), and how much of one.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS } from '../../../../src/wire/h2/frames.js';
import {
  BAD_BODIES,
  BAD_TRAILERS,
  CONNECT,
  EXTENDED,
  MALFORMED,
  WELL_FORMED,
} from '../../../support/conformance/h2-message-cases.js';
import { GET, POST } from '../../../support/h2-peer.js';
import { H2Scene } from '../../../support/h2-scene.js';

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

  it(':protocol that was not offered (§3 of RFC 8441)', () => {
    const scene = new H2Scene('server').begin();
    scene.peer.headers(1, EXTENDED);
    scene.assertReset(1, 'PROTOCOL_ERROR');
  });

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
  for (const [what, send] of BAD_BODIES) {
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
  for (const [what, fields, endStream] of BAD_TRAILERS) {
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
