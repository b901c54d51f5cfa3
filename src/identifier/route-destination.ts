// Route destination: where the requests of one rule go and what is done to them before, made once; a request in, Route or
// Redirect out.

import { GatewayError } from '../base/errors.js';
import type { Path } from '../base/path.js';
import type { Random } from '../base/random.js';
import { httpsUrl } from '../service/https-url.js';
import type { RequestHead } from '../service/message.js';
import { takesCanary } from './canary.js';
import { Redirect, type RequestOrigin, Route } from './identifier.js';
import { makeRewrite, type Rewrite } from './rewrite.js';
import type { Canary, RouteOptions, RoutePath, RouteRule } from './route-rule.js';

/** What rules and defaults have in common. */
export type Destination = Pick<RouteRule, 'path' | 'backend' | 'options' | 'canary' | 'exposure' | 'origin'>;

export class RouteDestination {
  readonly rule: Destination;
  readonly #main: Branch;
  readonly #canary: Canary | undefined;
  readonly #other: Branch | undefined;

  constructor(rule: Destination, dstPrefix: Path) {
    const { path, canary } = rule;
    this.rule = rule;
    this.#main = new Branch(rule, path, dstPrefix);
    this.#canary = canary;
    this.#other = canary && new Branch(canary, path, dstPrefix);
  }

  get path(): RoutePath {
    return this.rule.path;
  }

  /** Rewrites `request.target`. Throws `forbidden`, and `bad-request` for what cannot be redirected. */
  answer(request: RequestHead, origin: RequestOrigin, random: Random): Route | Redirect {
    const redirect = this.#main.enter(request, origin);
    if (redirect !== undefined) return redirect;
    const canary = this.#canary;
    if (canary === undefined || !takesCanary(canary, request.headers, random)) return this.#main.take(request);
    // After the rule's own conditions, so that nobody gets round them by asking for the canary.
    const other = this.#other as Branch;
    return other.enter(request, origin) ?? other.take(request);
  }
}

/** One of the two ways of a rule with a canary; the only one of a rule without. */
class Branch {
  readonly #route: Route;
  readonly #rewrite: Rewrite | undefined;
  readonly #options: RouteOptions;
  readonly #by: string;

  constructor(
    { backend, options, origin }: Pick<Canary, 'backend' | 'options' | 'origin'>,
    path: RoutePath,
    dstPrefix: Path,
  ) {
    this.#route = new Route(dstPrefix.concat(backend), options.policy);
    this.#rewrite = options.rewriteTarget === undefined ? undefined : makeRewrite(options.rewriteTarget, path);
    this.#options = options;
    this.#by = origin;
  }

  /** Undefined: the request may go on. */
  enter(request: RequestHead, { remoteAddress, secure }: RequestOrigin): Redirect | undefined {
    const { allowedSources, httpsRedirect } = this.#options;
    if (allowedSources !== undefined && !allowedSources.has(remoteAddress)) {
      throw new GatewayError(
        'forbidden',
        `${this.#by} takes no requests from ${remoteAddress}, only from ${allowedSources.shown.join(', ')}`,
      );
    }
    if (!httpsRedirect || secure) return undefined;
    const url = httpsUrl(request, HTTPS_PORT);
    if (url === undefined) {
      throw new GatewayError('bad-request', `${this.#by} redirects to https, which takes a Host and a path`);
    }
    return new Redirect(PERMANENT_REDIRECT, url);
  }

  take(request: RequestHead): Route {
    // Not `*`, nor the host of CONNECT, which are no paths.
    if (this.#rewrite !== undefined && request.target.startsWith('/')) request.target = this.#rewrite(request.target);
    return this.#route;
  }
}

const HTTPS_PORT = 443;
/** Keeps method and body (RFC 9110 §15.4.9). */
const PERMANENT_REDIRECT = 308;
