// ZkScene: namers on ZooKeeper of one test, the names that they follow, what they log and count; closed when the test ends.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { CuratorNamer } from '../../../namers/zookeeper/curator-namer.js';
import { ServersetsNamer } from '../../../namers/zookeeper/serversets-namer.js';
import type { SessionConfig } from '../../../namers/zookeeper/session.js';
import { ZkLeaderNamer } from '../../../namers/zookeeper/zk-leader-namer.js';
import type { ZkNamerOptions } from '../../../namers/zookeeper/zk-watching.js';
import type { Clock } from '../../../src/base/clock.js';
import type { Closable } from '../../../src/base/closable.js';
import type { Logger } from '../../../src/base/log.js';
import { MetricsScope } from '../../../src/base/metrics.js';
import { parsePath } from '../../../src/base/name-grammar.js';
import { seededRandom } from '../../../src/base/random.js';
import type { Namer } from '../../../src/naming/namer.js';
import { eventually } from '../../support/eventually.js';
import { type FollowedName, followName } from '../../support/follow-name.js';
import { metricValue } from '../../support/metric-value.js';
import { SkippingClock } from '../../support/skipping-clock.js';

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

export class ZkScene {
  /** Of this scene alone, so that its sessions are too. */
  readonly clock: Clock = new SkippingClock();
  readonly metrics = new MetricsScope();
  /** `<level> <message>` */
  readonly logged: string[] = [];
  readonly log: Logger;
  readonly #session: SessionConfig;
  readonly #closables: Closable[] = [];
  readonly #following: FollowedName[] = [];

  constructor(t: TestContext, servers: ServerAddress | readonly ServerAddress[], session: Partial<SessionConfig> = {}) {
    const say =
      (level: string) =>
      (message: string): void => {
        this.logged.push(`${level} ${message}`);
      };
    this.log = { error: say('error'), warn: say('warn'), info: say('info'), debug: say('debug') };
    const addresses = [servers].flat().map(({ host, port }) => ({ host, port }));
    this.#session = { servers: addresses, chroot: '', authInfo: undefined, sessionTimeoutMs: 2000, ...session };
    t.after(() => this.close());
  }

  /** What a namer of this scene is made with; `more` goes first. */
  options(kind: string, more: Partial<ZkNamerOptions> = {}): ZkNamerOptions {
    const { clock, metrics, log } = this;
    return {
      prefix: parsePath(`/#/${kind}`),
      session: this.#session,
      clock,
      random: seededRandom(1),
      metrics,
      log,
      ...more,
    };
  }

  serversets(more: Partial<ZkNamerOptions> = {}): ServersetsNamer {
    return this.own(new ServersetsNamer(this.options('s', more)));
  }

  leader(): ZkLeaderNamer {
    return this.own(new ZkLeaderNamer(this.options('l')));
  }

  curator(basePath = ''): CuratorNamer {
    return this.own(new CuratorNamer({ ...this.options('c'), basePath }));
  }

  own<T extends Closable>(closable: T): T {
    this.#closables.push(closable);
    return closable;
  }

  follow(namer: Namer, path: string): FollowedName {
    const followed = followName(namer, path);
    this.#following.push(followed);
    return followed;
  }

  /** Follows until there is an answer. */
  async first(namer: Namer, path: string): Promise<FollowedName> {
    const followed = this.follow(namer, path);
    await eventually(() => followed.now !== 'pending', { timeoutMs: 8000 });
    return followed;
  }

  /** `service/<name>` of the metrics. */
  count(name: string): number {
    return metricValue(this.metrics, 'service', name);
  }

  get warnings(): readonly string[] {
    return this.logged.filter((line) => line.startsWith('warn '));
  }

  async close(): Promise<void> {
    for (const followed of this.#following) followed.stop();
    await Promise.all(this.#closables.map((closable) => closable.close()));
  }
}

/** Waits until what is followed is `wanted`; its history is in the message when it is not. */
export async function becomes(followed: FollowedName, wanted: string | RegExp, timeoutMs = 5000): Promise<void> {
  const isIt = (): boolean => (typeof wanted === 'string' ? followed.now === wanted : wanted.test(followed.now));
  await eventually(isIt, { timeoutMs }).catch(() =>
    assert.fail(`is not ${wanted} after ${timeoutMs} ms, but was: ${followed.history.join(' → ')}`),
  );
}

/** The content of a `member_` node. */
export function memberJson(port: unknown, more: object = {}): string {
  return JSON.stringify({
    serviceEndpoint: { host: '127.0.0.1', port },
    additionalEndpoints: {},
    status: 'ALIVE',
    ...more,
  });
}
