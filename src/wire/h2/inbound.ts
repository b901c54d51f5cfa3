// Inbound: the octets of DATA that came and what listeners said to them in, WINDOW_UPDATEs out (RFC 9113 §6.9).

import type { ByteBuffer } from './byte-buffer.js';
import { ReceiveWindow } from './flow-window.js';
import { INITIAL_WINDOW, writeWindowUpdate } from './frames.js';
import type { H2SessionOptions } from './session-contract.js';
import type { SessionStream } from './stream.js';

/**
 * Our windows: that of the connection, and of its streams as far as they have a body. A stream gets window for what its
 * listener has taken. The connection gets it as soon as octets have been handed on, taken or not, for a slow stream must
 * not stall the others, and holds no more than its own window; only when too many are slow is the connection kept short.
 */
export class Inbound {
  readonly #out: ByteBuffer;
  readonly #window: ReceiveWindow;
  readonly #streamWindow: number;
  readonly #maxHeld: number;
  /** Octets that listeners hold, of all streams. */
  #held = 0;
  /** Until then the peer does not know a window below the initial one. */
  #isAcknowledged = false;

  constructor(options: H2SessionOptions, out: ByteBuffer) {
    const window = Math.max(options.connectionWindow, INITIAL_WINDOW);
    this.#out = out;
    this.#window = new ReceiveWindow(window, window >>> 1);
    this.#streamWindow = options.initialStreamWindow;
    this.#maxHeld = options.limits.maxHeldBytes;
  }

  /** DATA of so many octets begins. False: the connection's window does not allow it. */
  take(octets: number): boolean {
    return this.#window.take(octets);
  }

  /** The same of the stream's window. */
  takeFor(stream: SessionStream, octets: number): boolean {
    if (!stream.window) {
      const size = this.#isAcknowledged ? this.#streamWindow : Math.max(this.#streamWindow, INITIAL_WINDOW);
      stream.window = new ReceiveWindow(size, this.#streamWindow >>> 1);
    }
    return stream.window.take(octets);
  }

  /** So many octets came of which no stream wants any. */
  passed(octets: number): void {
    const increment = this.#window.giveBack(octets);
    if (increment > 0) writeWindowUpdate(this.#out, 0, increment);
  }

  /** So many came for the stream; its listener has taken or holds them. `isLast`: it needs no more window. */
  handedOn(stream: SessionStream, octets: number, isLast: boolean): void {
    if (!stream.isHeld) {
      this.passed(octets);
      if (!isLast) this.#giveBack(stream, octets);
      return;
    }
    stream.heldOctets += octets;
    this.#held += octets;
    if (this.#held > this.#maxHeld) stream.heldBeyond += octets;
    else this.passed(octets);
  }

  /** The stream's listener has taken what it held. */
  resumed(stream: SessionStream): void {
    const octets = stream.heldOctets;
    this.dropped(stream);
    if (!stream.isReceived) this.#giveBack(stream, octets);
  }

  /** What the stream's listener held no longer counts. */
  dropped(stream: SessionStream): void {
    const { heldOctets, heldBeyond } = stream;
    stream.isHeld = false;
    if (heldOctets === 0) return;
    stream.heldOctets = 0;
    stream.heldBeyond = 0;
    this.#held -= heldOctets;
    this.passed(heldBeyond);
  }

  /** The peer knows our SETTINGS now, of which the streams that have begun may have had the initial window. */
  acknowledged(streams: Iterable<SessionStream>): void {
    this.#isAcknowledged = true;
    const tooMuch = INITIAL_WINDOW - this.#streamWindow;
    if (tooMuch > 0) for (const stream of streams) stream.window?.shrink(tooMuch);
  }

  #giveBack(stream: SessionStream, octets: number): void {
    const increment = stream.window?.giveBack(octets) ?? 0;
    if (increment > 0) writeWindowUpdate(this.#out, stream.id, increment);
  }
}
