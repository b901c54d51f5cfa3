// Edge: what a listener for callers outside does with each request before it is named.

import type { AddressRanges } from '../base/address-ranges.js';
import { GatewayError } from '../base/errors.js';
import { hostEnd } from '../base/host-name.js';
import type { Counter, MetricsScope } from '../base/metrics.js';
import type { Random } from '../base/random.js';
import type { Identifier, RequestOrigin } from '../identifier/identifier.js';
import type { Exchange } from '../service/exchange.js';
import type { RequestHead } from '../service/message.js';
import type { AddForwarded } from './forwarded.js';
import { ForwardingFields } from './forwarding-fields.js';
import { type EncodedSlashes, normalTarget } from './normal-path.js';
import type { PublishedHosts } from './published-hosts.js';

export interface EdgeOptions {
  readonly published: Pick<PublishedHosts, 'find'>;
  readonly encodedSlashes: EncodedSlashes;
  readonly trustedProxies: AddressRanges | undefined;
  /** Of `addForwardedHeader`. */
  readonly addForwarded: AddForwarded | undefined;
  readonly random: Random;
  /** `rt/<label>/server/<ip>/<port>`. */
  readonly metrics: MetricsScope;
}

export class Edge {
  readonly #options: EdgeOptions;
  readonly #forwarding: ForwardingFields;
  readonly #notFound: Counter;

  constructor(options: EdgeOptions) {
    this.#options = options;
    this.#forwarding = new ForwardingFields({ trusted: options.trustedProxies, random: options.random });
    this.#notFound = options.metrics.counter('refused', 'not-found');
  }

  /**
   * Why the request goes no further, whatever else it asks for: so that a host that is not published is told nothing but that,
   * be its connection misdirected, its path malformed or its listener one that redirects.
   */
  refusal({ method, headers }: RequestHead): GatewayError | undefined {
    // RFC 9110 §9.3.8: it would show a caller what proxies add, and scripts what they must not see. TRACK is Microsoft's.
    if (method.length === 5 && TRACE.test(method))
      return new GatewayError('method-refused', `${method} is refused of callers outside`);
    const host = headers.get('host') ?? '';
    if (this.#options.published.find(host) !== undefined) return undefined;
    return new GatewayError('not-found', `"${host}" is not published`);
  }

  /**
   * From here on the request's host, path and forwarding fields say one thing to everybody. Throws what `refusal` answers, and
   * `bad-request`.
   */
  admit({ request, caller }: Exchange): RequestOrigin {
    const refusal = this.refusal(request);
    if (refusal) throw refusal;
    const { published, encodedSlashes, addForwarded } = this.#options;
    const { headers, method } = request;
    const host = headers.get('host') as string;
    const canonical = published.find(host) as string;
    if (canonical !== host) headers.set('Host', canonical);
    // Servers of Finagle go by it as gateways go by l5d-dtab.
    headers.remove('dtab-local');
    if (request.target !== '*' || method !== 'OPTIONS') request.target = normalTarget(request.target, encodedSlashes);
    const origin = this.#forwarding.rewrite(headers, caller, host);
    addForwarded?.(headers, caller, host, origin.secure ? 'https' : 'http');
    return origin;
  }

  /** The one answer to all that is not there, or not for callers outside; `cause` is for those inside. */
  notFound(cause: GatewayError): GatewayError {
    this.#notFound.inc();
    return new GatewayError('not-found', cause.message, { cause });
  }
}

const TRACE = /^trac[ek]$/i;

/** Names do not depend on the port by which a listener is reached; upstreams see it. */
export function withoutPort(identify: Identifier): Identifier {
  return (request, origin) => {
    const { headers } = request;
    const host = headers.get('host') ?? '';
    const end = hostEnd(host);
    if (end === host.length) return identify(request, origin);
    headers.set('Host', host.slice(0, end));
    try {
      return identify(request, origin);
    } finally {
      headers.set('Host', host);
    }
  };
}
