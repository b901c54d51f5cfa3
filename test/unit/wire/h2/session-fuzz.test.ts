import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { GET, type H2Peer, POST } from '../../../support/h2-peer.js';
import { H2Scene } from '../../../support/h2-scene.js';

// A failure prints its seed. LINKGATE_FUZZ_SEED=random (or a number) and LINKGATE_FUZZ_RUNS look elsewhere, and longer.
const wanted = process.env.LINKGATE_FUZZ_SEED;
const SEED = wanted === 'random' ? Date.now() : Number(wanted ?? 20_240_607);
const RUNS = Number(process.env.LINKGATE_FUZZ_RUNS ?? 1000);

type Step = (peer: H2Peer) => void;

const streamId = fc.constantFrom(1, 1, 1, 1, 3, 3, 3, 5, 5, 5, 7, 2, 0);
const anyBytes = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const fieldList = fc.constantFrom<readonly string[]>(
  GET,
  GET,
  POST,
  POST,
  ['x-trailer', 'y'],
  [...POST, 'content-length', '10'],
  [...GET, 'te', 'gzip'],
);

/** Frames that are mostly right, in an order that is mostly not. */
const step: fc.Arbitrary<Step> = fc.oneof(
  fc
    .record({ id: streamId, fields: fieldList, endStream: fc.boolean(), endHeaders: fc.nat(9), padding: fc.nat(30) })
    .map(({ id, fields, endStream, endHeaders, padding }): Step => {
      const options = { endStream, endHeaders: endHeaders > 0, ...(padding < 5 ? { padding } : {}) };
      return (peer) => peer.headers(id, fields, options);
    }),
  fc
    .record({ id: streamId, data: anyBytes, endStream: fc.boolean(), padding: fc.nat(30) })
    .map(({ id, data, endStream, padding }): Step => {
      const options = { endStream, ...(padding < 5 ? { padding } : {}) };
      return (peer) => peer.data(id, data, options);
    }),
  fc.record({ id: streamId, fields: fieldList }).map(({ id, fields }): Step => {
    return (peer) => peer.continuation(id, peer.encode(fields), true);
  }),
  streamId.map(
    (id): Step =>
      (peer) =>
        peer.reset(id, 'CANCEL'),
  ),
  fc.record({ id: streamId, by: fc.constantFrom(1, 1, 1, 1000, 1000, 0, 2 ** 31 - 1) }).map(({ id, by }): Step => {
    return (peer) => peer.windowUpdate(id, by);
  }),
  fc
    .record({ setting: fc.constantFrom(1, 3, 4, 5, 9), value: fc.constantFrom(0, 1, 16_384, 65_535, 2 ** 31) })
    .map((it): Step => {
      return (peer) => peer.settings([[it.setting, it.value]]);
    }),
  anyBytes.map(
    (bytes): Step =>
      (peer) =>
        peer.ping(Buffer.concat([bytes, Buffer.alloc(8)]).subarray(0, 8)),
  ),
  fc.record({ type: fc.nat(12), flags: fc.nat(255), id: streamId, payload: anyBytes }).map((it): Step => {
    return (peer) => peer.frame(it.type, it.flags, it.id, it.payload);
  }),
);

interface Outcome {
  readonly output: string;
  readonly heard: string;
}

/** Gives a server these bytes, and says all that it did. It answers requests, with a body that may not fit. */
function serve(pieces: readonly Buffer[]): Outcome {
  const scene = new H2Scene('server', {
    onRequest: ({ stream }) => {
      if (stream.id % 4 === 3) return;
      stream.headers([':status', '200'], false);
      stream.data(Buffer.alloc(100));
      if (stream.isReceived) stream.end();
    },
  });
  scene.session.start();
  for (const piece of pieces) scene.peer.bytes(piece);
  const heard = scene.streams.map(({ stream, sections, body, isComplete, resetBy }) => [
    stream.id,
    sections,
    body,
    isComplete,
    resetBy,
  ]);
  const closes = scene.closes.map(String);
  assert.ok(!closes.some((error) => error.includes('defect')), closes.join());
  return {
    output: Buffer.concat(scene.writes).toString('latin1'),
    heard: JSON.stringify([heard, closes, scene.errors, scene.session.streams]),
  };
}

function bytesOf(steps: readonly Step[]): Buffer {
  const scene = new H2Scene('server');
  return scene.peer.gather(() => {
    scene.peer.begin();
    for (const id of [1, 3, 5]) scene.peer.headers(id, POST);
    for (const send of steps) send(scene.peer);
  });
}

describe('HTTP/2 session, server, of frames by chance', () => {
  it('does the same wherever the network cuts them', () => {
    let accepted = 0;
    let refused = 0;
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 6 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 30 })),
        (steps, cuts) => {
          const bytes = bytesOf(steps);
          const pieces: Buffer[] = [];
          for (let at = 0; at < bytes.length; at += pieces.at(-1)?.length ?? 0) {
            pieces.push(bytes.subarray(at, at + (cuts.next().value as number)));
          }
          const whole = serve([bytes]);
          assert.deepEqual(serve(pieces), whole);
          if (whole.heard.includes('H2Error')) refused += 1;
          else accepted += 1;
        },
      ),
      { seed: SEED, numRuns: RUNS },
    );
    // Neither a session that closes at once nor frames that all go through would prove anything.
    assert.ok(accepted > RUNS / 10, `only ${accepted} of ${RUNS} went through`);
    assert.ok(refused > RUNS / 10, `only ${refused} of ${RUNS} were refused`);
  });

  it('never throws, whatever bytes come', () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 6 }),
        fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 5 }),
        (steps, changes) => {
          const bytes = bytesOf(steps);
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
          serve([bytes]);
        },
      ),
      { seed: SEED, numRuns: RUNS },
    );
  });
});
