// TimeLimits: the caller's deadline and the timeouts of the configuration in; a call to the request when the earliest of them
// has come, and the deadline that the upstream is told, out.

import type { Clock, TimerHandle } from '../base/clock.js';
import { GatewayError } from '../base/errors.js';
import type { Timeouts } from '../base/timeouts.js';
import type { Headers } from '../service/headers.js';
import { removeDeadline, writeDeadline } from './context-headers.js';
import { type Deadline, msLeft, showInstant, tightened } from './deadline.js';
import type { Endpoint } from './endpoint.js';
import { showDuration } from './error-responder.js';
import { removeGrpcTimeout, writeGrpcTimeout } from './grpc-timeout.js';

/** The request, as its limits see it. Nothing is called after `end`, nor for an attempt after `endAttempt`. */
export interface LimitedRequest {
  /** `ofCaller`: by its deadline, so that it says nothing of the service. */
  outOfTime(error: GatewayError, ofCaller: boolean): void;
  attemptOutOfTime(error: GatewayError): void;
}

/** Node's timers cannot wait longer (24 days) and would fire at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** Made for a request that has a limit: most have none. Limits are for the wait for a response: call `end` when it begins. */
export class TimeLimits {
  readonly #clock: Clock;
  readonly #timeouts: Timeouts;
  readonly #request: LimitedRequest;
  #endsAt = Number.POSITIVE_INFINITY;
  #timer: TimerHandle | undefined;
  #attemptTimer: TimerHandle | undefined;
  /** For all attempts: the strictest of what the caller told and the timeouts of the request. */
  #deadline: Deadline | undefined;
  /** It is the caller's by another clock than ours, and nobody's to change. */
  #isForeign = false;
  #isTold = false;

  constructor(clock: Clock, timeouts: Timeouts, request: LimitedRequest) {
    this.#clock = clock;
    this.#timeouts = timeouts;
    this.#request = request;
  }

  /** Before all other limits. `ms` are left until `deadline`; undefined: our clocks differ, so it is only passed on. */
  obey(deadline: Deadline, ms: number | undefined): void {
    this.#deadline = deadline;
    this.#isForeign = ms === undefined;
    if (ms !== undefined) this.#endAfter(ms, deadlineError(deadline));
  }

  /** The caller gives the request `ms` from now on (`grpc-timeout`). */
  allow(ms: number): void {
    if (!this.#isForeign) this.#deadline = tightened(this.#deadline, this.#clock.epochMs(), ms);
    this.#endAfter(ms, allowanceError(ms));
  }

  /** The request has `ms`, by the timeout of `what`, of which it has waited `waitedMs` to be read. */
  limit(ms: number, what: string, waitedMs: number): void {
    const leftMs = ms - waitedMs;
    const now = this.#clock.now();
    if (!this.#isForeign) this.#deadline = tightened(this.#deadline, this.#clock.epochMs(), leftMs);
    if (ms > LONGEST_MS || now + leftMs >= this.#endsAt) return;
    this.#endsAt = now + leftMs;
    this.#timer?.cancel();
    this.#timer = this.#timeouts.after(ms, waitedMs, () => this.#request.outOfTime(timeoutError(ms, what), false));
  }

  /** From now the attempt at `endpoint` has `ms`, where that is configured. Writes the deadline that its upstream is told. */
  beginAttempt(headers: Headers, ms: number | undefined, endpoint: Endpoint): void {
    let deadline = this.#deadline;
    if (ms !== undefined) {
      if (!this.#isForeign) deadline = tightened(deadline, this.#clock.epochMs(), ms);
      if (ms <= LONGEST_MS) this.#attemptTimer = this.#timeouts.after(ms, 0, () => this.#attemptOver(ms, endpoint));
    }
    if (deadline) {
      writeDeadline(headers, deadline);
      if (!this.#isForeign) writeGrpcTimeout(headers, msLeft(deadline, this.#clock.epochMs()));
    } else if (this.#isTold) {
      removeDeadline(headers);
      removeGrpcTimeout(headers);
    }
    this.#isTold = deadline !== undefined;
  }

  endAttempt(): void {
    this.#attemptTimer?.cancel();
  }

  end(): void {
    this.#timer?.cancel();
    this.#attemptTimer?.cancel();
  }

  /** As the caller says, which may be any number: a timer of its own. */
  #endAfter(ms: number, error: GatewayError): void {
    const endsAt = this.#clock.now() + Math.ceil(ms);
    if (ms > LONGEST_MS || endsAt >= this.#endsAt) return;
    this.#endsAt = endsAt;
    this.#timer?.cancel();
    this.#timer = this.#clock.after(Math.ceil(ms), () => this.#request.outOfTime(error, true));
  }

  #attemptOver(ms: number, endpoint: Endpoint): void {
    this.#request.attemptOutOfTime(timeoutError(ms, endpoint.toString()));
  }
}

function deadlineError(deadline: Deadline): GatewayError {
  const message = `exceeded the caller's deadline (l5d-ctx-deadline) of ${showInstant(deadline)} while waiting for a response`;
  return new GatewayError('request-timed-out', message);
}

function allowanceError(ms: number): GatewayError {
  return new GatewayError('request-timed-out', `exceeded the ${ms} ms that the caller gave it (grpc-timeout)`);
}

/** Finagle's message. */
function timeoutError(ms: number, what: string): GatewayError {
  return new GatewayError('request-timed-out', `exceeded ${showDuration(ms)} to ${what} while waiting for a response`);
}

/** The request is not sent to `what`: it has waited for us for as long as it may take. */
export function heldUpError(ms: number, what: string): GatewayError {
  const message = `exceeded ${showDuration(ms)} to ${what} before the request was read: this gateway has more to do than it can`;
  return new GatewayError('request-timed-out', message);
}
