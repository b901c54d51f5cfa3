// gRPC's deadline: the text of `grpc-timeout` in, milliseconds out, and back for the upstream.
// Source: PROTOCOL-HTTP2.md of gRPC, "Requests".

import type { Headers } from '../service/headers.js';
import { isGrpc } from './grpc-errors.js';

const TIMEOUT = 'grpc-timeout';

const MS_OF_UNIT: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };
/** Eight digits are the most that may be written. */
const MOST = 99_999_999;

/** How long the caller gives the request, in ms with a fraction. What cannot be read is left to the upstream. */
export function readGrpcTimeout(headers: Headers): number | undefined {
  const text = headers.get(TIMEOUT);
  const match = text === undefined ? null : /^(\d{1,8})([HMSmun])$/.exec(text);
  return match ? Number(match[1]) * (MS_OF_UNIT[match[2] as string] as number) : undefined;
}

/** Tells the upstream of a gRPC request how long it has left. */
export function writeGrpcTimeout(headers: Headers, ms: number): void {
  if (isGrpc(headers)) headers.set(TIMEOUT, showGrpcTimeout(ms));
}

/** Takes back what `writeGrpcTimeout` wrote. */
export function removeGrpcTimeout(headers: Headers): void {
  if (isGrpc(headers)) headers.remove(TIMEOUT);
}

/** At least a millisecond: there is no text for none at all. */
function showGrpcTimeout(ms: number): string {
  const whole = Math.max(1, Math.floor(ms));
  return whole <= MOST ? `${whole}m` : `${Math.min(MOST, Math.floor(whole / 1000))}S`;
}
