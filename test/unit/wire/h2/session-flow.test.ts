import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DATA, END_STREAM, HEADERS, WINDOW_UPDATE } from '../../../../src/wire/h2/frames.js';
import { INITIAL_WINDOW_SIZE } from '../../../../src/wire/h2/settings.js';
import { GET, POST } from '../../../support/h2-peer.js';
import { H2Scene, type SceneOptions } from '../../../support/h2-scene.js';

const OK: readonly string[] = [':status', '200'];

/** A server with a response under way on stream 1. */
function responding(settings: readonly (readonly [number, number])[] = []): H2Scene {
  const scene = new H2Scene('server').begin(settings);
  scene.peer.headers(1, GET, { endStream: true });
  scene.last.stream.headers(OK, false);
  scene.session.flush();
  scene.forget();
  return scene;
}

/** A server with a request under way on stream 1. */
function requested(options: SceneOptions = {}): H2Scene {
  const scene = new H2Scene('server', options).begin();
  scene.peer.headers(1, POST);
  scene.forget();
  return scene;
}

/** Announced to the peer since the last call, for the stream or (0) the connection. */
function windowGiven(scene: H2Scene, id: number): number {
  let sum = 0;
  for (let frame = scene.peer.take(WINDOW_UPDATE, id); frame; frame = scene.peer.take(WINDOW_UPDATE, id)) {
    sum += frame.payload.readUInt32BE(0);
  }
  return sum;
}

describe('HTTP/2 session, windows of the peer', () => {
  it('sends as much as the stream may, holds the rest, and sends it when the window grows', () => {
    const scene = responding([[INITIAL_WINDOW_SIZE, 10]]);
    const { stream } = scene.last;
    assert.equal(stream.data(Buffer.from('0123456789abcdef')), false);
    stream.end();
    scene.session.flush();
    assert.equal(scene.peer.takeData(1).toString(), '0123456789');
    scene.peer.windowUpdate(1, 2);
    assert.equal(scene.peer.takeData(1).toString(), 'ab');
    assert.equal(scene.last.writables, 0);
    scene.peer.windowUpdate(1, 100);
    const frame = scene.peer.expect(DATA, 1);
    assert.equal(frame.payload.toString(), 'cdef');
    assert.equal(frame.flags, END_STREAM);
    assert.equal(scene.session.streams, 0);
  });

  it('tells the listener once all that is held has been written', () => {
    const scene = responding([[INITIAL_WINDOW_SIZE, 4]]);
    const { stream } = scene.last;
    assert.equal(stream.data(Buffer.from('123456')), false);
    assert.equal(stream.data(Buffer.from('78')), false, 'the rest of what the producer had read already');
    scene.peer.windowUpdate(1, 3);
    assert.equal(scene.last.writables, 0);
    scene.peer.windowUpdate(1, 1);
    assert.equal(scene.last.writables, 1);
    assert.equal(scene.peer.takeData(1).toString(), '12345678');
    assert.equal(stream.data(Buffer.from('x')), false);
  });

  it('ends a stream without window by a frame without data', () => {
    const scene = responding([[INITIAL_WINDOW_SIZE, 0]]);
    scene.last.stream.end();
    scene.session.flush();
    assert.equal(scene.peer.expect(DATA, 1).flags, END_STREAM);
  });

  it('sends trailers behind what is held', () => {
    const scene = responding([[INITIAL_WINDOW_SIZE, 1]]);
    scene.last.stream.data(Buffer.from('ab'));
    scene.last.stream.end(['x-sum', '1']);
    scene.session.flush();
    assert.equal(scene.peer.take(HEADERS, 1), undefined);
    scene.peer.windowUpdate(1, 1);
    assert.deepEqual(scene.peer.expectHeaders(1), ['x-sum', '1']);
  });

  it('holds all streams when the window of the connection is used up, and then gives each its turn', () => {
    const scene = new H2Scene('server').begin([[INITIAL_WINDOW_SIZE, 1_000_000]]);
    for (const id of [1, 3, 5]) {
      scene.peer.headers(id, GET, { endStream: true });
      scene.last.stream.headers(OK, false);
      scene.last.stream.data(Buffer.alloc(60_000, id));
    }
    scene.session.flush();
    scene.forget();
    scene.peer.windowUpdate(0, 60_000);
    const lengths = scene.peer.frames.map(({ id, payload }) => [id, payload.length]);
    assert.deepEqual(lengths, [
      [3, 16_384],
      [5, 16_384],
      [3, 16_384],
      [5, 10_848],
    ]);
    scene.peer.windowUpdate(0, 1_000_000);
    assert.equal(scene.peer.takeData(3).length + scene.peer.takeData(5).length, 180_000 - 65_535);
    assert.deepEqual(
      scene.streams.map(({ writables }) => writables),
      [0, 1, 1],
    );
  });

  it('follows a change of SETTINGS_INITIAL_WINDOW_SIZE, into the negative and back', () => {
    const scene = responding([[INITIAL_WINDOW_SIZE, 10]]);
    const { stream } = scene.last;
    stream.data(Buffer.from('0123456789rest'));
    scene.session.flush();
    scene.forget();
    scene.peer.settings([[INITIAL_WINDOW_SIZE, 4]]);
    scene.peer.windowUpdate(1, 6);
    assert.equal(scene.peer.takeData(1).length, 0, 'the window is at 0, after -6');
    scene.peer.windowUpdate(1, 1);
    assert.equal(scene.peer.takeData(1).toString(), 'r');
    scene.peer.settings([[INITIAL_WINDOW_SIZE, 100]]);
    assert.equal(scene.peer.takeData(1).toString(), 'est');
  });

  it('sends nothing more of a stream that was reset, and the others go on', () => {
    const scene = responding([[INITIAL_WINDOW_SIZE, 1]]);
    scene.last.stream.data(Buffer.from('held'));
    scene.last.stream.reset('INTERNAL_ERROR');
    assert.equal(scene.peer.expectReset(1), 'INTERNAL_ERROR');
    scene.forget();
    scene.peer.windowUpdate(1, 1000);
    assert.equal(scene.peer.takeData(1).length, 0);
    assert.equal(scene.last.stream.data(Buffer.from('late')), true);
    scene.assertAlive();
  });
});

