// gRPC errors: an error of the gateway in, what a gRPC client is to understand of it out. The only place that knows gRPC's
// status codes of errors; those of HTTP are in error-responder.ts.

import type { ErrorCode, GatewayError } from '../base/errors.js';
import type { Refusal } from '../server/server.js';
import type { Headers } from '../service/headers.js';
import { makeResponseHead } from '../service/message.js';
import { StreamReset } from '../service/stream-reset.js';

/** Numbers on the wire. Source: statuscodes.md of gRPC. */
export const GRPC_STATUS = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const satisfies Readonly<Record<string, number>>;

export type GrpcStatus = keyof typeof GRPC_STATUS;

/** UNAVAILABLE is what clients send again by themselves: the name leads nowhere now, or an upstream is down. */
export const ERROR_GRPC_STATUS: Readonly<Record<ErrorCode, GrpcStatus>> = {
  'bad-request': 'INTERNAL',
  'request-line-too-long': 'RESOURCE_EXHAUSTED',
  'headers-too-large': 'RESOURCE_EXHAUSTED',
  'request-timeout': 'DEADLINE_EXCEEDED',
  'unsupported-version': 'INTERNAL',
  'expectation-failed': 'INTERNAL',
  'method-refused': 'UNIMPLEMENTED',
  misdirected: 'UNAVAILABLE',
  'not-found': 'UNIMPLEMENTED',
  forbidden: 'PERMISSION_DENIED',
  'body-too-large': 'RESOURCE_EXHAUSTED',
  'routes-pending': 'UNAVAILABLE',
  unidentified: 'UNIMPLEMENTED',
  'bad-dtab': 'INVALID_ARGUMENT',
  'too-many-hops': 'FAILED_PRECONDITION',
  'over-capacity': 'UNAVAILABLE',
  'no-hosts': 'UNAVAILABLE',
  'binding-failed': 'UNAVAILABLE',
  'binding-timeout': 'UNAVAILABLE',
  'circuit-open': 'UNAVAILABLE',
  'circuit-full': 'UNAVAILABLE',
  'connect-failed': 'UNAVAILABLE',
  'tls-failed': 'UNAVAILABLE',
  'too-many-waiters': 'UNAVAILABLE',
  'upgrade-refused': 'UNIMPLEMENTED',
  'upstream-reset': 'UNAVAILABLE',
  'upstream-malformed': 'INTERNAL',
  'request-timed-out': 'DEADLINE_EXCEEDED',
  'caller-gone': 'CANCELLED',
  internal: 'INTERNAL',
};

/** Of a stream that the upstream reset, by its code. Source: Linkerd's `GrpcStatus.fromReset`. */
const RESET_GRPC_STATUS: Readonly<Record<string, GrpcStatus>> = {
  NO_ERROR: 'INTERNAL',
  PROTOCOL_ERROR: 'INTERNAL',
  INTERNAL_ERROR: 'INTERNAL',
  REFUSED_STREAM: 'UNAVAILABLE',
  ENHANCE_YOUR_CALM: 'RESOURCE_EXHAUSTED',
  CANCEL: 'CANCELLED',
};

const GRPC = 'application/grpc';

/** Of a request's headers: `application/grpc`, `+proto` and the like of it, and gRPC-Web. */
export function isGrpc(headers: Headers): boolean {
  return headers.get('content-type')?.startsWith(GRPC) === true;
}

export function grpcStatusOf({ code, cause }: GatewayError): GrpcStatus {
  const reset = code === 'upstream-reset' && cause instanceof StreamReset ? cause.code : undefined;
  return (reset !== undefined && RESET_GRPC_STATUS[reset]) || ERROR_GRPC_STATUS[code];
}

/**
 * A trailers-only response: one head that is the end as well. `headers` are what any response to `error` has; `message` is
 * empty where the caller must not see it.
 */
export function grpcRefusal(error: GatewayError, headers: Headers, message: string, maxBytes: number): Refusal {
  headers.add('content-type', GRPC);
  headers.add('grpc-status', String(GRPC_STATUS[grpcStatusOf(error)]));
  if (message !== '') headers.add('grpc-message', percentEncode(message, maxBytes));
  return { head: makeResponseHead(200, 'OK', headers, 0), body: Buffer.alloc(0) };
}

/** Bytes of UTF-8 as `Percent-Encoded` of PROTOCOL-HTTP2.md writes them, at most `maxLength` characters of it. */
function percentEncode(text: string, maxLength: number): string {
  let out = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== PERCENT;
    const encoded = isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    if (out.length + encoded.length > maxLength) break;
    out += encoded;
  }
  return out;
}

const PERCENT = 0x25;
