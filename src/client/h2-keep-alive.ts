// KeepAlive: how long one HTTP/2 connection has been silent, asked at each tick, in; whether to send a PING, or to give it
// up, out (RFC 9113 §6.7).
//
// A connection whose peer is gone without a word says nothing for ever, and every request that is sent on it is lost. But
// servers of gRPC close connections for too many PINGs: more than two that come sooner than five minutes after the one
// before, or two hours where no stream is open, with nothing sent by them in between. So few are sent, farther and farther
// apart.

import type { Ticker } from '../base/ticker.js';

/** Silence before the first PING, before the second, and before each further one. */
const WAITS_MS = [30_000, 60_000, 310_000] as const;
/** Without a stream no more are sent until there has been one. TCP's own probes are left. */
const MOST_WHEN_IDLE = 3;
/** Nothing stands between a PING and its answer: no request is as quick. */
export const PING_TIMEOUT_MS = 10_000;

/** Those of all connections of one endpoint, in ticks. */
export interface PingTimes {
  readonly waitTicks: readonly number[];
  readonly timeoutTicks: number;
}

export function makePingTimes(ticker: Ticker): PingTimes {
  return { waitTicks: WAITS_MS.map((ms) => ticker.ticksOf(ms)), timeoutTicks: ticker.ticksOf(PING_TIMEOUT_MS) };
}

/** - `wait`: nothing is to be done; `ping`: send one; `dead`: it has not answered the last. */
export type KeepAliveStep = 'wait' | 'ping' | 'dead';

/** One per connection. */
export class KeepAlive {
  readonly #times: PingTimes;
  /** Since a stream was last opened or heard of. */
  #pings = 0;
  /** Tick of the PING that has no answer yet; -1: none is awaited. */
  #pingedAt = -1;

  constructor(times: PingTimes) {
    this.#times = times;
  }

  /** A stream was opened, or its response goes on. */
  active(): void {
    this.#pings = 0;
  }

  /** `heardAt`: tick of the last byte. `slowness`: how many times longer than usual is waited. */
  step(now: number, heardAt: number, hasStreams: boolean, slowness: number): KeepAliveStep {
    const { waitTicks, timeoutTicks } = this.#times;
    if (this.#pingedAt >= 0) {
      // Any byte will do: an answer may be behind much else. It may come within the tick of the PING, before which it was silent.
      if (heardAt >= this.#pingedAt) this.#pingedAt = -1;
      else return now - this.#pingedAt >= timeoutTicks ? 'dead' : 'wait';
    }
    if (!hasStreams && this.#pings >= MOST_WHEN_IDLE) return 'wait';
    const wait = waitTicks[Math.min(this.#pings, waitTicks.length - 1)] as number;
    if (now - heardAt < wait * slowness) return 'wait';
    this.#pings += 1;
    this.#pingedAt = now;
    return 'ping';
  }
}