describe('HTTP/2 session, a transport that takes no more', () => {
  it('holds data until it is drained', () => {
    const scene = responding();
    scene.isOpen = false;
    const { stream } = scene.last;
    assert.equal(stream.data(Buffer.from('first')), true);
    scene.session.flush();
    assert.equal(stream.data(Buffer.from('second')), false);
    scene.session.flush();
    assert.equal(scene.peer.takeData(1).toString(), 'first');
    scene.isOpen = true;
    scene.session.drained();
    assert.equal(scene.peer.takeData(1).toString(), 'second');
    assert.equal(scene.last.writables, 1);
  });

  it('keeps the order of a chunk that is longer than what is written at once', () => {
    const scene = responding([[INITIAL_WINDOW_SIZE, 10_000_000]]);
    scene.peer.windowUpdate(0, 10_000_000);
    const chunk = Buffer.alloc(300_000);
    for (let i = 0; i < chunk.length; i += 1) chunk[i] = (i * 31) >>> 8;
    scene.isOpen = false;
    assert.equal(scene.last.stream.data(chunk), false);
    scene.last.stream.end();
    for (let i = 0; i < 20 && scene.session.streams > 0; i += 1) scene.session.drained();
    assert.equal(scene.session.streams, 0);
    assert.ok(scene.peer.takeData(1).equals(chunk));
  });
});

describe('HTTP/2 session, its own windows', () => {
  it('gives back by halves what listeners took', () => {
    const scene = requested();
    scene.peer.data(1, Buffer.alloc(16_000));
    scene.peer.data(1, Buffer.alloc(16_000));
    assert.equal(windowGiven(scene, 1), 0);
    scene.peer.data(1, Buffer.alloc(1000), { padding: 99 });
    assert.equal(windowGiven(scene, 1), 33_100, 'padding counts');
    assert.equal(windowGiven(scene, 0), 0);
  });

  it('gives a stream nothing while its listener holds, and what it took when it goes on', () => {
    const scene = requested();
    scene.last.takes = false;
    for (let i = 0; i < 4; i += 1) scene.peer.data(1, Buffer.alloc(16_000));
    assert.equal(windowGiven(scene, 1), 0);
    scene.last.takes = true;
    scene.last.stream.resume();
    assert.equal(windowGiven(scene, 1), 64_000);
  });

  it('gives back the window of the connection though a stream holds, so that others go on', () => {
    const scene = requested({ connectionWindow: 65_535 });
    scene.last.takes = false;
    for (let i = 0; i < 4; i += 1) scene.peer.data(1, Buffer.alloc(16_000));
    assert.equal(windowGiven(scene, 1), 0);
    assert.equal(windowGiven(scene, 0), 48_000);
  });

  it('gives back none of the connection past what listeners may hold together', () => {
    const scene = requested({ connectionWindow: 65_535, limits: { maxHeldBytes: 40_000 } });
    scene.last.takes = false;
    for (let i = 0; i < 4; i += 1) scene.peer.data(1, Buffer.alloc(16_000));
    assert.equal(windowGiven(scene, 0), 0, '32,000 are below the half');
    scene.last.stream.resume();
    assert.equal(windowGiven(scene, 0), 64_000);
  });

  it('gives back the window of the connection for what came on a stream that was reset', () => {
    const scene = requested({ connectionWindow: 65_535 });
    scene.last.takes = false;
    scene.peer.data(1, Buffer.alloc(16_000));
    scene.last.stream.reset('CANCEL');
    scene.peer.data(1, Buffer.alloc(16_000));
    scene.peer.data(1, Buffer.alloc(16_000));
    assert.equal(windowGiven(scene, 0), 48_000);
    scene.assertAlive();
  });

  it('gives no window to a stream that has all', () => {
    const scene = requested();
    for (let i = 0; i < 3; i += 1) scene.peer.data(1, Buffer.alloc(16_000), { endStream: i === 2 });
    assert.equal(windowGiven(scene, 1), 0);
  });

  it('with windows below the initial one, takes what the peer sends before it knows of them', () => {
    const scene = new H2Scene('server', { initialStreamWindow: 20_000 });
    scene.session.start();
    scene.peer.begin();
    scene.peer.headers(1, POST);
    for (let i = 0; i < 4; i += 1) scene.peer.data(1, Buffer.alloc(16_000));
    scene.assertAlive();
    scene.peer.frame(4, 1, 0, Buffer.alloc(0));
    assert.equal(windowGiven(scene, 1), 64_000);
    // From here on it is 20,000.
    scene.last.takes = false;
    scene.peer.data(1, Buffer.alloc(16_000));
    scene.assertAlive();
    scene.peer.data(1, Buffer.alloc(4001));
    scene.assertReset(1, 'FLOW_CONTROL_ERROR');
  });
});
