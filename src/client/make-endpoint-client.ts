// The one place that chooses how an endpoint is spoken to: its options in, its client out.

import { AutoClient } from './auto-client.js';
import type { EndpointClient, EndpointClientOptions } from './client.js';
import { H2Pool } from './h2-pool.js';
import { Http1Pool } from './http1-pool.js';

export function makeEndpointClient(options: EndpointClientOptions): EndpointClient {
  switch (options.protocol) {
    case 'http1':
      return new Http1Pool(options);
    case 'h2':
    case 'h2c':
      return new H2Pool(options);
    case 'auto':
      // Without TLS nobody could be asked: an HTTP/1.1 server takes the preface of HTTP/2 for a broken request.
      return options.tls ? new AutoClient(options) : new Http1Pool(options);
    default:
      return options.protocol satisfies never;
  }
}
