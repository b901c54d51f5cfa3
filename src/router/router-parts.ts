// RouterParts: what a trip needs of its router.

import type { Clock } from '../base/clock.js';
import type { Dtab } from '../base/dtab.js';
import type { LoopWatch } from '../base/loop-watch.js';
import type { Random } from '../base/random.js';
import type { Timeouts } from '../base/timeouts.js';
import type { Identifier } from '../identifier/identifier.js';
import type { AccessLog } from './access-log.js';
import type { Bindings } from './bindings.js';
import type { ViaFields } from './server-stack.js';

export interface RouterParts {
  readonly identify: Identifier;
  readonly bindings: Bindings;
  /** For error messages: the interpreter has its own. */
  readonly baseDtab: Dtab;
  readonly bindingTimeoutMs: number;
  /** What Via gets, by the version that a message came by. */
  readonly via: ViaFields;
  readonly accessLog: AccessLog | undefined;
  readonly clock: Clock;
  /** For time limits, which count what a request has waited to be read. */
  readonly loop: LoopWatch;
  readonly timeouts: Timeouts;
  readonly random: Random;
}
