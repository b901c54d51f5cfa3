// The addresses of this machine as a signal: those of every interface that is up, looked at again while someone observes it.

import { networkInterfaces } from 'node:os';
import { type ReadonlySignal, type Signal, signal } from '@preact/signals-core';
import type { Clock, TimerHandle } from '../base/clock.js';

/** Interfaces come and go with cables, containers and VPNs, and nothing tells of it. Looking takes some 0.1 ms. */
const POLL_MS = 2000;

/** IP addresses, sorted. */
export type ReadInterfaces = () => readonly string[];

/** No name of this machine is looked up: many machines have one that no name server knows. */
export const readInterfaces: ReadInterfaces = () =>
  Object.values(networkInterfaces())
    .flatMap((addresses = []) => addresses.map(({ address }) => address))
    .sort();

export class LocalAddresses {
  readonly ips: ReadonlySignal<readonly string[]>;
  readonly #ips: Signal<readonly string[]>;
  readonly #clock: Clock;
  readonly #read: ReadInterfaces;
  #timer: TimerHandle | undefined;

  constructor(clock: Clock, read: ReadInterfaces) {
    this.#clock = clock;
    this.#read = read;
    this.#ips = signal(read(), {
      watched: () => this.#poll(),
      unwatched: () => this.close(),
    });
    this.ips = this.#ips;
  }

  close(): void {
    this.#timer?.cancel();
  }

  #poll(): void {
    const now = this.#read();
    if (now.join() !== this.#ips.peek().join()) this.#ips.value = now;
    this.#timer?.cancel();
    this.#timer = this.#clock.after(POLL_MS, () => this.#poll());
  }
}
