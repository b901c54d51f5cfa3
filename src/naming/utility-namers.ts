// Utility namers: `/$/io.buoyant.*` names that turn one path into another, to be looked up again.
//
// They are Linkerd's helpers for dtabs that route by host and method, and as coarse as there: a host is any element made
// of letters, digits and `.:_-`. An output with an empty element throws `RangeError`, as Finagle's `Path` does.

import { leaf, type NameTree, NEG } from '../base/name-tree.js';
import { Path } from '../base/path.js';

/** `path` is what follows `/$/<name>`. Neg when it has not the shape that the namer wants. */
export type UtilityNamer = (path: Path) => NameTree<Path>;

/** By name, as it follows `/$/`. */
export const utilityNamers: ReadonlyMap<string, UtilityNamer> = new Map([
  ['io.buoyant.hostportPfx', withPrefix(hostPort(([host, port]) => [host, port]))],
  ['io.buoyant.porthostPfx', withPrefix(hostPort(([host, port]) => [port, host]))],
  ['io.buoyant.http.anyMethod', rewriting(1, dropIf(isMethod))],
  ['io.buoyant.http.anyMethodPfx', withPrefix(dropIf(isMethod))],
  ['io.buoyant.http.anyHost', rewriting(1, dropIf(isHost))],
  ['io.buoyant.http.anyHostPfx', withPrefix(dropIf(isHost))],
  ['io.buoyant.http.subdomainOf', rewriting(2, ([domain, host]) => subdomain(domain, host))],
  ['io.buoyant.http.subdomainOfPfx', rewriting(3, subdomainAfterPrefix)],
  ['io.buoyant.http.domainToPath', rewriting(1, domainLabels)],
  ['io.buoyant.http.domainToPathPfx', withPrefix(domainLabels)],
]);

type Elements = readonly (string | undefined)[];

/** What becomes of the first elements of a path; undefined when they have the wrong shape. */
type Rewrite = (head: Elements) => readonly string[] | undefined;

/** Rewrites the first `count` elements and keeps the rest. */
function rewriting(count: number, rewrite: Rewrite): UtilityNamer {
  return (path) => {
    if (path.size < count) return NEG;
    const head = rewrite(path.elements.slice(0, count));
    return head === undefined ? NEG : leaf(new Path([...head, ...path.elements.slice(count)]));
  };
}

/** Keeps the first element, rewrites the second one. */
function withPrefix(rewrite: Rewrite): UtilityNamer {
  return rewriting(2, ([prefix, ...head]) => {
    const rewritten = rewrite(head);
    return rewritten === undefined || prefix === undefined ? undefined : [prefix, ...rewritten];
  });
}

/** A port number or name: a label of RFC 1123. */
const PORT = /^[a-z0-9][-a-z0-9]{0,62}$/;

function hostPort(order: (parts: readonly [host: string, port: string]) => readonly string[]): Rewrite {
  return ([element = '']) => {
    const [host, port, ...more] = element.split(':');
    if (host === undefined || port === undefined || more.length > 0 || !PORT.test(port)) return undefined;
    return order([host, port]);
  };
}

function dropIf(matches: (element: string) => boolean): Rewrite {
  return ([element = '']) => (matches(element) ? [] : undefined);
}

function isMethod(element: string): boolean {
  return /^[A-Z]+$/.test(element);
}

function isHost(element: string): boolean {
  return /^[A-Za-z0-9.:_-]+$/.test(element);
}

function subdomain(domain = '', host = ''): readonly string[] | undefined {
  if (!isHost(domain) || !isHost(host)) return undefined;
  const colon = host.indexOf(':');
  const name = colon > 0 ? host.slice(0, colon) : host;
  const suffix = `.${domain}`;
  return name.endsWith(suffix) && name.length > suffix.length ? [name.slice(0, -suffix.length)] : undefined;
}

function subdomainAfterPrefix([domain, prefix = '', host]: Elements): readonly string[] | undefined {
  const sub = subdomain(domain, host);
  return sub && [prefix, ...sub];
}

/** The labels of a host, last one first. Its port, if any, stays in the top label; trailing dots vanish. */
function domainLabels([host = '']: Elements): readonly string[] | undefined {
  if (!isHost(host)) return undefined;
  const labels = host.split('.').reverse();
  const last = labels.findIndex((label) => label !== '');
  return last === -1 ? [] : labels.slice(last);
}
