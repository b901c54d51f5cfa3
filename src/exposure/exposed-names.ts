// Exposed names: a published host in, the names that requests for it get out: by the routes that there are, and by what the
// router's identifiers say to a request like that of a caller.

import { hostMatches } from '../base/host-pattern.js';
import type { Path } from '../base/path.js';
import { Redirect, type RequestOrigin, Route, type ShownRoute, Unidentified } from '../identifier/identifier.js';
import { Headers } from '../service/headers.js';
import type { RequestHead } from '../service/message.js';
import type { ExposedListener } from './exposure.js';

/** A name of a host, or why there is none. */
export type ExposedName = { readonly path: string; readonly by: string | null } & (
  | { readonly name: Path }
  | { readonly name: undefined; readonly why: string }
);

/** What identifiers name requests by. */
export type NamedBy = 'host' | 'path';

/** Hosts that nobody has (RFC 6761 §6.4). */
const UNPUBLISHED_HOST = 'not-published.invalid';
const OTHER_HOST = 'other.invalid';

/** In the place of the label that a wildcard stands for. */
const ANY_LABEL = 'any';

/** Two paths that no route tells apart; the second has more segments than identifiers want. */
const ROOT = '/';
const DEEP = '/not-a-path/of/any/route/that/there/is';

/** From outside, and by TLS, so that no route answers with a redirect to https. */
const ORIGIN: RequestOrigin = { remoteAddress: '192.0.2.1', secure: true };

/**
 * @param routes those of `exposure: external`, of all sources of the listener
 * @param likely hosts that rules speak of, to try in the place of a wildcard
 */
export function exposedNames(
  listener: ExposedListener,
  host: string,
  routes: readonly ShownRoute[],
  likely: readonly string[],
): readonly ExposedName[] {
  const own = routesOf(host, routes).map(({ path, name, by }): ExposedName => {
    return { path, by, name: listener.dstPrefix.concat(name) };
  });
  const samples = host.startsWith('*.')
    ? [`${ANY_LABEL}${host.slice(1)}`, ...likely.filter((one) => hostMatches(host, one))]
    : [host];
  const named = samples.map((sample): ExposedName => {
    return { path: '*', by: sample === host ? null : `Host: ${sample}`, ...identified(listener, sample, ROOT) };
  });
  const known = new Set(own.map(({ name }) => name?.show()));
  // Of a host with routes: what is behind them. Without any, that there is no name is the answer.
  return [...own, ...named.filter(({ name }) => (name ? !known.has(name.show()) : own.length === 0))];
}

/** Whether the host says nothing and the path says all, as with `io.l5d.path`. */
export function namedBy(listener: ExposedListener): NamedBy {
  const nameOf = (host: string, path: string): string | undefined => identified(listener, host, path).name?.show();
  const deep = nameOf(UNPUBLISHED_HOST, DEEP);
  const isPath = deep !== nameOf(UNPUBLISHED_HOST, ROOT) && deep === nameOf(OTHER_HOST, DEEP);
  return deep !== undefined && isPath ? 'path' : 'host';
}

/** What a host that is published tomorrow will be called; undefined where identifiers have no name for hosts that they do not know. */
export function nameOfUnpublished(listener: ExposedListener): Path | undefined {
  return identified(listener, UNPUBLISHED_HOST, ROOT).name;
}

/** The most specific that there are: a route for any host is for those that no other route names. */
function routesOf(host: string, routes: readonly ShownRoute[]): readonly ShownRoute[] {
  const exact = routes.filter((route) => route.host === host);
  if (exact.length > 0) return exact;
  const wildcard = routes.filter((route) => route.host !== undefined && hostMatches(route.host, host));
  return wildcard.length > 0 ? wildcard : routes.filter((route) => route.host === undefined);
}

type Identified = { readonly name: Path } | { readonly name: undefined; readonly why: string };

function identified({ identify, protocol }: ExposedListener, host: string, target: string): Identified {
  try {
    const answer = identify(sampleRequest(host, target, protocol === 'h2' ? '2' : '1.1'), ORIGIN);
    if (answer instanceof Unidentified) return { name: undefined, why: answer.reason };
    if (answer instanceof Redirect) return { name: undefined, why: `redirected to ${answer.location}` };
    return { name: answer instanceof Route ? answer.name : answer };
  } catch (error) {
    return { name: undefined, why: (error as Error).message };
  }
}

function sampleRequest(host: string, target: string, version: RequestHead['version']): RequestHead {
  return {
    method: 'GET',
    target,
    version,
    absoluteScheme: undefined,
    headers: Headers.from([['Host', host]]),
    contentLength: 0,
    hasBody: false,
    upgrade: undefined,
    expectContinue: false,
    acceptsTrailers: false,
  };
}
