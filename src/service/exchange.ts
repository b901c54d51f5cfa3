// Exchange: the contract in which a server codec, the router and a client codec meet, whatever the wires.
//
//   server codec ── Exchange ──▶ router ── dispatch ──▶ client codec
//   server codec ◀── ResponseSink ── router ◀── ResponseSink ── client codec
//
// Everything is pushed and nothing waits: no promise, closure or stream object per chunk. All calls are synchronous;
// a call made during another of the same exchange is allowed.
//
// Back-pressure and the ownership of bytes are one thing: a sink's `data` answers true when it has used up the chunk,
// whose bytes the producer may then overwrite; false when it still holds them, and the producer leaves them alone and
// stops (after the rest of what it has read already) until `resume`.

import type { BodySink } from './body-sink.js';
import type { RequestHead, ResponseHead } from './message.js';
import type { RequestBody } from './request-body.js';

/**
 * Takes one response: any number of `informational`, then `head`, `data`…, `end`; or `fail` at any point. After `end` or
 * `fail` nothing more is called. A response with an `upgrade` (101, or 200 to CONNECT) turns both directions into a tunnel:
 * `data` and the request's body carry raw bytes, `end` is a half-close.
 */
export interface ResponseSink extends BodySink {
  /** 100, 102, 103 …: not 101. */
  informational(head: ResponseHead): void;
  head(head: ResponseHead): void;
  /** Ends a burst: called before the producer goes back to the event loop, so that a head and a small body leave in one
   *  write. Not needed after `end` and `fail`. */
  flush(): void;
  /** The response ends here without being complete. Before `head` the receiver may still answer something else. */
  fail(error: Error): void;
}

/** One request as a server codec hands it to the router; its methods are the way back to the caller. */
export interface Exchange extends ResponseSink {
  readonly request: RequestHead;
  /** Undefined when `request.hasBody` is false. */
  readonly body: RequestBody | undefined;
  readonly caller: Caller;
  /** `clock.now()` when the request's head was complete. */
  readonly receivedAt: number;
  /** Set by the router before it returns from `serve`. */
  listener: ExchangeListener | undefined;
}

/** What the server codec tells the router about an exchange that it serves. */
export interface ExchangeListener {
  /** The caller went away before the response was complete. No more calls follow. */
  callerGone(error: Error): void;
  /** The caller can take more response bytes after `data` had answered false. */
  resume(): void;
}

/** The connection that a request came in on. */
export interface Caller {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** True when the caller speaks TLS to us. */
  readonly secure: boolean;
  /** The server that the caller named in its TLS handshake (SNI), if any. */
  readonly serverName?: string | undefined;
  /**
   * What `x-forwarded-client-cert` is to say of the certificate that the caller has proven to hold; undefined when it showed
   * none. Worked out when it is asked for.
   */
  readonly forwardedClientCert?: string | undefined;
  /** One per connection, for labels that live as long as it. */
  readonly connectionId: number;
}

/** A request on its way upstream, as a client codec sees it through. */
export interface Dispatched {
  /** Stops the work: the upstream sees its connection (h2: stream) reset. The sink hears nothing more. */
  cancel(error: Error): void;
  /** More response bytes are welcome after the sink's `data` had answered false. */
  resume(): void;
}

/** Serves the requests of one listener. Called once an exchange; must not throw. */
export type ServeExchange = (exchange: Exchange) => void;
