// Inet: a host and a port in, their addresses as a signal out, looked up again every 5 s while someone observes it.

import { batch, type ReadonlySignal, signal } from '@preact/signals-core';
import { ADDR_NEG, ADDR_PENDING, type Addr, addrBound, addrFailed, makeAddress, sameAddresses } from '../base/addr.js';
import type { Clock, TimerHandle } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import { type Logger, makeLogger } from '../base/log.js';
import { type HostResolver, makeHostResolver } from './host-resolver.js';
import { parseIpLiteral } from './ip-literal.js';

export interface Inet extends Closable {
  /**
   * The addresses of `host`: an IP address, a name, or empty or `localhost` for 127.0.0.1. Only names are looked up; all
   * observers of one name share the lookup, and the last one that leaves ends it.
   *
   * No such host: Neg. Another failure: the last good addresses, or failed before any. A port outside 1–65535: failed.
   */
  addresses(host: string, port: number): ReadonlySignal<Addr>;

  /** As `addresses`, but looked up no more after the first answer until nobody observes it. */
  addressesOnce(host: string, port: number): ReadonlySignal<Addr>;
}

export interface InetOptions {
  readonly clock: Clock;
  /** Owned from now on: closed with the inet. Default: `makeHostResolver`. */
  readonly resolver?: HostResolver | undefined;
  readonly log?: Logger;
}

/** Milliseconds between the end of one lookup and the next: Finagle's `inet` polls so, whatever the TTL of the record. */
const POLL_MS = 5000;

export function makeInet({
  clock,
  resolver = makeHostResolver({ clock }),
  log = makeLogger('inet'),
}: InetOptions): Inet {
  const watches = new Map<string, HostWatch>();
  let closed = false;

  const join = (host: string, once: boolean, port: number, listener: (addr: Addr) => void): (() => void) => {
    if (closed) return () => {};
    const key = `${once ? 'once' : 'poll'} ${host}`;
    let watch = watches.get(key);
    if (!watch) {
      watch = new HostWatch(host, once, { clock, resolver, log, onIdle: () => watches.delete(key) });
      watches.set(key, watch);
    }
    return watch.join(port, listener);
  };

  const addresses = (host: string, port: number, once: boolean): ReadonlySignal<Addr> => {
    if (!(Number.isInteger(port) && port >= 1 && port <= 65535)) {
      return signal(addrFailed(new Error(`Cannot connect to "${host}": port ${port} is not in 1-65535`)));
    }
    const ip = host === '' || host.toLowerCase() === 'localhost' ? '127.0.0.1' : parseIpLiteral(host);
    if (ip !== undefined) return signal(addrBound([makeAddress(ip, port)]));
    let leave: (() => void) | undefined;
    const addr = signal<Addr>(ADDR_PENDING, {
      watched: () => {
        // What was known when the last observer left may be long out of date.
        addr.value = ADDR_PENDING;
        leave = join(host.toLowerCase(), once, port, (now) => {
          addr.value = now;
        });
      },
      unwatched: () => leave?.(),
    });
    return addr;
  };

  return {
    addresses: (host, port) => addresses(host, port, false),
    addressesOnce: (host, port) => addresses(host, port, true),
    close: async () => {
      closed = true;
      for (const watch of [...watches.values()]) watch.close();
      await resolver.close();
    },
  };
}

interface HostWatchContext {
  readonly clock: Clock;
  readonly resolver: HostResolver;
  readonly log: Logger;
  /** Called when the watch has ended. */
  readonly onIdle: () => void;
}

type HostState =
  | { readonly state: 'bound'; readonly ips: readonly string[] }
  | { readonly state: 'neg' }
  | { readonly state: 'failed'; readonly error: Error };

/** The lookups of one name, from its first listener to its last. */
class HostWatch {
  readonly #host: string;
  readonly #once: boolean;
  readonly #context: HostWatchContext;
  readonly #members = new Set<{ readonly port: number; readonly listener: (addr: Addr) => void }>();
  #state: HostState | undefined;
  #failing = false;
  #ended = false;
  #timer: TimerHandle | undefined;

  constructor(host: string, once: boolean, context: HostWatchContext) {
    this.#host = host;
    this.#once = once;
    this.#context = context;
    void this.#poll();
  }

  /** Calls `listener` at once with what is known, and at each change, until the returned function is called. */
  join(port: number, listener: (addr: Addr) => void): () => void {
    const member = { port, listener };
    this.#members.add(member);
    if (this.#state) listener(addrFromState(this.#state, port));
    return () => {
      if (this.#members.delete(member) && this.#members.size === 0) this.close();
    };
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer?.cancel();
    this.#context.onIdle();
  }

  async #poll(): Promise<void> {
    const next = await this.#lookUp();
    if (this.#ended) return;
    if (next !== undefined) this.#publish(next);
    if (!this.#once || this.#state?.state !== 'bound') {
      this.#timer = this.#context.clock.after(POLL_MS, () => void this.#poll());
    }
  }

  /** Undefined: nothing to tell, because what was last good still counts. */
  async #lookUp(): Promise<HostState | undefined> {
    const { resolver, log } = this.#context;
    try {
      const ips = await resolver.resolve(this.#host);
      if (this.#failing) log.info(`host ${this.#host} can be looked up again`);
      this.#failing = false;
      return ips.length === 0 ? { state: 'neg' } : { state: 'bound', ips: [...new Set(ips)] };
    } catch (cause) {
      if (this.#ended) return undefined;
      const error = new Error(`Cannot look up host "${this.#host}": ${messageOf(cause)}`, { cause });
      const keeps = this.#state !== undefined && this.#state.state !== 'failed';
      const consequence = keeps ? 'keeping its last addresses' : 'it has no addresses yet';
      log[this.#failing ? 'debug' : 'warn'](`${error.message}; ${consequence}, trying again in ${POLL_MS} ms`);
      this.#failing = true;
      return keeps ? undefined : { state: 'failed', error };
    }
  }

  #publish(next: HostState): void {
    const before = this.#state;
    this.#state = next;
    if (before !== undefined && sameState(before, next)) return;
    batch(() => {
      for (const { port, listener } of [...this.#members]) listener(addrFromState(next, port));
    });
  }
}

function addrFromState(state: HostState, port: number): Addr {
  switch (state.state) {
    case 'bound':
      return addrBound(state.ips.map((ip) => makeAddress(ip, port)));
    case 'neg':
      return ADDR_NEG;
    case 'failed':
      return addrFailed(state.error);
    default:
      return state satisfies never;
  }
}

/** DNS servers rotate their answers: another order is no change. */
function sameState(a: HostState, b: HostState): boolean {
  const before = addrFromState(a, 1);
  const after = addrFromState(b, 1);
  if (before.state === 'bound' && after.state === 'bound') return sameAddresses(before.addresses, after.addresses);
  return before.state === after.state;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
