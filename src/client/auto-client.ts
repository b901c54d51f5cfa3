// AutoClient: requests to one address that speaks TLS in; they go by HTTP/2 or HTTP/1.1, as the handshake agrees (ALPN).
//
// While nothing is known one connection is made, and requests wait for what it brings. Each further connection for HTTP/2
// offers both again, so that an endpoint which no longer speaks it is asked in HTTP/1.1 from then on; and one that has been
// left by all connections of HTTP/1.1 is offered HTTP/2 anew.

import type { Dispatched, ResponseSink } from '../service/exchange.js';
import { mayTunnel, type RequestHead } from '../service/message.js';
import type { RequestBody } from '../service/request-body.js';
import type { RouteHeaders } from '../service/route-headers.js';
import type { EndpointClient, EndpointClientOptions } from './client.js';
import { type H2Alternative, H2Pool } from './h2-pool.js';
import type { MadeConnection } from './http1-connection.js';
import { Http1Pool } from './http1-pool.js';

export class AutoClient implements EndpointClient, H2Alternative {
  readonly #h2: H2Pool;
  readonly #http1: Http1Pool;
  #isHttp1 = false;

  constructor(options: EndpointClientOptions) {
    this.#h2 = new H2Pool(options, this);
    this.#http1 = new Http1Pool(options);
  }

  get isAvailable(): boolean {
    return this.#agreed.isAvailable;
  }

  dispatch(request: RequestHead, route: RouteHeaders, body: RequestBody | undefined, sink: ResponseSink): Dispatched {
    // A tunnel begins with HTTP/1.1, or with nothing at all: its connection makes no offers.
    const client = mayTunnel(request) ? this.#http1 : this.#agreed;
    return client.dispatch(request, route, body, sink);
  }

  close(): void {
    this.#h2.close();
    this.#http1.close();
  }

  get #agreed(): EndpointClient {
    // While `failFast` keeps it out HTTP/1.1 itself tries whether it is back.
    if (this.#isHttp1 && !this.#http1.isConnected && this.#http1.isAvailable) this.#isHttp1 = false;
    return this.#isHttp1 ? this.#http1 : this.#h2;
  }

  takeOver(made: MadeConnection): EndpointClient {
    this.#isHttp1 = true;
    this.#http1.adopt(made);
    return this.#http1;
  }
}
