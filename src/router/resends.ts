// Resends: why a request failed in; whether it may be sent again out, and when, as the budgets and the backoff say.
//
// A requeue repeats at once what no upstream has seen; a retry repeats, after a wait, what the classifier says can be
// repeated (Finagle's RequeueFilter and RetryFilter). Both are paid from the service's budget, so that this bounds what an
// outage adds to the load; requeues from the client's besides.

import type { BackoffSequence } from '../base/backoff.js';
import type { Clock, TimerHandle } from '../base/clock.js';
import type { GatewayError } from '../base/errors.js';
import type { Exchange } from '../service/exchange.js';
import type { ClientStack } from './client-stack.js';
import type { ServiceStack } from './service-stack.js';

/** Methods that may be sent again on a connection that was closed before it answered (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** Share of the requeue budget's balance that one request may use (Finagle's RequeueFilter). */
const REQUEUES_PER_REQUEST = 0.2;

/** Made when a request fails for the first time: most never do. */
export class Resends {
  readonly #clock: Clock;
  readonly #exchange: Exchange;
  #requeuesLeft = -1;
  #retries = 0;
  #waits: BackoffSequence | undefined;
  #timer: TimerHandle | undefined;

  constructor(clock: Clock, exchange: Exchange) {
    this.#clock = clock;
    this.#exchange = exchange;
  }

  /** Made so far; requeues are not among them. */
  get retries(): number {
    return this.#retries;
  }

  /** Whether the request can go to another endpoint of `client` at once, as far as the client's budget goes. */
  canRequeue(error: GatewayError, client: ClientStack): boolean {
    const { request } = this.#exchange;
    const resendable = error.resend === 'safe' || (error.resend === 'idempotent' && IDEMPOTENT.has(request.method));
    if (!resendable || !this.#canReplay) return false;
    const { balance } = client.requeueBudget;
    if (this.#requeuesLeft < 0) this.#requeuesLeft = Math.ceil(balance * REQUEUES_PER_REQUEST);
    if (this.#requeuesLeft === 0) client.requeueLimit.inc();
    else if (balance < 1) client.requeueBudgetExhausted.inc();
    else return true;
    return false;
  }

  /** Whether the request can be sent again at all; if so the service has paid, and `requeued` or `retry` must be called. */
  mayResend(service: ServiceStack): boolean {
    if (!this.#canReplay) {
      service.retries.count('request_stream_too_long');
      return false;
    }
    if (service.retryBudget.tryWithdraw()) return true;
    service.retries.budgetExhausted.inc();
    return false;
  }

  /** The client pays too. Only after `canRequeue`. */
  requeued(client: ClientStack): void {
    client.requeueBudget.tryWithdraw();
    client.requeues.inc();
    this.#requeuesLeft -= 1;
  }

  /** Calls `again` after the wait that is due, which may be none. */
  retry(service: ServiceStack, again: () => void): void {
    this.#retries += 1;
    service.retries.total.inc();
    this.#requeuesLeft = -1;
    this.#waits ??= service.settings.retryBackoff();
    const waitMs = this.#waits.next();
    if (waitMs <= 0) again();
    else this.#timer = this.#clock.after(waitMs, again);
  }

  /** The request is over: no retry begins any more. */
  end(): void {
    this.#timer?.cancel();
  }

  /** The body, if any, can be sent from its first byte. */
  get #canReplay(): boolean {
    const { body } = this.#exchange;
    return !body || body.replayable;
  }
}
