// Route policy: what a route says of the bodies and attempts of its requests; refusals and the stricter of two limits out.

import { GatewayError } from '../base/errors.js';
import type { Path } from '../base/path.js';
import type { Exchange } from '../service/exchange.js';
import { UNKNOWN_LENGTH } from '../service/message.js';
import type { BodyLimiter } from '../service/request-body.js';

/** Throws `body-too-large` for a stated length above `bytes`. A length that is not stated is counted, and `limiter` told. */
export function limitBody({ request, body }: Exchange, bytes: number, route: Path, limiter: BodyLimiter): void {
  if (request.contentLength > bytes) throw bodyTooLargeError(`of ${request.contentLength} bytes`, bytes, route);
  if (request.contentLength === UNKNOWN_LENGTH) body?.limitTo(bytes, limiter);
}

export function bodyTooLargeError(what: string, bytes: number, route: Path): GatewayError {
  const message = `a request body ${what} is too long: the route to ${route.show()} takes ${bytes} bytes at most`;
  return new GatewayError('body-too-large', message);
}

/** In ms; undefined: none. */
export function shorterLimit(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}
