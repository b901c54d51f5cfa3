import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GOAWAY, HEADERS, MAX_STREAM_ID, PING, RST_STREAM } from '../../../../src/wire/h2/frames.js';
import { H2Error } from '../../../../src/wire/h2/h2-error.js';
import { INITIAL_WINDOW_SIZE } from '../../../../src/wire/h2/settings.js';
import { GET, POST } from '../../../support/h2-peer.js';
import { H2Scene } from '../../../support/h2-scene.js';

const OK: readonly string[] = [':status', '200'];

describe('HTTP/2 session, server, going away', () => {
  it('takes what was sent before the peer knew, refuses what comes behind, and closes after the last response', () => {
    const scene = new H2Scene('server').begin();
    scene.peer.headers(1, GET, { endStream: true });
    scene.session.goAway();
    assert.deepEqual(scene.peer.expectGoAway(), { lastId: MAX_STREAM_ID, code: 'NO_ERROR', debug: '' });
    const { payload } = scene.peer.expect(PING);
    scene.peer.headers(3, GET, { endStream: true });
    assert.equal(scene.streams.length, 2);
    scene.peer.ping(payload, true);
    assert.equal(scene.peer.expectGoAway().lastId, 3);
    scene.peer.headers(5, GET, { endStream: true });
    assert.equal(scene.peer.expectReset(5), 'REFUSED_STREAM');
    assert.equal(scene.streams.length, 2);
    for (const { stream } of scene.streams) {
      assert.deepEqual(scene.closes, []);
      stream.headers(OK, true);
      scene.session.flush();
    }
    assert.deepEqual(scene.closes, [undefined]);
    assert.ok(scene.isEnded);
    assert.ok(scene.peer.expect(HEADERS, 3));
  });

  it('closes when nothing is under way, once the peer has answered', () => {
    const scene = new H2Scene('server').begin();
    scene.session.goAway();
    assert.equal(scene.isEnded, false);
    scene.peer.ping(scene.peer.expect(PING).payload, true);
    assert.deepEqual(scene.closes, [undefined]);
    assert.equal(scene.peer.frames.filter(({ type }) => type === GOAWAY).length, 2);
  });

  it('does not wait for an answer for ever', () => {
    const scene = new H2Scene('server').begin();
    scene.session.goAway();
    scene.session.tick(1000);
    assert.deepEqual(scene.closes, []);
    scene.session.tick(2000);
    assert.deepEqual(scene.closes, [undefined]);
  });

  it('does not close before the transport has taken what is written', () => {
    const scene = new H2Scene('server').begin();
    scene.peer.headers(1, GET, { endStream: true });
    scene.isOpen = false;
    scene.session.goAway();
    scene.last.stream.headers(OK, true);
    scene.session.tick(1000);
    scene.session.tick(2000);
    assert.deepEqual(scene.closes, []);
    scene.isOpen = true;
    scene.session.drained();
    assert.deepEqual(scene.closes, [undefined]);
    assert.deepEqual(scene.peer.expectHeaders(1), OK);
  });
});

describe('HTTP/2 session, the end of it', () => {
  it('close tells the peer, the streams, then the owner, once', () => {
    const scene = new H2Scene('server').begin();
    scene.peer.headers(1, GET, { endStream: true });
    scene.session.close(new H2Error('INTERNAL_ERROR', 'out of order'));
    assert.deepEqual(scene.peer.expectGoAway(), { lastId: 1, code: 'INTERNAL_ERROR', debug: 'out of order' });
    assert.deepEqual(scene.last.resetBy, { code: 'INTERNAL_ERROR', refused: false, why: 'out of order' });
    scene.session.close();
    scene.session.lost(undefined);
    scene.session.goAway();
    scene.session.ping();
    scene.session.tick(0);
    scene.session.drained();
    scene.session.peerEnded();
    scene.peer.headers(3, GET);
    assert.equal(scene.closes.length, 1);
    assert.equal(scene.peer.frames.length, 0);
    assert.equal(scene.streams.length, 1);
  });

  it('a stream that writes while it is told of the end does no harm', () => {
    const scene = new H2Scene('server').begin();
    scene.peer.headers(1, GET, { endStream: true });
    scene.peer.headers(3, GET, { endStream: true });
    const [first, second] = scene.streams;
    assert.ok(first && second);
    first.reset = () => {
      second.stream.headers(OK, false);
      second.stream.data(Buffer.alloc(100_000));
      second.stream.end();
      scene.session.flush();
    };
    scene.session.close();
    assert.equal(scene.peer.take(HEADERS), undefined);
    assert.deepEqual(scene.closes, [undefined]);
  });

  it('a defect of the owner ends the connection with INTERNAL_ERROR, and is not lost', () => {
    const defect = new Error('a defect');
    const scene = new H2Scene('server', {
      onRequest: () => {
        throw defect;
      },
    }).begin();
    scene.peer.headers(1, GET, { endStream: true });
    assert.equal(scene.closes[0]?.cause, defect);
    scene.assertClosed('INTERNAL_ERROR');
  });

  it('a caller that half-closes is answered what it has asked; what it has not finished asking ends', () => {
    const scene = new H2Scene('server').begin();
    scene.peer.headers(1, GET, { endStream: true });
    scene.peer.headers(3, POST);
    scene.session.peerEnded();
    assert.equal(scene.last.resetBy?.code, 'CANCEL');
    assert.deepEqual(scene.closes, []);
    scene.streams[0]?.stream.headers(OK, true);
    scene.session.flush();
    assert.deepEqual(scene.peer.expectHeaders(1), OK);
    assert.deepEqual(scene.closes, [undefined]);
  });

  it('a caller that half-closes in idleness ends the session', () => {
    const scene = new H2Scene('server').begin();
    scene.session.peerEnded();
    assert.deepEqual(scene.closes, [undefined]);
    assert.ok(scene.isEnded);
  });

  it('GOAWAY of a caller: it is answered', () => {
    const scene = new H2Scene('server').begin();
    scene.peer.headers(1, GET, { endStream: true });
    scene.peer.goAway(0, 'ENHANCE_YOUR_CALM', 'x'.repeat(1000));
    assert.equal(scene.goAways[0]?.code, 'ENHANCE_YOUR_CALM');
    assert.equal(scene.goAways[0]?.message.length, 200);
    scene.last.stream.headers(OK, true);
    scene.session.flush();
    assert.deepEqual(scene.peer.expectHeaders(1), OK);
    assert.deepEqual(scene.closes, []);
  });
});

