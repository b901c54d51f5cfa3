// Identification: a request in; the name or route that the identifier of its listener gives it, or a redirect, out.

import { GatewayError } from '../base/errors.js';
import type { Path } from '../base/path.js';
import {
  type Identifier,
  type Redirect,
  type RequestOrigin,
  type Route,
  Unidentified,
} from '../identifier/identifier.js';
import type { Exchange } from '../service/exchange.js';
import { unidentifiedError } from './trip-errors.js';

/** Throws `unidentified` for a request without a name, or what the identifier refuses it with. */
export function identifyRequest(
  identify: Identifier,
  exchange: Exchange,
  origin: RequestOrigin,
): Path | Route | Redirect {
  let answer: ReturnType<Identifier>;
  try {
    answer = identify(exchange.request, origin);
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    throw unidentifiedError(exchange, (error as Error).message, error);
  }
  if (answer instanceof Unidentified) throw unidentifiedError(exchange, answer.reason);
  return answer;
}
