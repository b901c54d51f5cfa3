// Members: the raw entries of one service in, its endpoints out; an entry that cannot be used costs itself alone.

import { isIP } from 'node:net';
import { quote } from './http-api.js';
import type { ServiceEndpoint } from './service-trees.js';

/**
 * Decodes the members of one service, answer after answer. A member that becomes unusable keeps its last good endpoint for
 * as long as the registry lists it: a slip of who registers must not take an instance down. Keep one object per service.
 */
export class Members<Raw> {
  readonly #decode: (raw: Raw, id: string) => ServiceEndpoint | undefined;
  readonly #showId: (id: string) => string;
  #good = new Map<string, ServiceEndpoint>();

  /**
   * `decode` answers undefined for a member that is no endpoint now (not ready), and throws what is wrong with a bad one.
   * `showId` makes text for messages of an id; by default it is text.
   */
  constructor(
    decode: (raw: Raw, id: string) => ServiceEndpoint | undefined,
    showId: (id: string) => string = (id) => id,
  ) {
    this.#decode = decode;
    this.#showId = showId;
  }

  /** `entries` are all there are. `complain` is called once for each bad member, with a message that names it. */
  endpoints(
    entries: Iterable<readonly [id: string, raw: Raw]>,
    complain: (message: string) => void,
  ): ServiceEndpoint[] {
    const good = new Map<string, ServiceEndpoint>();
    for (const [id, raw] of entries) {
      const endpoint = this.#endpoint(id, raw, complain);
      if (endpoint) good.set(id, endpoint);
    }
    this.#good = good;
    return this.current();
  }

  /** One member is new or changed; for registries that tell changes one by one. */
  put(id: string, raw: Raw, complain: (message: string) => void): void {
    const endpoint = this.#endpoint(id, raw, complain);
    if (endpoint) this.#good.set(id, endpoint);
    else this.#good.delete(id);
  }

  delete(id: string): void {
    this.#good.delete(id);
  }

  /** The endpoints as they were last told. */
  current(): ServiceEndpoint[] {
    return [...this.#good.values()];
  }

  #endpoint(id: string, raw: Raw, complain: (message: string) => void): ServiceEndpoint | undefined {
    try {
      return this.#decode(raw, id);
    } catch (error) {
      const before = this.#good.get(id);
      const outcome = before ? 'its last good address stays in use' : 'it is left out';
      complain(`${quote(this.#showId(id))}: ${(error as Error).message}; ${outcome}`);
      return before;
    }
  }
}

/** The port that a registry gave as a number or as digits. Throws `port 70000 is not in 1-65535`. */
export function checkPort(value: unknown): number {
  const port = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value;
  if (typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65535) return port;
  throw new Error(`port ${show(value)} is not in 1-65535`);
}

/** The IP address or DNS name that a registry gave; IPv6 may be in brackets. Throws `address … is neither an IP address nor a host name`. */
export function checkHost(value: unknown): string {
  if (typeof value === 'string') {
    const bare = value.startsWith('[') && value.endsWith(']') ? value.slice(1, -1) : value;
    if (isIP(bare) !== 0) return bare;
    if (value.length <= 253 && HOST_NAME.test(value)) return value;
  }
  throw new Error(`address ${show(value)} is neither an IP address nor a host name`);
}

/** Not made of digits and dots alone: `10.0.0.300` is a mistake and no name. */
const HOST_NAME =
  /^(?![\d.]*$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$/;

/** `host:port`, `[::1]:80`. Throws what is wrong with it. */
export function parseHostPort(text: string): { readonly host: string; readonly port: number } {
  const colon = text.lastIndexOf(':');
  if (colon < 1) throw new Error(`${show(text)} is not host:port`);
  return { host: checkHost(text.slice(0, colon)), port: checkPort(text.slice(colon + 1)) };
}

/** A finite number from 0 on. Throws. */
export function checkWeight(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  throw new Error(`weight ${show(value)} is not a number from 0 on`);
}

/** What a registry gave, for a message. */
export function show(value: unknown): string {
  if (typeof value === 'string') return quote(value) || '""';
  return value === undefined ? 'undefined' : quote(JSON.stringify(value)).slice(1, -1);
}
