// The Forwarded header (RFC 7239): who sent the request and who took it, as a server's `addForwardedHeader` asks for.

import { isIPv4, isIPv6 } from 'node:net';
import type { Random } from '../base/random.js';
import type { Caller } from '../service/exchange.js';
import type { Headers } from '../service/headers.js';

/** How one end is called in the header. */
export type LabelerConfig =
  | { readonly kind: 'ip' | 'ip:port' }
  /** A random word, new for each request. */
  | { readonly kind: 'requestRandom' }
  /** A random word, one per connection of the caller. */
  | { readonly kind: 'connectionRandom' }
  /** The router's label. */
  | { readonly kind: 'router' }
  | { readonly kind: 'static'; readonly label: string };

/** `addForwardedHeader` of a server: `by` is this gateway, `for` the caller. */
export interface ForwardedConfig {
  readonly by: LabelerConfig;
  readonly for: LabelerConfig;
}

export interface ForwardedContext {
  readonly routerLabel: string;
  /** Parameter that gets the Host: `host` (RFC 7239), but `authority` in Linkerd's h2 routers. */
  readonly hostParameter: 'host' | 'authority';
  readonly random: Random;
}

/**
 * Appends one Forwarded line; those that came with the request stay. `host` is the Host the caller sent, `scheme` that
 * of an absolute-form target. Called once a request, not once an attempt.
 */
export type AddForwarded = (
  headers: Headers,
  caller: Caller,
  host: string | undefined,
  scheme: string | undefined,
) => void;

export function makeForwarded(config: ForwardedConfig, context: ForwardedContext): AddForwarded {
  const by = makeLabeler(config.by, context);
  const from = makeLabeler(config.for, context);
  return (headers, caller, host, scheme) => {
    let value = `by=${by(caller.localAddress, caller.localPort, caller)};for=${from(caller.remoteAddress, caller.remotePort, caller)}`;
    if (host) value += `;${context.hostParameter}=${tokenOrQuoted(host)}`;
    if (scheme) value += `;proto=${scheme}`;
    headers.add('Forwarded', value);
  };
}

/** The label of one end of the caller's connection, quoted where it has to be. */
type Labeler = (address: string, port: number, caller: Caller) => string;

function makeLabeler(config: LabelerConfig, { routerLabel, random }: ForwardedContext): Labeler {
  switch (config.kind) {
    case 'ip':
      return (address) => {
        const node = nodeName(address);
        return node.startsWith('[') ? `"${node}"` : node;
      };
    case 'ip:port':
      return (address, port) => {
        const node = nodeName(address);
        return node === UNKNOWN ? UNKNOWN : `"${node}:${port}"`;
      };
    case 'requestRandom':
      return () => randomLabel(Math.floor(random() * LABELS));
    case 'connectionRandom': {
      const salt = Math.floor(random() * 2 ** 32);
      return (_address, _port, caller) => randomLabel(scramble(caller.connectionId, salt));
    }
    case 'router':
      return constantLabel(routerLabel);
    case 'static':
      return constantLabel(config.label);
    default:
      return config satisfies never;
  }
}

const UNKNOWN = 'unknown';

/** RFC 7239 §6 `nodename`: an IPv6 address is in brackets. A listener's wildcard names nobody. */
function nodeName(address: string): string {
  if (isIPv4(address)) return address === '0.0.0.0' ? UNKNOWN : address;
  if (!isIPv6(address) || address === '::') return UNKNOWN;
  return `[${address}]`;
}

const ALPHANUMERICS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const LABEL_LENGTH = 6;
const LABELS = ALPHANUMERICS.length ** LABEL_LENGTH;

/** An obfuscated identifier (RFC 7239 §6.3): `_` and six alphanumerics, the digits of `n`, which is below LABELS. */
function randomLabel(n: number): string {
  let label = '_';
  let rest = n;
  for (let i = 0; i < LABEL_LENGTH; i++) {
    label += ALPHANUMERICS[rest % ALPHANUMERICS.length] as string;
    rest = Math.floor(rest / ALPHANUMERICS.length);
  }
  return label;
}

/**
 * One to one on 32 bits (murmur3's finalizer), so that two connections never share a label and no label need be kept
 * for as long as its connection lives.
 */
function scramble(connectionId: number, salt: number): number {
  let x = (connectionId ^ salt) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

function constantLabel(text: string): Labeler {
  const label = tokenOrQuoted(text.startsWith('_') ? text : `_${text}`);
  return () => label;
}

/** RFC 9110 §5.6.2. A host with a port is no token: the colon has to be quoted. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

function tokenOrQuoted(value: string): string {
  return TOKEN.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`;
}
