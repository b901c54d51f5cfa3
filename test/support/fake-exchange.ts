// FakeExchange: one request without a connection, that remembers when and how it was answered.

import type { Clock } from '../../src/base/clock.js';
import type { Caller, Exchange, ExchangeListener } from '../../src/service/exchange.js';
import type { ResponseHead } from '../../src/service/message.js';
import { requestHead } from './requests.js';

const CALLER: Caller = {
  remoteAddress: '10.9.9.9',
  remotePort: 50_000,
  localAddress: '10.0.0.254',
  localPort: 4140,
  secure: false,
  connectionId: 1,
};

export class FakeExchange implements Exchange {
  readonly request = requestHead([['Host', 'web']]);
  readonly body = undefined;
  readonly caller = CALLER;
  readonly receivedAt: number;
  listener: ExchangeListener | undefined;
  /** Undefined until the head of an answer came. */
  status: number | undefined;
  /** The response's head. */
  response: ResponseHead | undefined;
  /** When the answer was complete, or cut off; undefined until then. */
  endedAt: number | undefined;
  /** The answer was cut off. */
  failed = false;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.receivedAt = clock.now();
  }

  /** Answered whole, and well. */
  get succeeded(): boolean {
    return this.status === 200 && this.endedAt !== undefined && !this.failed;
  }

  /** Infinity while there is no whole answer. */
  get tookMs(): number {
    return this.endedAt === undefined ? Number.POSITIVE_INFINITY : this.endedAt - this.receivedAt;
  }

  informational(): void {}

  head(head: ResponseHead): void {
    if (this.status !== undefined) throw new Error('a request was answered twice');
    this.status = head.status;
    this.response = head;
  }

  data(): boolean {
    return true;
  }

  flush(): void {}

  end(): void {
    this.#ended();
  }

  fail(): void {
    this.failed = true;
    this.#ended();
  }

  #ended(): void {
    if (this.endedAt !== undefined) throw new Error('an answer ended twice');
    this.endedAt = this.#clock.now();
  }
}
