// Route rules: what a registry of routes (the Ingress resources of Kubernetes) is compiled to; route-table.ts serves them.

import type { AddressRanges } from '../base/address-ranges.js';
import type { Path } from '../base/path.js';
import type { Exposure } from '../naming/publication.js';
import type { RoutePolicy } from './identifier.js';

/** One pattern of one host, and where its requests go. */
export interface RouteRule {
  /** Lower case: `shop.example.com`, or `*.example.com` for exactly one label more. Undefined: any host that no other rule names. */
  readonly host: string | undefined;
  readonly path: RoutePath;
  /** What follows the prefix in the name: `/shop/http/web`. */
  readonly backend: Path;
  readonly canary: Canary | undefined;
  readonly options: RouteOptions;
  /** `external`: callers outside may ask for it, and callers inside as well. */
  readonly exposure: Exposure;
  /** Where it is from, for people: `ingress shop/web`. */
  readonly origin: string;
}

/**
 * `exact`: the very path. `prefix`: by whole elements, so `/a` takes `/a`, `/a/` and `/a/b` but not `/ab`; a slash at its end
 * is not looked at. `regex`: RE2 syntax, must match the whole path.
 */
export type RoutePath =
  | { readonly type: 'exact' | 'prefix'; readonly value: string }
  | { readonly type: 'regex'; readonly value: string; readonly regex: PathRegex };

/** A compiled expression that takes time linear in its input: made by `parsePathRegex`. */
export interface PathRegex {
  /** What every path that matches begins with; may be empty. */
  readonly start: string;
  /** Most steps that a path may take, for each of its characters. */
  readonly steps: number;
  /** Whether the whole of `path` matches. */
  test(path: string): boolean;
  /** The text of each group, that of the whole at 0 and the first at 1, or undefined when the whole of `path` does not match. */
  match(path: string): readonly (string | undefined)[] | undefined;
}

/** Shared by the rules of one resource. */
export interface RouteOptions {
  readonly policy: RoutePolicy;
  /** Replaces the path that matched: `$1` and so on are groups of a `regex`; what follows a `prefix` is kept behind it. */
  readonly rewriteTarget: string | undefined;
  /** Requests that did not come by TLS are sent to the same URL with https. */
  readonly httpsRedirect: boolean;
  /** Other callers get 403. */
  readonly allowedSources: AddressRanges | undefined;
}

/** Some of the requests go elsewhere. Header before cookie before weight, the first that says something decides. */
export interface Canary {
  readonly backend: Path;
  readonly options: RouteOptions;
  /** Lower-case name of a header. `always` sends a request there, `never` does not; with `headerValue` that value alone does. */
  readonly header: string | undefined;
  readonly headerValue: string | undefined;
  /** Name of a cookie with `always` or `never`. */
  readonly cookie: string | undefined;
  /** Share in [0, 1] of the requests that neither decides. */
  readonly weight: number;
  readonly origin: string;
}

/** Where requests go that no rule takes. */
export interface DefaultRoute {
  /**
   * Hosts that it answers for, as those of rules; undefined: for all requests that no rule and no other default takes, but not
   * for `RouteSet.ownedHosts`. One with hosts goes before one without, of two for the same host the first.
   */
  readonly hosts: readonly string[] | undefined;
  readonly backend: Path;
  readonly options: RouteOptions;
  readonly exposure: Exposure;
  readonly origin: string;
}

/** All routes of one source. The order of the rules decides between two of the same host and path: the first is served. */
export interface RouteSet {
  readonly rules: readonly RouteRule[];
  readonly defaults: readonly DefaultRoute[];
  /**
   * Hosts that have an owner, exact or `*.example.com`: what has no host, rule or default, answers for none of them, also where
   * none of the owner's own rules is served. Empty when hosts are shared: then a default without hosts takes what is left of all.
   */
  readonly ownedHosts: readonly string[];
}
