// HttpsRedirect: `redirectToHttps` of a listener without TLS in, what answers all of its requests out.

import { GatewayError } from '../base/errors.js';
import type { Counter } from '../base/metrics.js';
import type { Exchange, ServeExchange } from '../service/exchange.js';
import { Headers } from '../service/headers.js';
import { httpsUrl } from '../service/https-url.js';
import { makeResponseHead, type ResponseHead } from '../service/message.js';
import type { Refuse } from './server.js';

export interface HttpsRedirectOptions {
  /** Of the URLs that callers are sent to. */
  readonly port: number;
  /** 308 and 307 keep method and body, 301 and 302 turn POST into GET. */
  readonly status: number;
  readonly refuse: Refuse;
  readonly redirects: Counter;
}

export function makeHttpsRedirect({ port, status, refuse, redirects }: HttpsRedirectOptions): ServeExchange {
  return (exchange) => {
    const url = httpsUrl(exchange.request, port);
    if (url === undefined) {
      const error = new GatewayError('bad-request', 'this listener redirects to https, which takes a Host and a path');
      const { head, body } = refuse(error, exchange.request);
      answer(exchange, head, body);
      return;
    }
    redirects.inc();
    const own = new Headers();
    own.add('Location', url);
    answer(exchange, makeResponseHead(status, REASONS[status] ?? '', own, 0), NOTHING);
  };
}

/** Answers without asking anyone. What is left of the request is not waited for. */
export function answer(exchange: Exchange, head: ResponseHead, body: Buffer): void {
  exchange.head(head);
  if (body.length > 0 && exchange.request.method !== 'HEAD') exchange.data(body);
  exchange.end(undefined);
}

const NOTHING = Buffer.alloc(0);

const REASONS: Readonly<Record<number, string>> = {
  301: 'Moved Permanently',
  302: 'Found',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
};
