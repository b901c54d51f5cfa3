// A session of ours and a raw peer with nothing but memory between them, and a record of all that the session said.

import assert from 'node:assert/strict';
import { DEFAULT_H2_LIMITS, type H2Limits } from '../../src/wire/h2/flood-limits.js';
import { ACK, PING, SETTINGS } from '../../src/wire/h2/frames.js';
import { H2Error, type H2ErrorCode } from '../../src/wire/h2/h2-error.js';
import { H2Session } from '../../src/wire/h2/session.js';
import type {
  H2SessionOptions,
  H2SessionOwner,
  H2Stream,
  H2StreamListener,
  H2Transport,
} from '../../src/wire/h2/session-contract.js';
import { H2Peer } from './h2-peer.js';
import { ManualClock } from './manual-clock.js';

/** One stream as its user sees it. */
export class StreamRecord implements H2StreamListener {
  readonly sections: string[][] = [];
  readonly chunks: Buffer[] = [];
  /** Sections and body are complete. */
  isComplete = false;
  resetBy: { readonly code: H2ErrorCode; readonly refused: boolean; readonly why: string | undefined } | undefined;
  writables = 0;
  /** Answers of `data`. */
  takes = true;
  stream!: H2Stream;

  get body(): string {
    return Buffer.concat(this.chunks).toString('latin1');
  }

  headers(fields: string[], endStream: boolean): void {
    this.sections.push(fields);
    this.isComplete ||= endStream;
  }

  data(chunk: Buffer): boolean {
    this.chunks.push(Buffer.from(chunk));
    return this.takes;
  }

  end(): void {
    this.isComplete = true;
  }

  reset(code: H2ErrorCode, refused: boolean, why: string | undefined): void {
    this.resetBy = { code, refused, why };
  }

  writable(): void {
    this.writables += 1;
  }
}

export interface SceneOptions extends Partial<Omit<H2SessionOptions, 'limits'>> {
  readonly limits?: Partial<H2Limits>;
  /** Called with each request, after it was recorded. */
  readonly onRequest?: (record: StreamRecord) => void;
}

export class H2Scene {
  readonly clock = new ManualClock();
  readonly session: H2Session;
  readonly peer: H2Peer;
  /** What each write of the session had. */
  readonly writes: Buffer[] = [];
  /** While false `write` answers false. */
  isOpen = true;
  isEnded = false;
  isDestroyed = false;
  /** Requests that came (server), or were opened (client). */
  readonly streams: StreamRecord[] = [];
  /** Streams that the session found at fault. */
  readonly errors: { readonly id: number; readonly code: H2ErrorCode; readonly why: string }[] = [];
  readonly goAways: { readonly lastId: number; readonly code: H2ErrorCode; readonly message: string }[] = [];
  readonly closes: (Error | undefined)[] = [];
  pongs = 0;
  settingsChanges = 0;
  streamsClosed = 0;
  readonly #isServer: boolean;

  constructor(role: 'server' | 'client', options: SceneOptions = {}) {
    const { limits, onRequest, ...rest } = options;
    this.#isServer = role === 'server';
    // Acknowledged by `begin`: a session is never given bytes while it is writing, as it is not by a socket either.
    this.peer = new H2Peer((bytes) => this.session.receive(bytes), { expectsPreface: !this.#isServer });
    const transport: H2Transport = {
      write: (bytes) => {
        if (this.isEnded || this.isDestroyed) throw new Error('written after the end');
        this.writes.push(bytes);
        this.peer.feed(bytes);
        return this.isOpen;
      },
      end: () => {
        this.isEnded = true;
      },
      destroy: () => {
        this.isDestroyed = true;
      },
    };
    const owner: H2SessionOwner = {
      request: (stream, fields, endStream) => {
        const record = this.#record(stream);
        record.headers(fields, endStream);
        onRequest?.(record);
      },
      closed: (error) => this.closes.push(error),
      goingAway: (lastId, code, message) => this.goAways.push({ lastId, code, message }),
      settingsChanged: () => {
        this.settingsChanges += 1;
      },
      pong: () => {
        this.pongs += 1;
      },
      streamClosed: () => {
        this.streamsClosed += 1;
      },
      streamError: (id, code, why) => this.errors.push({ id, code, why }),
    };
    const sessionOptions: H2SessionOptions = {
      role,
      maxConcurrentStreams: 100,
      initialStreamWindow: 65_535,
      connectionWindow: 1024 * 1024,
      maxFrameBytes: 16_384,
      maxListBytes: 16 * 1024,
      headerTableBytes: 4096,
      limits: { ...DEFAULT_H2_LIMITS, ...limits },
      clock: this.clock,
      ...rest,
    };
    this.session = new H2Session(sessionOptions, transport, owner);
  }

  /** Opens the connection from both ends, with these settings of the peer, and forgets the frames of that. */
  begin(settings: readonly (readonly [number, number])[] = []): this {
    this.session.start();
    if (this.#isServer) this.peer.begin(settings);
    else this.peer.settings(settings);
    this.peer.frame(SETTINGS, ACK, 0, Buffer.alloc(0));
    this.forget();
    return this;
  }

  forget(): void {
    this.peer.frames.length = 0;
    this.writes.length = 0;
  }

  /** Client: opens a stream; there must be room for it. */
  open(fields: readonly string[], endStream = true): StreamRecord {
    const record = new StreamRecord();
    const stream = this.session.open(fields, endStream, record);
    assert.ok(stream, 'the session opens no stream');
    record.stream = stream;
    this.streams.push(record);
    this.session.flush();
    return record;
  }

  /** The stream that came, or was opened, last. */
  get last(): StreamRecord {
    return this.streams.at(-1) ?? assert.fail('no stream came');
  }

  /** Asserts that the session has closed for an error, and told the peer so. */
  assertClosed(code: H2ErrorCode): void {
    assert.equal(this.closes.length, 1, `the session is open; it said ${this.peer}`);
    const error = this.closes[0];
    assert.ok(error instanceof H2Error, `closed by ${error}`);
    assert.equal(error.code, code, error.message);
    assert.equal(this.peer.expectGoAway().code, code);
    assert.ok(this.isEnded);
    assert.equal(this.session.streams, 0);
  }

  /** Asserts that the stream, and nothing else, was reset. */
  assertReset(id: number, code: H2ErrorCode): void {
    assert.deepEqual(this.closes, [], 'the session is closed');
    assert.equal(this.peer.expectReset(id), code);
    assert.equal(this.errors.at(-1)?.id, id);
    assert.equal(this.errors.at(-1)?.code, code);
    this.assertAlive();
  }

  /** Asserts that the session still answers. */
  assertAlive(): void {
    assert.deepEqual(this.closes, [], 'the session is closed');
    this.peer.ping(Buffer.from('alive???'));
    let answer = this.peer.expect(PING).payload.toString();
    while (answer !== 'alive???') answer = this.peer.expect(PING).payload.toString();
  }

  #record(stream: H2Stream): StreamRecord {
    const record = new StreamRecord();
    record.stream = stream;
    stream.listener = record;
    this.streams.push(record);
    return record;
  }
}
