// Built-in namers: paths that begin with `/$` in, bound names, rewritten paths or Neg/Fail/Empty out.

import { signal } from '@preact/signals-core';
import { type Activity, constant, failed } from '../base/activity.js';
import { addrBound, type Bound } from '../base/addr.js';
import type { Clock } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import type { MetricsScope } from '../base/metrics.js';
import { EMPTY, FAIL, leaf, mapNameTree, type NameTree, NEG } from '../base/name-tree.js';
import { type Path, showElement, textFromBytes } from '../base/path.js';
import type { Random } from '../base/random.js';
import type { HostResolver } from './host-resolver.js';
import { type Inet, makeInet } from './inet.js';
import type { Name, SystemNamer, SystemNamerKind } from './namer.js';
import { type UtilityNamer, utilityNamers } from './utility-namers.js';

export interface SystemNamerOptions {
  readonly clock: Clock;
  /** How host names are looked up; closed with the namer. Default: `makeHostResolver`. */
  readonly resolver?: HostResolver;
  /** Names beside the ones here. Default: none. */
  readonly more?: readonly SystemNamerKind[];
  readonly random: Random;
  /** The root of the metrics tree. */
  readonly metrics: MetricsScope;
}

/** `close` ends every lookup of host names that the namer's answers go on with. */
export function makeSystemNamer({
  clock,
  random,
  metrics,
  resolver,
  more = [],
}: SystemNamerOptions): SystemNamer & Closable {
  const inet = makeInet({ clock, resolver });
  const rules = new Map<string, Rule>([
    ['inet', inetRule((host, port) => inet.addresses(host, port))],
    ['fixedinet', inetRule((host, port) => inet.addressesOnce(host, port))],
    ['fail', () => constant(FAIL)],
    ['nil', () => constant(EMPTY)],
    ['io.buoyant.rinet', (path) => reversedInet(path, inet)],
    ['io.buoyant.http.status', httpStatus],
  ]);
  const closables: Closable[] = [inet];
  for (const kind of more) {
    let namer: (SystemNamer & Closable) | undefined;
    rules.set(kind.name, (path) => {
      if (!namer) {
        namer = kind.make({ clock, random, metrics: metrics.scope('namer', `$/${kind.name}`) });
        closables.push(namer);
      }
      return namer.lookup(path);
    });
  }
  for (const [name, rewrite] of utilityNamers) rules.set(name, (path) => rewritten(path, rewrite));
  return {
    lookup: (path) => {
      const [dollar, name] = path.elements;
      if (dollar !== '$' || name === undefined) return constant(NEG);
      return rules.get(name)?.(path) ?? unknownNamer(path);
    },
    close: async () => {
      for (const closable of closables) await closable.close();
    },
  };
}

/** `path` is whole: `/$/<name>/…`. Undefined: to be answered as an unknown namer. */
type Rule = (path: Path) => Activity<NameTree<Name>> | undefined;

/** `/$/inet/<host>/<port>/…`, or `/$/inet/<port>/…` for a port of this host. */
function inetRule(addresses: (host: string, port: number) => Bound['addr']): Rule {
  return (path) => {
    const [, , first, second] = path.elements;
    if (first !== undefined && second !== undefined && DIGITS.test(second)) {
      return bound(path, 4, addresses(textFromBytes(first), Number(second)));
    }
    if (first !== undefined && DIGITS.test(first)) return bound(path, 3, addresses('', Number(first)));
    return undefined;
  };
}

const DIGITS = /^\d{1,10}$/;

/** `/$/io.buoyant.rinet/<port>/<host>/…`. Any port will do, as in Linkerd: a bad one is an error of the addresses. */
function reversedInet(path: Path, inet: Inet): Activity<NameTree<Name>> {
  const [, , port, host] = path.elements;
  if (port === undefined || host === undefined) return constant(NEG);
  return bound(path, 4, inet.addresses(textFromBytes(host), DIGITS.test(port) ? Number(port) : Number.NaN));
}

/** `/$/io.buoyant.http.status/<code>/…`: answers every request with that status. */
function httpStatus(path: Path): Activity<NameTree<Name>> {
  const code = path.elements[2] ?? '';
  if (!/^[1-5]\d\d$/.test(code)) return constant(NEG);
  return bound(path, 3, signal(addrBound([])), { status: Number(code) });
}

/** A leaf whose id is the first `size` elements of `path`, the rest its residual. */
function bound(
  path: Path,
  size: number,
  addr: Bound['addr'],
  synthetic?: { readonly status: number },
): Activity<NameTree<Name>> {
  const name: Bound = { id: path.take(size), residual: path.drop(size), addr, ...(synthetic && { synthetic }) };
  return constant(leaf<Name>({ type: 'bound', bound: name }));
}

function rewritten(path: Path, rewrite: UtilityNamer): Activity<NameTree<Name>> {
  try {
    return constant(mapNameTree(rewrite(path.drop(2)), (to): Name => ({ type: 'path', path: to })));
  } catch (cause) {
    // An output with an empty element: an error, not Neg, so that alternatives after it are not tried.
    return failure(`Cannot rewrite "${path.show()}": ${cause instanceof Error ? cause.message : cause}`, cause);
  }
}

/** An error and not Neg, so that a misspelt name is seen instead of falling through. The text is Finagle's. */
function unknownNamer(path: Path): Activity<NameTree<Name>> {
  return failure(`Unknown namer: ${showElement(path.elements[1] ?? '')} for path: ${path.show()}`);
}

function failure(message: string, cause?: unknown): Activity<NameTree<Name>> {
  return signal(failed(new Error(message, { cause })));
}
