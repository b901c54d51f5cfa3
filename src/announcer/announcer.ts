// Announcer: the contract of what tells a registry that a listener of this gateway is there.

import type { Clock } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import type { MetricsScope } from '../base/metrics.js';
import type { Path } from '../base/path.js';
import type { Random } from '../base/random.js';

export interface Announcer extends Closable {
  /** With the leading `#`: `/#/io.l5d.serversets`. */
  readonly prefix: Path;

  /**
   * Registers `address` under `name`, which is what follows the prefix in `announce:` (`/discovery/prod/web`), and keeps
   * it registered until the returned thing is closed: through restarts of the registry and the end of its sessions.
   * Returns at once; a registry that does not answer is asked again and again. `close` resolves when it is taken back, or
   * after a short while when the registry does not answer.
   */
  announce(name: Path, address: AnnouncedAddress): Closable;
}

/** Where others reach the listener. */
export interface AnnouncedAddress {
  /** IP address or host name; never a wildcard such as 0.0.0.0. */
  readonly host: string;
  /** 1-65535. */
  readonly port: number;
}

/** What `make` of an announcer kind is given. */
export interface AnnouncerContext {
  readonly prefix: Path;
  readonly clock: Clock;
  readonly random: Random;
  /** `announcer/<prefix>` of the metrics tree. */
  readonly metrics: MetricsScope;
}
