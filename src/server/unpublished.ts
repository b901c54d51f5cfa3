// Requests that must not even learn that they are misdirected, or where to ask instead: exchanges in, those refused at the edge
// are answered, the others go on.

import type { GatewayError } from '../base/errors.js';
import type { ServeExchange } from '../service/exchange.js';
import type { RequestHead } from '../service/message.js';
import { answer } from './https-redirect.js';
import type { Refuse } from './server.js';

/** `refusal`: why the request goes no further; undefined for one that does. */
export function refusingUnpublished(
  serve: ServeExchange,
  refusal: (request: RequestHead) => GatewayError | undefined,
  refuse: Refuse,
): ServeExchange {
  return (exchange) => {
    const error = refusal(exchange.request);
    if (error === undefined) {
      serve(exchange);
      return;
    }
    const { head, body } = refuse(error, exchange.request);
    answer(exchange, head, body);
  };
}
