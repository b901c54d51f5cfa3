// Transformer: the contract of what changes bound names after a namer or an interpreter has bound them.

import type { State } from '../base/activity.js';
import type { Bound } from '../base/addr.js';
import type { Clock } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import type { MetricsScope } from '../base/metrics.js';
import type { NameTree } from '../base/name-tree.js';
import type { Path } from '../base/path.js';
import type { Random } from '../base/random.js';

export interface Transformer extends Closable {
  /** Its kind, as delegations show it: `io.l5d.port`. */
  readonly name: string;

  /**
   * What becomes of one bound leaf. Called inside `computed`, as often as any dependency changes; it may read signals.
   * The answer is a tree of bound leaves without alternatives; Neg, Fail and Empty never come here.
   *
   * A leaf that stays one has the transformer's prefix in front of its id (`/%/io.l5d.port/80/#/io.l5d.fs/web`), and the
   * same `addr` signal for the same `addr` signal: who compares two results sees a change only where there is one.
   */
  transform(bound: Bound): State<NameTree<Bound>>;

  /**
   * What becomes of a whole tree, called in place of `transform` for each of its leaves; for what gives an answer also where
   * there is none, as `io.l5d.const` does. Absent: Neg, Fail and Empty stay what they are.
   */
  transformTree?(tree: NameTree<Bound>): State<NameTree<Bound>>;
}

/** What `make` of a transformer kind is given. */
export interface TransformerContext {
  /** With the leading `%`, the configured `prefix:` or the kind's default: `/%/io.l5d.port`. */
  readonly prefix: Path;
  /**
   * Binds a path by an empty dtab, the namers of the file and the built-in ones, as `io.l5d.replace` does. Not to be called
   * before the first `transform`: namers have transformers themselves.
   */
  bind(path: Path): State<NameTree<Bound>>;
  readonly clock: Clock;
  readonly random: Random;
  /** `transformer/<prefix>` of the metrics tree. */
  readonly metrics: MetricsScope;
}
