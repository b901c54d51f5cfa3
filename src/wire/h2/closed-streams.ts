// ClosedStreams: how the streams of a connection that are no more came to their end, for the frames that still name them.

/**
 * - `ended`: both sides were complete, or it is so long ago that nobody remembers;
 * - `reset-by-peer`;
 * - `reset-by-us`: the peer may not have known when it sent what comes now (RFC 9113 §5.1);
 * - `skipped`: a higher id was opened first, which closed it (RFC 9113 §5.1.1).
 */
export type StreamEnd = 'ended' | 'reset-by-peer' | 'reset-by-us' | 'skipped';

/** Ends that are remembered, by age of the stream: a power of two. */
const REMEMBERED = 128;
const ENDS: readonly StreamEnd[] = ['ended', 'reset-by-peer', 'reset-by-us', 'skipped'];

/** Ids are those of one side: all odd. */
export class ClosedStreams {
  /** Highest id that was opened; 0: none was. */
  lastId = 0;
  /** By half of the id: index in ENDS. Undefined until one differs from `ended`. */
  #ends: Uint8Array | undefined;
  /** All of ours, as many as a peer can have been sending on: forgetting one would blame it for nothing. */
  readonly #resetByUs = new Set<number>();
  readonly #maxResets: number;

  constructor(maxResets: number) {
    this.#maxResets = maxResets;
  }

  /** `id` is above `lastId`. */
  opened(id: number): void {
    const skipped = (id - this.lastId - (this.lastId === 0 ? 1 : 2)) >>> 1;
    const ends = skipped > 0 ? this.#remember() : this.#ends;
    this.lastId = id;
    if (!ends) return;
    ends[(id >>> 1) & (REMEMBERED - 1)] = 0;
    for (let i = 1; i <= Math.min(skipped, REMEMBERED - 1); i += 1) {
      ends[((id >>> 1) - i) & (REMEMBERED - 1)] = ENDS.indexOf('skipped');
    }
  }

  resetByPeer(id: number): void {
    this.#remember()[(id >>> 1) & (REMEMBERED - 1)] = ENDS.indexOf('reset-by-peer');
  }

  resetByUs(id: number): void {
    const ids = this.#resetByUs;
    if (ids.size === this.#maxResets) for (const oldest of ids) if (ids.delete(oldest)) break;
    ids.add(id);
  }

  /** Of a stream that was opened or skipped, and is not open. */
  endOf(id: number): StreamEnd {
    if (this.#resetByUs.has(id)) return 'reset-by-us';
    if (!this.#ends || this.lastId - id >= 2 * REMEMBERED) return 'ended';
    return ENDS[this.#ends[(id >>> 1) & (REMEMBERED - 1)] as number] as StreamEnd;
  }

  #remember(): Uint8Array {
    this.#ends ??= new Uint8Array(REMEMBERED);
    return this.#ends;
  }
}
