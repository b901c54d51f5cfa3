// exposure: for whom a listener is, callers inside or anyone, and the keys of those that are for anyone.

import { z } from 'zod';
import { isAddressRange } from '../../src/base/address-ranges.js';
import { parseHostPattern } from '../../src/base/host-pattern.js';
import { type Path, pathFromText } from '../../src/base/path.js';
import { isMap } from './config-error.js';
import { path, textThat } from './scalars.js';

/** Whole defaults of a key are one word in its list: who adds a range must not lose them by it. */
const DEFAULTS = 'default';

/**
 * Link-local addresses, where clouds serve their metadata and credentials, and those that they use beside; and the addresses
 * that stand for "this host" and are the gateway's own when they are connected to.
 */
export const DEFAULT_DENIED: readonly string[] = [
  '0.0.0.0/8',
  '169.254.0.0/16',
  // Alibaba, Oracle, Azure.
  '100.100.100.200',
  '192.0.0.192',
  '168.63.129.16',
  '::',
  'fe80::/10',
  // AWS (instance metadata, and the credentials of EKS pods), Google, Scaleway.
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd20:ce::254',
  'fd00:42::42',
];

const DEFAULT_PREFIX = pathFromText('ext');

export function exposureKeys() {
  return {
    exposure: z
      .enum(['internal', 'external'])
      .default('internal')
      .describe(
        'Who the callers are. external: anyone; then only published hosts are taken, requests are named under dstPrefix, and ' +
          'what callers write is not trusted (docs/exposure.md). New. Default internal.',
      ),
    externalHosts: z
      .array(textThat('a host such as shop.example.com or "*.example.com", without a port', isHost))
      .exactOptional()
      .describe('Hosts to publish here, beside those that registries and routes publish. External. Default: none.'),
    dstPrefix: path()
      .exactOptional()
      .describe("What names begin with here, in place of the router's dstPrefix. External. Default /ext."),
    trustedProxies: z
      .array(textThat(RANGE, isAddressRange))
      .exactOptional()
      .describe('Callers whose Forwarded and X-Forwarded-* headers are believed. External. Default: none.'),
    denyAddresses: z
      .array(textThat(`${RANGE} or ${DEFAULTS}`, (range) => range === DEFAULTS || isAddressRange(range)))
      .exactOptional()
      .describe(
        'Addresses that are never reached from here, whatever names are bound to; the word default stands for the defaults. ' +
          'External. Default: link-local addresses, cloud metadata, and those that mean "this host".',
      ),
    encodedSlashes: z
      .enum(['refuse', 'keep', 'decode'])
      .exactOptional()
      .describe(
        'What becomes of %2F, %5C and \\ in paths: 400 for the request, kept as they are, or slashes. External. Default refuse.',
      ),
  };
}

const RANGE = 'a range of addresses such as 10.0.0.0/8 or fe80::/10';

/** IPv6 literals are in brackets, as in a Host. */
function isHost(text: string): boolean {
  return parseHostPattern(text) !== undefined || isIpv6Host(text);
}

function isIpv6Host(text: string): boolean {
  return text.startsWith('[') && text.endsWith(']') && isAddressRange(text.slice(1, -1)) && !text.includes('/');
}

const EXTERNAL_KEYS = ['externalHosts', 'dstPrefix', 'trustedProxies', 'denyAddresses', 'encodedSlashes'] as const;

/** Not run where the value of a key is wrong by itself. */
export function checkExposure(server: unknown, context: z.RefinementCtx): void {
  if (!isMap(server)) return;
  const refuse = (key: string, message: string): void => {
    context.addIssue({ code: 'custom', path: [key], message });
  };
  if (server.exposure !== 'external') {
    for (const key of EXTERNAL_KEYS) {
      if (server[key] !== undefined)
        refuse(key, `${key} has no effect on an internal listener: set exposure: external`);
    }
  } else if (server.proxy === true) {
    refuse('proxy', 'proxy: true on a listener of exposure: external would be a forward proxy for anyone');
  }
}

/** The keys of a listener of `exposure: external`, with defaults. */
export interface ExternalKeys {
  /** In lower case and without a final dot. */
  readonly externalHosts: readonly string[];
  readonly dstPrefix: Path;
  readonly trustedProxies: readonly string[];
  readonly denyAddresses: readonly string[];
  readonly encodedSlashes: 'refuse' | 'keep' | 'decode';
}

/** Undefined for an internal listener. */
export function externalKeys(server: Partial<ExternalKeys> & { readonly exposure: string }): ExternalKeys | undefined {
  if (server.exposure !== 'external') return undefined;
  const { externalHosts = [], trustedProxies = [], denyAddresses = [DEFAULTS] } = server;
  return {
    externalHosts: externalHosts.map((host) => parseHostPattern(host) ?? host.toLowerCase()),
    dstPrefix: server.dstPrefix ?? DEFAULT_PREFIX,
    trustedProxies,
    denyAddresses: denyAddresses.flatMap((range) => (range === DEFAULTS ? DEFAULT_DENIED : [range])),
    encodedSlashes: server.encodedSlashes ?? 'refuse',
  };
}
