// A client and a server of ours, with a network between them that cuts, stalls and delays as chance will have it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { realClock } from '../../../../src/base/clock.js';
import { DEFAULT_H2_LIMITS } from '../../../../src/wire/h2/flood-limits.js';
import { H2Session } from '../../../../src/wire/h2/session.js';
import type {
  H2SessionOptions,
  H2SessionOwner,
  H2Stream,
  H2Transport,
} from '../../../../src/wire/h2/session-contract.js';
import { POST } from '../../../support/h2-peer.js';
import { StreamRecord } from '../../../support/h2-scene.js';

// A failure prints its seed. LINKGATE_FUZZ_SEED=random (or a number) and LINKGATE_FUZZ_RUNS look elsewhere, and longer.
const wanted = process.env.LINKGATE_FUZZ_SEED;
const SEED = wanted === 'random' ? Date.now() : Number(wanted ?? 20_240_607);
const RUNS = Number(process.env.LINKGATE_FUZZ_RUNS ?? 100);

/** Small numbers out of a list that chance made, over and over. */
type Choose = (below: number) => number;

/** One direction: what was written and has not arrived. */
class Wire implements H2Transport {
  readonly #chunks: Buffer[] = [];
  readonly #choose: Choose;
  isBlocked = false;
  isEnded = false;

  constructor(choose: Choose) {
    this.#choose = choose;
  }

  write(bytes: Buffer): boolean {
    assert.ok(!this.isBlocked && !this.isEnded, 'written though the transport had enough');
    this.#chunks.push(Buffer.from(bytes));
    this.isBlocked = this.#choose(3) === 0;
    return !this.isBlocked;
  }

  end(): void {
    this.isEnded = true;
  }

  destroy(): void {
    assert.fail('cut off');
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** Some of what is on the way arrives. */
  deliver(to: H2Session): void {
    const chunk = this.#chunks.shift();
    if (!chunk) {
      if (this.isEnded) to.peerEnded();
      return;
    }
    const cut = this.#choose(2) === 0 ? chunk.length : this.#choose(chunk.length) + 1;
    if (cut < chunk.length) this.#chunks.unshift(chunk.subarray(cut));
    to.receive(chunk.subarray(0, cut));
  }
}

/** Sends a body in chunks, as fast as the stream takes them; takes one, now and then holding it. */
class Side extends StreamRecord {
  readonly sent: Buffer;
  readonly #choose: Choose;
  readonly #trailers: boolean;
  #at = 0;
  #isDone = false;
  isHolding = false;

  constructor(body: Buffer, choose: Choose) {
    super();
    this.sent = body;
    this.#choose = choose;
    this.#trailers = choose(2) === 0;
  }

