// Least loaded: the load of an endpoint is the number of requests that it has not finished.

import type { LoadMeter } from './balancer.js';

export class LeastLoaded implements LoadMeter {
  #outstanding = 0;

  load(): number {
    return this.#outstanding;
  }

  start(): void {
    this.#outstanding += 1;
  }

  finish(): void {
    this.#outstanding -= 1;
  }
}
