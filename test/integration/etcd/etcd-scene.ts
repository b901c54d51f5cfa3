// EtcdScene: an io.l5d.etcd namer of a test's own, what it answered, logged and counted, and its end with the test.

import type { TestContext } from 'node:test';
import { computed } from '@preact/signals-core';
import { EtcdNamer, type EtcdNamerOptions } from '../../../namers/etcd/namer.js';
import { observe } from '../../../src/base/activity.js';
import { type Addr, showAddress } from '../../../src/base/addr.js';
import { realClock } from '../../../src/base/clock.js';
import type { Logger } from '../../../src/base/log.js';
import { MetricsScope } from '../../../src/base/metrics.js';
import { Path, pathFromText } from '../../../src/base/path.js';
import { eventually } from '../../support/eventually.js';
import { metricValue } from '../../support/metric-value.js';

/** What an observer of one path saw. */
export interface Followed {
  /** In order: `pending`, `neg`, `neg because …`, `/shop|/residual: 10.0.0.1:80 10.0.0.2:80*2`. */
  readonly seen: readonly string[];
  /** Resolves when the last that it saw is `text`, or matches. */
  sees(text: string | RegExp, timeoutMs?: number): Promise<void>;
  leave(): void;
}

export class EtcdScene {
  readonly namer: EtcdNamer;
  readonly metrics = new MetricsScope();
  /** `warn etcd 127.0.0.1:2379: …`; nothing of level debug. */
  readonly logged: string[] = [];
  readonly #followed: Followed[] = [];

  constructor(t: TestContext, options: Pick<EtcdNamerOptions, 'endpoints'> & Partial<EtcdNamerOptions>) {
    const say = (level: string) => (message: string) => void this.logged.push(`${level} ${message}`);
    const log: Logger = { error: say('error'), warn: say('warn'), info: say('info'), debug: () => {} };
    const prefix = pathFromText('#', 'io.l5d.etcd');
    // The first server is the one that is asked first.
    const random = (): number => 0;
    const own = { prefix, pathPrefix: '/services', clock: realClock, random, metrics: this.metrics, log };
    this.namer = new EtcdNamer({ ...own, ...options });
    t.after(() => this.close());
  }

  follow(...path: readonly string[] | [Path]): Followed {
    const tree = this.namer.lookup(path[0] instanceof Path ? path[0] : pathFromText(...(path as readonly string[])));
    const text = computed(() => {
      const now = tree.value;
      if (now.state !== 'ok') return now.state;
      if (now.value.type === 'neg') {
        const because = now.value.reasons?.map(({ message }) => message).join('; ');
        return because === undefined ? 'neg' : `neg because ${because}`;
      }
      if (now.value.type !== 'leaf' || now.value.value.type !== 'bound') return now.value.type;
      const { id, residual, addr } = now.value.value.bound;
      return `${id.drop(2).show()}${residual.isEmpty ? '' : `|${residual.show()}`}: ${showAddr(addr.value)}`;
    });
    const seen: string[] = [];
    const leave = observe(text, (now) => void seen.push(now));
    const followed: Followed = {
      seen,
      leave,
      sees: (wanted, timeoutMs = 5000) =>
        eventually(
          () => {
            const last = seen.at(-1) ?? '';
            if (typeof wanted === 'string' ? last === wanted : wanted.test(last)) return true;
            throw new Error(`sees ${JSON.stringify(last)}, want ${wanted}`);
          },
          { timeoutMs },
        ),
    };
    this.#followed.push(followed);
    return followed;
  }

  /** Of `service/…`. */
  count(name: string): number {
    return metricValue(this.metrics, 'service', name);
  }

  /** Whether the last that happened was an error, and which. */
  get failing(): string | undefined {
    const watch = this.namer.state().watches['/services/'];
    return watch?.failing ? (watch.lastError ?? '') : undefined;
  }

  async close(): Promise<void> {
    for (const { leave } of this.#followed.splice(0)) leave();
    await this.namer.close();
  }
}

function showAddr(addr: Addr): string {
  if (addr.state !== 'bound') return addr.state;
  return addr.addresses
    .map((address) => `${showAddress(address)}${address.weight === 1 ? '' : `*${address.weight}`}`)
    .join(' ');
}
