// RoutedExchange: a request of a caller without a wire, of any method, headers and body, and what the caller got for it.

import type { Exchange, ExchangeListener } from '../../src/service/exchange.js';
import type { RequestHead, ResponseHead } from '../../src/service/message.js';
import type { RequestBody } from '../../src/service/request-body.js';

export class RoutedExchange implements Exchange {
  readonly request: RequestHead;
  readonly body: RequestBody | undefined;
  readonly receivedAt: number;
  readonly caller = {
    remoteAddress: '127.0.0.9',
    remotePort: 9,
    localAddress: '127.0.0.1',
    localPort: 80,
    secure: false,
    connectionId: 1,
  };
  listener: ExchangeListener | undefined;
  /** Of the response, as they came. */
  readonly heads: ResponseHead[] = [];
  text = '';
  /** How the response ended. */
  over: 'end' | 'fail' | undefined;

  constructor(request: RequestHead, receivedAt: number, body?: RequestBody) {
    this.request = request;
    this.receivedAt = receivedAt;
    this.body = body;
  }

  /** Of the response that has come, if any. */
  get status(): number | undefined {
    return this.heads.at(-1)?.status;
  }

  goAway(error: Error): void {
    this.listener?.callerGone(error);
  }

  informational(): void {}

  head(head: ResponseHead): void {
    this.heads.push(head);
  }

  data(chunk: Buffer): boolean {
    this.text += chunk.toString('latin1');
    return true;
  }

  flush(): void {}

  end(): void {
    this.over = 'end';
  }

  fail(): void {
    this.over = 'fail';
  }
}
