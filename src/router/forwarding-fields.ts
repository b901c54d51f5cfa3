// Forwarding fields: what a request from outside says of the way that it has come in; who sent it, and the fields that tell
// upstreams so, out.

import { isIP } from 'node:net';
import type { AddressRanges } from '../base/address-ranges.js';
import type { Random } from '../base/random.js';
import type { RequestOrigin } from '../identifier/identifier.js';
import type { Caller } from '../service/exchange.js';
import type { Headers } from '../service/headers.js';
import { RequestIds } from './request-ids.js';

export interface ForwardingOptions {
  /** Callers who say whom they speak for. Undefined: nobody. */
  readonly trusted: AddressRanges | undefined;
  readonly random: Random;
}

/** Addresses remembered for whether they are trusted: asking the ranges takes longer than all else here. */
const MAX_REMEMBERED = 1000;
/** Proxies looked behind, one after the other. */
const MAX_HOPS = 100;

export class ForwardingFields {
  readonly #trusted: AddressRanges | undefined;
  readonly #ids: RequestIds;
  readonly #known = new Map<string, boolean>();

  constructor({ trusted, random }: ForwardingOptions) {
    this.#trusted = trusted;
    this.#ids = new RequestIds(random);
  }

  /**
   * What a caller that is not trusted has written is removed. Sets X-Forwarded-For, -Proto and -Host and X-Request-Id.
   * `host`: as the caller wrote it. Answers the origin by the word of trusted proxies.
   */
  rewrite(headers: Headers, caller: Caller, host: string): RequestOrigin {
    const address = plainAddress(caller.remoteAddress);
    if (this.#isTrusted(address)) return this.#continue(headers, caller, address, host);
    if (hasAny(headers, isForwarding)) headers.removeIf(isForwarding);
    headers.addKnown('X-Forwarded-For', 'x-forwarded-for', address);
    headers.addKnown('X-Forwarded-Proto', 'x-forwarded-proto', caller.secure ? 'https' : 'http');
    headers.addKnown('X-Forwarded-Host', 'x-forwarded-host', host);
    headers.addKnown('X-Request-Id', 'x-request-id', this.#ids.next());
    return caller;
  }

  #continue(headers: Headers, caller: Caller, address: string, host: string): RequestOrigin {
    // Nobody writes those in earnest, so proxies let them pass.
    if (hasAny(headers, isLookalike)) headers.removeIf(isLookalike);
    const way = headers.getAll('x-forwarded-for').join(', ');
    headers.set('X-Forwarded-For', way === '' ? address : `${way}, ${address}`);
    const secure = statedSecure(headers) ?? caller.secure;
    headers.set('X-Forwarded-Proto', secure ? 'https' : 'http');
    const hosts = headers.getAll('x-forwarded-host');
    if (hosts.length !== 1 || !HOST.test(hosts[0] as string)) headers.set('X-Forwarded-Host', host);
    const ids = headers.getAll('x-request-id');
    if (ids.length !== 1 || !REQUEST_ID.test(ids[0] as string)) headers.set('X-Request-Id', this.#ids.next());
    return { remoteAddress: this.#clientOf(way, address), secure };
  }

  /**
   * The last address of the way that is no trusted proxy, the first when all are. What is no address (`unknown`, `_hidden`)
   * ends the search: who wrote it is the last that is known.
   */
  #clientOf(way: string, address: string): string {
    let client = address;
    let end = way.length;
    for (let hop = 0; hop < MAX_HOPS && end > 0; hop++) {
      const comma = way.lastIndexOf(',', end - 1);
      const stated = statedAddress(way.slice(comma + 1, end).trim());
      if (stated === undefined) break;
      client = stated;
      if (!this.#isTrusted(stated)) break;
      end = comma;
    }
    return client;
  }

  #isTrusted(address: string): boolean {
    if (this.#trusted === undefined) return false;
    let known = this.#known.get(address);
    if (known === undefined) {
      known = this.#trusted.has(address);
      if (this.#known.size >= MAX_REMEMBERED) this.#known.delete(this.#known.keys().next().value as string);
      this.#known.set(address, known);
    }
    return known;
  }
}

/** A host with a port, as a Host may be. */
const HOST = /^(?:[A-Za-z0-9._~-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?$/;
const REQUEST_ID = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/;

/** The proxy next to us counts, where several have written theirs. */
function statedSecure(headers: Headers): boolean | undefined {
  const stated = headers.getAll('x-forwarded-proto').at(-1);
  switch (
    stated
      ?.slice(stated.lastIndexOf(',') + 1)
      .trim()
      .toLowerCase()
  ) {
    case 'https':
    case 'wss':
      return true;
    case 'http':
    case 'ws':
      return false;
    default:
      return undefined;
  }
}

/** `1.2.3.4`, `1.2.3.4:5`, `[2001:db8::1]` or `[2001:db8::1]:5`, maybe in quotes. */
const WITH_PORT = /^"?(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?"?$/;
const MAX_ENTRY = 64;

function statedAddress(entry: string): string | undefined {
  if (entry.length > MAX_ENTRY) return undefined;
  if (isIP(entry) !== 0) return entry.includes('%') ? undefined : plainAddress(entry);
  const [, bracketed, ipv4] = WITH_PORT.exec(entry) ?? [];
  const address = bracketed ?? ipv4;
  return address !== undefined && isIP(address) !== 0 ? plainAddress(address) : undefined;
}

const MAPPED = '::ffff:';

/** As an IPv4 caller is known to everyone, though a listener on `::` sees it as one of IPv6. */
function plainAddress(address: string): string {
  if (!address.startsWith(MAPPED) || !address.includes('.')) return address;
  return address.slice(MAPPED.length);
}

/** What upstreams take for the word of a proxy in front of them; the latter ones replace the path or host that was checked. */
const FORWARDING: ReadonlySet<string> = new Set([
  'forwarded',
  'x-forwarded',
  'x-real-ip',
  'x-request-id',
  'x-client-ip',
  'x-cluster-client-ip',
  'true-client-ip',
  'front-end-https',
  'x-scheme',
  'x-url-scheme',
  'x-host',
  'x-http-host-override',
  'x-original-host',
  'x-original-url',
  'x-original-uri',
  'x-rewrite-url',
]);
const FORWARDING_PREFIX = 'x-forwarded-';

function isForwarding(lowerName: string): boolean {
  if (!mayBeForwarding(lowerName)) return false;
  const name = asVariable(lowerName);
  return FORWARDING.has(name) || name.startsWith(FORWARDING_PREFIX);
}

/** `x_forwarded_for`, which CGI and its heirs read as `x-forwarded-for` (RFC 3875 §4.1.18). */
function isLookalike(lowerName: string): boolean {
  return mayBeForwarding(lowerName) && asVariable(lowerName) !== lowerName && isForwarding(lowerName);
}

function mayBeForwarding(lowerName: string): boolean {
  const first = lowerName.charCodeAt(0);
  return first === 120 /* x */ || first === 102 /* f */ || first === 116 /* t */;
}

function asVariable(lowerName: string): string {
  return lowerName.replace(/[^a-z0-9]/g, '-');
}

function hasAny({ lower }: Headers, test: (lowerName: string) => boolean): boolean {
  for (let i = 0; i < lower.length; i++) if (test(lower[i] as string)) return true;
  return false;
}
