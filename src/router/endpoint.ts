// Endpoint: one address of one bound name, with its load, its failure accrual and its connections.

import type { FailureAccrual } from '../accrual/accrual.js';
import type { Balanced, LoadMeter } from '../balancer/balancer.js';
import { type Address, showAddress } from '../base/addr.js';
import type { EndpointClient } from '../client/client.js';

/** Lives as long as its address is in the set; what is under way when it leaves is finished. */
export class Endpoint implements Balanced {
  readonly address: Address;
  /** Set by the client stack when the registry changes it, before it updates the balancer. */
  weight: number;
  readonly meter: LoadMeter;
  readonly accrual: FailureAccrual;
  readonly client: EndpointClient;
  /** Set while it has left the set and is used for as long as it is healthy: called when a request to it fails. */
  onFailure: (() => void) | undefined;
  #pending = 0;

  constructor(address: Address, meter: LoadMeter, accrual: FailureAccrual, client: EndpointClient) {
    this.address = address;
    this.weight = address.weight;
    this.meter = meter;
    this.accrual = accrual;
    this.client = client;
  }

  /** Requests under way. */
  get pending(): number {
    return this.#pending;
  }

  isAvailable(now: number): boolean {
    return this.client.isAvailable && this.accrual.isAvailable(now);
  }

  started(now: number): void {
    this.#pending += 1;
    this.meter.start(now);
    this.accrual.started(now);
  }

  /** `success` undefined: the caller gave up, which says nothing of the endpoint. */
  finished(now: number, startedAt: number, success: boolean | undefined): void {
    this.#pending -= 1;
    this.meter.finish(now, startedAt);
    if (success === undefined) this.accrual.ignored(now);
    else if (success) this.accrual.succeeded(now);
    else {
      this.accrual.failed(now);
      this.onFailure?.();
    }
  }

  toString(): string {
    return showAddress(this.address);
  }
}
