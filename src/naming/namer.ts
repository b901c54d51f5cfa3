// Namer: the contract of everything that turns a path into addresses. This file is the namer author's manual.

import type { Activity } from '../base/activity.js';
import type { Bound } from '../base/addr.js';
import type { Clock } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import type { MetricsScope } from '../base/metrics.js';
import type { NameTree } from '../base/name-tree.js';
import type { Path } from '../base/path.js';
import type { Random } from '../base/random.js';
import type { Publications } from './publication.js';

/** A leaf of a namer's answer: a path is looked up again from the start with the same dtab; a bound name ends. */
export type Name = { readonly type: 'path'; readonly path: Path } | { readonly type: 'bound'; readonly bound: Bound };

export interface Namer extends Closable {
  /** With the leading `#`: `/#/io.l5d.fs`. */
  readonly prefix: Path;

  /**
   * Binds `path`, which is what follows the prefix (so for `/#/io.l5d.fs/web/a` it is `/web/a`).
   *
   * Called inside `computed`, as often as any dependency changes, so it must be cheap and must not start anything
   * itself: watches start in the `watched` callback of the leaf signal it returns or reads, and end in `unwatched`.
   * Two calls for one service must share one watch.
   *
   * - no such service: `ok(NEG)`, and a leaf as soon as it exists (the tree changes, the dtab falls through);
   * - a service with no endpoints: a leaf whose addr is bound to an empty set;
   * - not known yet: `pending`, which must not last: after a failed first attempt, `ok(negBecause(error))`, so that
   *   alternatives are tried and the caller is told why when there is none. `failed` ends the search, and is for paths that
   *   make no sense to the namer;
   * - a failure after a good value: keep the last good value.
   *
   * Address changes go through `bound.addr` alone, so that the tree stays the same object while the service exists.
   */
  lookup(path: Path): Activity<NameTree<Name>>;

  /** Bound ids that this namer knows of, for `/bound-names.json`; only for namers that can list at no cost. */
  boundNames?(): readonly Path[];

  /** Hosts that the registry publishes to callers outside; only of namers that were configured to ask for them. */
  readonly published?: Publications | undefined;

  /** Why `published`, which is observed, is not known yet; undefined once it is. Reads no signal. */
  publishedPending?(): string | undefined;

  /** Watch state for `/namer_state/<prefix>.json`: any JSON value, no secrets. */
  state?(): unknown;

  /** Milliseconds since its registry last confirmed the watch that has waited longest; undefined when nothing is watched. */
  ageMs?(): number | undefined;
}

/** What answers paths that begin with `$`, after the dtab and every configured namer had no answer. */
export interface SystemNamer {
  /**
   * `path` is whole, with its leading `$`. Called and answered as `Namer.lookup`, except that an unknown `/$/<name>` is
   * `failed`, not Neg: alternatives after it are not tried.
   */
  lookup(path: Path): Activity<NameTree<Name>>;
}

/** A name `/$/<name>/…` that is bound by asking a registry. */
export interface SystemNamerKind {
  readonly name: string;
  /** Called once, when the first path of that name is looked up. Closed with the gateway. */
  make(context: Pick<NamerContext, 'clock' | 'random' | 'metrics'>): SystemNamer & Closable;
}

/** What `make` of a namer kind is given. */
export interface NamerContext {
  /** With the leading `#`, the configured `prefix:` or the kind's default. */
  readonly prefix: Path;
  /** `namer/<prefix>` of the metrics tree. */
  readonly metrics: MetricsScope;
  readonly clock: Clock;
  readonly random: Random;
}
