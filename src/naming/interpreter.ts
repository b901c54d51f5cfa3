// Interpreter: the contract of what turns a path and a request-local dtab into a tree of bound names.

import type { Activity } from '../base/activity.js';
import type { Bound } from '../base/addr.js';
import type { Clock } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import type { Dtab } from '../base/dtab.js';
import type { MetricsScope } from '../base/metrics.js';
import type { NameTree } from '../base/name-tree.js';
import type { Path } from '../base/path.js';
import type { Random } from '../base/random.js';
import type { DelegateTree } from './delegate-tree.js';
import type { Namer, SystemNamer } from './namer.js';

export interface Interpreter extends Closable {
  /**
   * The bound tree of `path`, live: leaves, unions and Neg/Fail/Empty, never alternatives. The
   * effective dtab is the interpreter's own ++ `localDtab`. Calling it starts nothing; observing the result does.
   */
  bind(localDtab: Dtab, path: Path): Activity<NameTree<Bound>>;

  /**
   * Every alternative of the way that `bind` takes, for people. `dtab`, when given, replaces the
   * interpreter's own. Undefined on an interpreter that cannot tell (a remote one).
   */
  delegate?(path: Path, dtab: Dtab | undefined): Activity<DelegateTree>;

  /** Watch state for `/<router>/interpreter_state/<kind>.json`: any JSON value, no secrets. */
  state?(): unknown;

  /** As `Namer.ageMs`, of the watch that its dtab comes from. */
  ageMs?(): number | undefined;
}

/** What `make` of an interpreter kind is given. */
export interface InterpreterContext {
  /** `dtab:` of the router. */
  readonly dtab: Dtab;
  /** The namers of the file, in its order: the last one listed is asked first. Closed by who made them. */
  readonly namers: readonly Namer[];
  readonly system: SystemNamer;
  /** `rt/<router>/interpreter/<kind>` of the metrics tree. */
  readonly metrics: MetricsScope;
  readonly clock: Clock;
  readonly random: Random;
}
