// Message heads: what one request or response says before its body, on any wire.
//
// Hop-by-hop headers, Content-Length and Transfer-Encoding never appear in `headers`: the codec that read the message
// took them out and put what they meant into `contentLength`, `hasBody` and `upgrade`; the codec that writes it puts in
// its own. So nothing between two codecs can be confused about framing.

import { Headers } from './headers.js';

export type HttpVersion = '1.0' | '1.1' | '2';

/** Content-Length of a message whose length was not stated. */
export const UNKNOWN_LENGTH = -1;

export interface RequestHead {
  readonly method: string;
  /** Origin-form (`/a?b`) or `*`; an absolute-form target has been split already into Host and the rest; of CONNECT
   *  `host:port`, which is the Host too. Rewritten by identifiers that consume path segments. */
  target: string;
  readonly version: HttpVersion;
  /** `http` or `https` of an absolute-form target, else undefined. */
  readonly absoluteScheme: string | undefined;
  readonly headers: Headers;
  /** Bytes of body, or UNKNOWN_LENGTH when chunked (or h2 without a length). */
  readonly contentLength: number;
  /** False when no body byte can follow. True for a tunnel-to-be (`mayTunnel`). */
  readonly hasBody: boolean;
  /** Protocol asked for by `Connection: upgrade` or `:protocol`, e.g. `websocket`; its case as sent. */
  readonly upgrade: string | undefined;
  /** The caller waits for `100 Continue` before it sends the body. Passed through end to end. */
  readonly expectContinue: boolean;
  /** The caller takes trailers and says so (`TE: trailers`, RFC 9110 §10.1.4), which gRPC servers insist on. */
  readonly acceptsTrailers: boolean;
}

export interface ResponseHead {
  readonly status: number;
  /** Reason phrase as received; may be empty. */
  readonly reason: string;
  readonly version: HttpVersion;
  readonly headers: Headers;
  /** As stated; also on responses without body (HEAD, 304), where it tells the length of what is not sent. */
  readonly contentLength: number;
  /** False for HEAD, 204, 304 and 1xx. */
  readonly hasBody: boolean;
  /** The response opens a tunnel: the protocol switched to, on 101; `TCP_TUNNEL` on a 200 to CONNECT. Else undefined. */
  readonly upgrade: string | undefined;
}

/** `upgrade` of a response that opens a tunnel of no protocol that we know of. */
export const TCP_TUNNEL = 'tcp';

/** Whether the response may open a tunnel. */
export function mayTunnel({ upgrade, method }: RequestHead): boolean {
  return upgrade !== undefined || method === 'CONNECT';
}

/** The answer to CONNECT when its tunnel is open. */
export function makeConnectedHead(): ResponseHead {
  return {
    status: 200,
    reason: 'Connection established',
    version: '1.1',
    headers: new Headers(),
    contentLength: UNKNOWN_LENGTH,
    hasBody: false,
    upgrade: TCP_TUNNEL,
  };
}

/** A response made here, with a body of its own length to follow. */
export function makeResponseHead(
  status: number,
  reason: string,
  headers: Headers,
  contentLength: number,
): ResponseHead {
  return { status, reason, version: '1.1', headers, contentLength, hasBody: contentLength !== 0, upgrade: undefined };
}