  send(): void {
    while (this.#at < this.sent.length) {
      const end = Math.min(this.sent.length, this.#at + 1 + this.#choose(4) ** 8);
      const chunk = this.sent.subarray(this.#at, end);
      this.#at = end;
      if (!this.stream.data(chunk)) return;
    }
    if (this.#isDone) return;
    this.#isDone = true;
    this.stream.end(this.#trailers ? ['x-sum', String(this.sent.length)] : undefined);
  }

  override data(chunk: Buffer): boolean {
    super.data(chunk);
    assert.ok(chunk.length > 0);
    this.isHolding ||= this.#choose(3) === 0;
    return !this.isHolding;
  }

  goOn(): void {
    if (!this.isHolding) return;
    this.isHolding = false;
    this.stream.resume();
  }

  override writable(): void {
    super.writable();
    this.send();
  }

  check(sent: Buffer): void {
    assert.equal(this.resetBy, undefined);
    assert.ok(this.isComplete);
    assert.ok(Buffer.concat(this.chunks).equals(sent));
  }
}

function bytesOf(length: number, seed: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 0xff));
}

interface Plan {
  readonly choices: readonly number[];
  readonly sizes: readonly number[];
  readonly streamWindow: number;
  readonly maxHeldBytes: number;
}

function play(plan: Plan): void {
  let choice = 0;
  const choose: Choose = (below) => {
    choice += 1;
    return ((plan.choices[choice % plan.choices.length] as number) + choice) % below;
  };
  const toServer = new Wire(choose);
  const toClient = new Wire(choose);
  const sides: Side[] = [];
  const asked: Side[] = [];
  const answered: Side[] = [];
  const owner: H2SessionOwner = {
    request: (stream: H2Stream, fields: string[]) => {
      const side = new Side(bytesOf(plan.sizes[(stream.id >> 1) + 1] ?? 0, stream.id), choose);
      side.stream = stream;
      side.headers(fields, stream.isReceived);
      stream.listener = side;
      answered.push(side);
      sides.push(side);
      // The whole request comes first: else it would be told not to, once the response has ended.
    },
    closed: (error) => assert.equal(error, undefined),
    goingAway: () => {},
  };
  const options: H2SessionOptions = {
    role: 'client',
    maxConcurrentStreams: 10,
    initialStreamWindow: plan.streamWindow,
    connectionWindow: 65_535,
    maxFrameBytes: 16_384,
    maxListBytes: 16_384,
    headerTableBytes: 4096,
    limits: { ...DEFAULT_H2_LIMITS, maxHeldBytes: plan.maxHeldBytes },
    clock: realClock,
  };
  const client = new H2Session(options, toServer, owner);
  const server = new H2Session({ ...options, role: 'server' }, toClient, owner);
  client.start();
  server.start();
  const started = new Set<Side>();
  const answer = (): void => {
    for (const side of answered) {
      if (!side.isComplete || started.has(side)) continue;
      started.add(side);
      side.stream.headers([':status', '200'], false);
      side.send();
    }
    server.flush();
  };
  for (let i = 0; i + 1 < plan.sizes.length; i += 1) {
    const side = new Side(bytesOf(plan.sizes[i] as number, i), choose);
    const stream = client.open(POST, false, side);
    assert.ok(stream);
    side.stream = stream;
    asked.push(side);
    sides.push(side);
    side.send();
    client.flush();
  }
  for (let idle = 0; idle < 20; idle += 1) {
    if (!toServer.isEmpty || !toClient.isEmpty) idle = 0;
    toServer.deliver(server);
    toClient.deliver(client);
    for (const side of sides) if (idle > 5 || choose(4) === 0) side.goOn();
    answer();
    client.flush();
    for (const [wire, session] of [
      [toServer, client],
      [toClient, server],
    ] as const) {
      if (!wire.isBlocked || !(idle > 5 || choose(2) === 0)) continue;
      wire.isBlocked = false;
      session.drained();
    }
  }
  asked.forEach((side, i) => {
    answered[i]?.check(side.sent);
    side.check((answered[i] as Side).sent);
  });
  assert.equal(answered.length, asked.length);
  assert.equal(client.streams, 0);
  assert.equal(server.streams, 0);
  server.goAway();
  for (let i = 0; i < 200; i += 1) {
    toClient.isBlocked = false;
    toServer.isBlocked = false;
    server.drained();
    client.drained();
    toClient.deliver(client);
    toServer.deliver(server);
  }
  assert.ok(toClient.isEnded && toServer.isEnded);
}

describe('HTTP/2 sessions with each other', () => {
  it('bring every byte of every stream, in order, whatever network, windows and listeners do', () => {
    fc.assert(
      fc.property(
        fc.record({
          choices: fc.array(fc.nat(1000), { minLength: 5, maxLength: 50 }),
          sizes: fc.array(fc.oneof(fc.nat(100), fc.nat(100_000)), { minLength: 2, maxLength: 6 }),
          streamWindow: fc.oneof(fc.constant(65_535), fc.integer({ min: 1, max: 100_000 })),
          maxHeldBytes: fc.constantFrom(0, 30_000, 1_000_000),
        }),
        play,
      ),
      { seed: SEED, numRuns: RUNS },
    );
  });
});