describe('HTTP/2 session, server, a stream that its user resets', () => {
  it('is over at once: no more calls, no more frames', () => {
    const scene = new H2Scene('server').begin([[INITIAL_WINDOW_SIZE, 3]]);
    scene.peer.headers(1, POST);
    const { stream } = scene.last;
    stream.headers(OK, false);
    stream.data(Buffer.from('held'));
    stream.reset('INTERNAL_ERROR');
    stream.reset('CANCEL');
    stream.end();
    stream.resume();
    scene.session.flush();
    assert.equal(scene.peer.expectReset(1), 'INTERNAL_ERROR');
    assert.equal(scene.peer.take(RST_STREAM), undefined);
    scene.peer.data(1, 'late', { endStream: true });
    assert.equal(scene.last.body, '');
    assert.equal(scene.last.isComplete, false);
    assert.equal(scene.last.resetBy, undefined);
    assert.equal(scene.session.streams, 0);
    assert.equal(scene.streamsClosed, 1);
  });

  it('may be reset while its data is being handed on', () => {
    const scene = new H2Scene('server').begin();
    scene.peer.headers(1, POST);
    scene.last.data = () => {
      scene.last.stream.reset('CANCEL');
      return true;
    };
    scene.peer.data(1, 'x', { endStream: true });
    assert.equal(scene.peer.expectReset(1), 'CANCEL');
    assert.equal(scene.last.isComplete, false);
    scene.assertAlive();
  });

  it('may close the session while its data is being handed on', () => {
    const scene = new H2Scene('server').begin();
    scene.peer.headers(1, POST);
    scene.last.data = () => {
      scene.session.close();
      return false;
    };
    scene.peer.together(() => {
      scene.peer.data(1, 'x');
      scene.peer.headers(3, GET);
    });
    assert.equal(scene.streams.length, 1);
    assert.deepEqual(scene.closes, [undefined]);
  });
});

describe('HTTP/2 session, a peer that keeps SETTINGS to itself', () => {
  for (const role of ['server', 'client'] as const) {
    it(`${role}: is closed when its own do not come in time (§3.4)`, () => {
      const scene = new H2Scene(role, { limits: { settingsTimeoutMs: 5000 } });
      scene.session.start();
      scene.session.tick(1000);
      scene.session.tick(5999);
      assert.deepEqual(scene.closes, []);
      scene.session.tick(6000);
      scene.assertClosed('SETTINGS_TIMEOUT');
      assert.match(String(scene.closes[0]), /No SETTINGS came for 5000 ms/);
    });

    it(`${role}: is closed when it does not acknowledge ours in time (§6.5.3)`, () => {
      const scene = new H2Scene(role, { limits: { settingsTimeoutMs: 5000 } });
      scene.session.start();
      if (role === 'server') scene.peer.begin();
      else scene.peer.settings([]);
      scene.session.tick(1000);
      scene.session.tick(5999);
      scene.assertAlive();
      scene.session.tick(6000);
      scene.assertClosed('SETTINGS_TIMEOUT');
      assert.match(String(scene.closes[0]), /No acknowledgment of our SETTINGS came/);
    });

    it(`${role}: is left alone once it has done both`, () => {
      const scene = new H2Scene(role, { limits: { settingsTimeoutMs: 5000 } }).begin();
      for (let now = 0; now < 100_000; now += 1000) scene.session.tick(now);
      scene.assertAlive();
    });
  }

  it('tells requests under way', () => {
    const scene = new H2Scene('client', { limits: { settingsTimeoutMs: 5000 } });
    scene.session.start();
    scene.open(GET);
    scene.session.tick(0);
    scene.session.tick(5000);
    assert.equal(scene.last.resetBy?.code, 'SETTINGS_TIMEOUT');
  });
});
