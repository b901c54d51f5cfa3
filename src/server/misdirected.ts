// Misdirected requests: exchanges of a TLS listener in; those for another server than the handshake was for are answered 421,
// the others go on.

import { GatewayError } from '../base/errors.js';
import type { ServeExchange } from '../service/exchange.js';
import { answer } from './https-redirect.js';
import type { ListenerTls } from './listener-tls.js';
import type { Refuse } from './server.js';

/** `serve` itself where there is nothing to tell apart. */
export function refusingMisdirected(serve: ServeExchange, tls: ListenerTls | undefined, refuse: Refuse): ServeExchange {
  if (!tls?.contextFor) return serve;
  return (exchange) => {
    const { serverName } = exchange.caller;
    const host = exchange.request.headers.get('host');
    // Nearly always they are the same; a caller that named no server has not named another one.
    if (serverName === undefined || host === undefined || host === serverName || !tls.isMisdirected(serverName, host)) {
      serve(exchange);
      return;
    }
    const message = `the request is for "${host}", its connection is to "${serverName}", which has another certificate`;
    const { head, body } = refuse(new GatewayError('misdirected', message), exchange.request);
    answer(exchange, head, body);
  };
}
