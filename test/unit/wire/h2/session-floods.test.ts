// Attacks on a server, by what the attacker tries: each ends, and costs no more memory than a limit says.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ACK, DATA, HEADERS, SETTINGS } from '../../../../src/wire/h2/frames.js';
import { INITIAL_WINDOW_SIZE } from '../../../../src/wire/h2/settings.js';
import { GET, POST } from '../../../support/h2-peer.js';
import { H2Scene } from '../../../support/h2-scene.js';

const OK: readonly string[] = [':status', '200'];
const NONE: Buffer = Buffer.alloc(0);

/** Does it until the session closes, which it must before `most` times. How often it was. */
function timesUntilClosed(scene: H2Scene, most: number, attack: (i: number) => void): number {
  for (let i = 0; i < most; i += 1) {
    if (scene.closes.length > 0) return i;
    attack(i);
  }
  return assert.fail(`the session is open after ${most} times`);
}

describe('HTTP/2 session, server, under attack', () => {
  it('rapid reset: closes when a caller resets stream after stream', () => {
    const scene = new H2Scene('server').begin();
    const times = timesUntilClosed(scene, 1000, (i) => {
      scene.peer.headers(2 * i + 1, GET, { endStream: true });
      scene.peer.reset(2 * i + 1, 'CANCEL');
    });
    assert.equal(times, 201);
    scene.assertClosed('ENHANCE_YOUR_CALM');
    assert.equal(
      scene.streams.every(({ resetBy }) => resetBy?.code === 'CANCEL'),
      true,
      'all were told',
    );
  });

  it('rapid reset: goes on with a caller that resets as many streams as it lets end', () => {
    const scene = new H2Scene('server').begin();
    for (let id = 1; id < 4000; id += 4) {
      scene.peer.headers(id, GET, { endStream: true });
      scene.peer.reset(id, 'CANCEL');
      scene.peer.headers(id + 2, GET, { endStream: true });
      scene.last.stream.headers(OK, true);
      scene.session.flush();
    }
    scene.assertAlive();
  });

  it('rapid reset: goes on with a caller that resets less than a hundred streams a second', () => {
    const scene = new H2Scene('server').begin();
    for (let id = 1; id < 4000; id += 2) {
      scene.peer.headers(id, GET, { endStream: true });
      scene.peer.reset(id, 'CANCEL');
      scene.clock.advance(11);
    }
    scene.assertAlive();
  });

  it('made you reset: closes when a caller has us reset stream after stream', () => {
    const scene = new H2Scene('server').begin();
    const times = timesUntilClosed(scene, 1000, (i) => {
      scene.peer.headers(2 * i + 1, GET, { endStream: true });
      scene.peer.windowUpdate(2 * i + 1, 0);
    });
    assert.equal(times, 201);
    scene.assertClosed('ENHANCE_YOUR_CALM');
  });

  it('closes when request after request is malformed', () => {
    const scene = new H2Scene('server').begin();
    timesUntilClosed(scene, 1000, (i) => scene.peer.headers(2 * i + 1, [...GET, 'connection', 'close']));
    scene.assertClosed('ENHANCE_YOUR_CALM');
  });

  it('CONTINUATION flood: closes after so many frames of one block', () => {
    const scene = new H2Scene('server').begin();
    scene.peer.headers(1, GET, { endHeaders: false });
    const times = timesUntilClosed(scene, 100, () => scene.peer.continuation(1, NONE, false));
    assert.equal(times, 32);
    scene.assertClosed('ENHANCE_YOUR_CALM');
  });

  it('CONTINUATION flood: closes after so many bytes of one block', () => {
    const scene = new H2Scene('server').begin();
    scene.peer.headers(1, GET, { endHeaders: false });
    const times = timesUntilClosed(scene, 100, () => scene.peer.continuation(1, Buffer.alloc(16_384, 0x82), false));
    assert.equal(times, 8);
    scene.assertClosed('ENHANCE_YOUR_CALM');
  });

  it('HEADERS of megabytes: closes before it reads them, whatever frames it takes', () => {
    const scene = new H2Scene('server', { maxFrameBytes: 2 ** 24 - 1 }).begin();
    scene.peer.frame(HEADERS, 4, 1, NONE, 10_000_000);
    scene.assertClosed('ENHANCE_YOUR_CALM');
  });

  it('HPACK bomb: a large field named ten thousand times is not made', () => {
    const scene = new H2Scene('server').begin();
    scene.peer.headers(1, [...GET, 'x-bomb', 'b'.repeat(900)], { endStream: true });
    scene.peer.headers(3, [...GET, 'x-bomb', 'b'.repeat(900)], { endStream: true });
    const before = process.memoryUsage().heapUsed;
    // Entry 62 is the newest of the dynamic table: the bomb.
    const bomb = Buffer.concat([scene.peer.encode(GET), Buffer.alloc(10_000, 0x80 | 62)]);
    scene.peer.headers(5, bomb, { endStream: true });
    assert.ok(process.memoryUsage().heapUsed - before < 1_000_000);
    assert.deepEqual(scene.peer.expectHeaders(5).slice(0, 2), [':status', '431']);
    scene.assertAlive();
  });

  it('SETTINGS flood: closes', () => {
    const scene = new H2Scene('server').begin();
    timesUntilClosed(scene, 200, () => scene.peer.settings([[INITIAL_WINDOW_SIZE, 65_535]]));
    scene.assertClosed('ENHANCE_YOUR_CALM');
  });

  it('SETTINGS flood: closes for acknowledgments of nothing', () => {
    const scene = new H2Scene('server').begin();
    timesUntilClosed(scene, 200, () => scene.peer.frame(SETTINGS, ACK, 0, NONE));
    scene.assertClosed('ENHANCE_YOUR_CALM');
  });

  it('PING flood: closes', () => {
    const scene = new H2Scene('server').begin();
    timesUntilClosed(scene, 2000, () => scene.peer.ping(Buffer.alloc(8)));
    scene.assertClosed('ENHANCE_YOUR_CALM');
  });

  it('PRIORITY flood, and frames of unknown types: closes', () => {
    const scene = new H2Scene('server').begin();
    timesUntilClosed(scene, 3000, (i) => {
      if (i % 2 === 0) scene.peer.priority(2 * i + 1, 0);
      else scene.peer.frame(0xbb, 0, 0, NONE);
    });
    scene.assertClosed('ENHANCE_YOUR_CALM');
  });

  it('flood of empty DATA, also with padding: closes', () => {
    for (const padding of [undefined, 1]) {
      const scene = new H2Scene('server').begin();
      scene.peer.headers(1, POST);
      timesUntilClosed(scene, 200, () => scene.peer.data(1, '', padding === undefined ? {} : { padding }));
      scene.assertClosed('ENHANCE_YOUR_CALM');
    }
  });

  it('WINDOW_UPDATE flood: closes', () => {
    const scene = new H2Scene('server').begin();
    timesUntilClosed(scene, 30_000, () => scene.peer.windowUpdate(0, 1));
    scene.assertClosed('ENHANCE_YOUR_CALM');
  });

  it('WINDOW_UPDATE with each DATA frame: goes on', () => {
    const scene = new H2Scene('server').begin();
    scene.peer.headers(1, GET, { endStream: true });
    scene.last.stream.headers(OK, false);
    for (let i = 0; i < 30_000; i += 1) {
      scene.last.stream.data(Buffer.from('x'));
      scene.session.flush();
      scene.peer.windowUpdate(0, 1);
      scene.peer.windowUpdate(1, 1);
      scene.forget();
    }
    scene.assertAlive();
  });

  it('flood of streams beyond those allowed: closes, and has served none of them', () => {
    const scene = new H2Scene('server', { maxConcurrentStreams: 1, limits: { ignored: { burst: 50, perSecond: 1 } } });
    scene.begin();
    timesUntilClosed(scene, 200, (i) => scene.peer.headers(2 * i + 1, GET));
    assert.equal(scene.streams.length, 1);
    scene.assertClosed('ENHANCE_YOUR_CALM');
  });

  it('frames without end on a stream that was reset: closes', () => {
    const scene = new H2Scene('server', { limits: { ignored: { burst: 50, perSecond: 1 } } }).begin();
    scene.peer.headers(1, POST);
    scene.last.stream.reset('CANCEL');
    timesUntilClosed(scene, 200, () => scene.peer.data(1, 'x'));
    scene.assertClosed('ENHANCE_YOUR_CALM');
  });

  it('a caller that has much written and reads nothing: cut off', () => {
    const scene = new H2Scene('server', { limits: { maxQueuedBytes: 10_000 } }).begin();
    scene.isOpen = false;
    const times = timesUntilClosed(scene, 2000, () => scene.peer.ping(Buffer.alloc(8)));
    assert.ok(times < 700);
    assert.ok(scene.isDestroyed);
    assert.match(String(scene.closes[0]), /has not read/);
  });

  it('windows held at zero: the stream is reset after a while, the connection goes on', () => {
    const scene = new H2Scene('server', { limits: { windowStallMs: 5000 } }).begin([[INITIAL_WINDOW_SIZE, 1]]);
    scene.peer.headers(1, GET, { endStream: true });
    scene.last.stream.headers(OK, false);
    assert.equal(scene.last.stream.data(Buffer.from('0123456789')), false);
    scene.session.flush();
    for (let s = 0; s < 4; s += 1) scene.session.tick(1000 * s);
    scene.peer.windowUpdate(1, 1);
    for (let s = 4; s < 9; s += 1) scene.session.tick(1000 * s);
    assert.equal(scene.errors.length, 0, 'it had taken a byte 4 s ago');
    scene.session.tick(9000);
    assert.equal(scene.last.resetBy?.code, 'CANCEL');
    scene.assertReset(1, 'CANCEL');
  });

  it('windows held at zero: what waits for the transport is not blamed on the windows', () => {
    const scene = new H2Scene('server', { limits: { windowStallMs: 5000 } }).begin();
    scene.peer.headers(1, GET, { endStream: true });
    scene.isOpen = false;
    scene.last.stream.headers(OK, false);
    scene.session.flush();
    assert.equal(scene.last.stream.data(Buffer.from('x')), false);
    for (let s = 0; s < 100; s += 1) scene.session.tick(1000 * s);
    assert.equal(scene.last.resetBy, undefined);
  });

  it('frames that promise much and bring little: no memory is set aside for the promise', () => {
    const before = process.memoryUsage().arrayBuffers;
    const scenes = Array.from({ length: 200 }, () => {
      const scene = new H2Scene('server').begin();
      scene.peer.frame(HEADERS, 4, 1, Buffer.alloc(10, 0x82), 16_384);
      return scene;
    });
    assert.ok(process.memoryUsage().arrayBuffers - before < 200 * 4096);
    assert.equal(scenes.length, 200);
  });

  it('single bytes of body to a stream that cannot send: held in little more than their own size', () => {
    const scene = new H2Scene('server').begin([[INITIAL_WINDOW_SIZE, 0]]);
    scene.peer.headers(1, GET, { endStream: true });
    scene.last.stream.headers(OK, false);
    const read = Buffer.alloc(64 * 1024, 0x61);
    const before = process.memoryUsage();
    for (let i = 0; i < 60_000; i += 1) scene.last.stream.data(read.subarray(i, i + 1));
    const after = process.memoryUsage();
    assert.ok(after.arrayBuffers - before.arrayBuffers < 200_000);
    scene.session.flush();
    scene.peer.windowUpdate(1, 100_000);
    assert.equal(scene.peer.takeData(1).length, 60_000);
  });

  it('an error behind many good requests: those that are under way hear of it', () => {
    const scene = new H2Scene('server').begin();
    for (const id of [1, 3, 5]) scene.peer.headers(id, GET, { endStream: true });
    scene.peer.data(9, 'x');
    scene.assertClosed('PROTOCOL_ERROR');
    for (const { resetBy } of scene.streams) assert.equal(resetBy?.code, 'PROTOCOL_ERROR');
    scene.last.stream.headers(OK, false);
    assert.equal(scene.last.stream.data(Buffer.from('x')), true);
    scene.last.stream.end();
    scene.session.flush();
    assert.equal(scene.peer.take(DATA), undefined);
  });
});
