// BindingWait: a request whose name is not bound yet, or whose bound name has no addresses yet, in; a call to go on out,
// each time more is known, or the error of bindingTimeoutMs.

import type { Clock, TimerHandle } from '../base/clock.js';
import type { GatewayError } from '../base/errors.js';
import type { AddressWaiter, ClientStack } from './client-stack.js';
import type { BindingWaiter, ServiceStack } from './service-stack.js';
import { bindingTimeoutError } from './trip-errors.js';

export interface WaitingRequest {
  /** Ask the service again. */
  route(): void;
  /** `ofCaller`: by its deadline; here never. */
  outOfTime(error: GatewayError, ofCaller: boolean): void;
}

/** Made for a request that has to wait: most do not. */
export class BindingWait implements BindingWaiter, AddressWaiter {
  readonly #service: ServiceStack;
  readonly #request: WaitingRequest;
  #client: ClientStack | undefined;
  #timer: TimerHandle | undefined;

  constructor(service: ServiceStack, request: WaitingRequest) {
    this.#service = service;
    this.#request = request;
  }

  /** `client` where only its addresses are missing: while they do not come the name may be bound elsewhere. */
  begin(client: ClientStack | undefined, bindingTimeoutMs: number, clock: Clock): void {
    this.#client?.forget(this);
    this.#client = client;
    client?.whenKnown(this);
    this.#service.whenBound(this);
    this.#timer ??= clock.after(bindingTimeoutMs, () =>
      this.#request.outOfTime(bindingTimeoutError(bindingTimeoutMs, this.#service, this.#client), false),
    );
  }

  bound(): void {
    // Who is told of a change may be told of one that made it go on already.
    if (this.#timer) this.#request.route();
  }

  addressesKnown(): void {
    if (this.#timer) this.#request.route();
  }

  /** The request goes on. It stays with the service, which is not closed before it is over. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** The request is over. */
  end(): void {
    this.stop();
    this.#client?.forget(this);
    this.#service.forget(this);
  }
}
