// StallWatch: what one upstream connection owes, asked at each tick, in; why its exchange has to end out.
//
// A peer that is slow on our account is not to blame: neither while a slow caller keeps us from reading on, nor while the
// request is not complete yet.

import type { Ticker } from '../base/ticker.js';
import type { PushWrites } from '../wire/push-socket.js';
import type { ClientMetrics, ConnectionLimits } from './client.js';

/** How writing goes on. */
export type WriteProgress = Pick<PushWrites, 'isHeld' | 'takenBytes'>;

/** `nothing`: it waits for us; `start`: a response; `head`: the rest of its head; `body`: the rest of its body. */
export type Owed = 'nothing' | 'start' | 'head' | 'body';

/** The limits of all connections of one endpoint. */
export interface StallLimits {
  readonly ticker: Ticker;
  /** In ms. */
  readonly limits: ConnectionLimits;
  readonly responseStartTicks: number;
  readonly responseHeadTicks: number;
  readonly responsePauseTicks: number;
  readonly requestPauseTicks: number;
  readonly metrics: ClientMetrics;
}

export function makeStallLimits(limits: ConnectionLimits, ticker: Ticker, metrics: ClientMetrics): StallLimits {
  return {
    ticker,
    limits,
    responseStartTicks: ticker.ticksOf(limits.responseStartMs),
    responseHeadTicks: ticker.ticksOf(limits.responseHeadMs),
    responsePauseTicks: ticker.ticksOf(limits.responsePauseMs),
    requestPauseTicks: ticker.ticksOf(limits.requestPauseMs),
    metrics,
  };
}

/** One per connection. */
export class StallWatch {
  /** Tick of the last byte that came, or of the request if none has. All that is stored on the hot path. */
  heardAt: number;
  /** Tick at which the head that is incomplete began. */
  headAt = 0;
  readonly #of: StallLimits;
  /** Tick until which nothing was owed. */
  #owedSince = 0;
  /** What the kernel had taken when that changed last, and the tick of that. */
  #takenBytes = 0;
  #takenAt = 0;

  constructor(limits: StallLimits) {
    this.#of = limits;
    this.heardAt = limits.ticker.now;
  }

  /** From now on it owes anything again. */
  excuse(): void {
    this.#owedSince = this.#of.ticker.now;
  }

  /** Called at each tick of an exchange. What the upstream did too slowly, to be put behind its name; else undefined. */
  stalled(owed: Owed, writes: WriteProgress): string | undefined {
    const { limits, metrics } = this.#of;
    if (this.#isRequestStuck(writes)) {
      metrics.writeTimeouts.inc();
      return `took no byte of the request for ${limits.requestPauseMs} ms`;
    }
    const late = this.#lateResponse(owed);
    if (late !== undefined) metrics.readTimeouts.inc();
    return late;
  }

  #isRequestStuck(writes: WriteProgress): boolean {
    const { ticker, requestPauseTicks } = this.#of;
    const { takenBytes } = writes;
    if (!writes.isHeld || takenBytes !== this.#takenBytes) {
      this.#takenBytes = takenBytes;
      this.#takenAt = ticker.now;
      return false;
    }
    // One that answers before it has read all is alive.
    return ticker.now - Math.max(this.#takenAt, this.heardAt) >= requestPauseTicks;
  }

  #lateResponse(owed: Owed): string | undefined {
    const { ticker, limits, responseStartTicks, responseHeadTicks, responsePauseTicks } = this.#of;
    const waited = ticker.now - Math.max(this.heardAt, this.#owedSince);
    switch (owed) {
      case 'nothing':
        this.excuse();
        return undefined;
      case 'start':
        return waited >= responseStartTicks
          ? `sent no byte for ${limits.responseStartMs} ms while its response was awaited`
          : undefined;
      case 'head':
        if (ticker.now - this.headAt >= responseHeadTicks) {
          return `did not complete the head of its response within ${limits.responseHeadMs} ms`;
        }
        return waited >= responsePauseTicks ? pauseMessage(limits) : undefined;
      case 'body':
        return waited >= responsePauseTicks ? pauseMessage(limits) : undefined;
      default:
        return owed satisfies never;
    }
  }
}

function pauseMessage({ responsePauseMs }: ConnectionLimits): string {
  return `sent no byte for ${responsePauseMs} ms within its response`;
}
