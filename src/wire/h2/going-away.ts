// GoingAway: GOAWAY in and out (RFC 9113 §6.8), and with it whether streams may begin and whether the session is done.

import { badSize, onStream } from './frame-errors.js';
import { uint31, uint32 } from './frame-reader.js';
import { GOAWAY, MAX_STREAM_ID, writeGoAway, writePing } from './frames.js';
import { h2ErrorCodeFromNumber } from './h2-error.js';
import type { SessionStreams } from './session-streams.js';

/**
 * - `open`: streams may begin;
 * - `draining`: server, GOAWAY was sent, but of streams that the peer opened before it read that none is refused;
 * - `final`: none begins any more;
 * - `closed`: nothing is read or written.
 */
export type Phase = 'open' | 'draining' | 'final' | 'closed';

/** What is kept of the words in a GOAWAY, either way. */
export const MAX_DEBUG_CHARS = 200;

/** First four octets of the PING behind a graceful GOAWAY: by its answer the peer has read that. */
export const GOAWAY_PING = 2;

/** A peer that does not answer that PING has had this many ticks to learn of it. */
const GOAWAY_TICKS = 2;

export class GoingAway {
  phase: Phase = 'open';
  /** GOAWAY came. */
  peerGoesAway = false;
  readonly #streams: SessionStreams;
  /** Client: streams above this were not processed. */
  #peerLastId = MAX_STREAM_ID;
  #ticks = 0;

  constructor(streams: SessionStreams) {
    this.#streams = streams;
  }

  /** Server: all streams are allowed for now. */
  begin(): void {
    const { outbox, isServer } = this.#streams;
    this.phase = isServer ? 'draining' : 'final';
    writeGoAway(outbox.out, isServer ? MAX_STREAM_ID : 0, 'NO_ERROR', '');
    if (isServer) writePing(outbox.out, GOAWAY_PING);
  }

  /** The peer knows. */
  pingAnswered(): void {
    if (this.phase === 'draining') this.#finally();
  }

  /** Once a second or so. */
  tick(): void {
    if (this.phase !== 'draining') return;
    this.#ticks += 1;
    if (this.#ticks >= GOAWAY_TICKS) this.#finally();
  }

  #finally(): void {
    this.phase = 'final';
    writeGoAway(this.#streams.outbox.out, this.#streams.closed.lastId, 'NO_ERROR', '');
  }

  /** A GOAWAY frame of the peer. */
  goAway(id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw onStream(GOAWAY, id);
    if (end - start < 8) throw badSize(GOAWAY, end - start);
    const { floods, isServer, owner } = this.#streams;
    floods.settings.count();
    const lastId = uint31(bytes, start);
    const code = h2ErrorCodeFromNumber(uint32(bytes, start + 4));
    const message = bytes.toString('latin1', start + 8, Math.min(end, start + 8 + MAX_DEBUG_CHARS));
    this.peerGoesAway = true;
    if (!isServer && lastId < this.#peerLastId) {
      this.#peerLastId = lastId;
      this.#giveUpAbove(lastId);
    }
    owner.goingAway(lastId, code, message);
  }

  /** Their requests were not processed, and may be sent again (RFC 9113 §8.7). */
  #giveUpAbove(lastId: number): void {
    const streams = this.#streams;
    for (const stream of streams.open.values()) {
      if (stream.id <= lastId) continue;
      streams.closed.resetByUs(stream.id);
      streams.forget(stream);
      stream.listener?.reset('REFUSED_STREAM', true, undefined);
    }
  }

  /** Nothing is under way, and nothing more can begin. */
  get isDone(): boolean {
    if (this.phase !== 'final' && !this.peerGoesAway) return false;
    const { open, outbox, isServer } = this.#streams;
    if (open.size > 0 || outbox.out.length > 0) return false;
    // A client that goes away closes when it has its answers.
    return !isServer || this.phase === 'final';
  }
}
