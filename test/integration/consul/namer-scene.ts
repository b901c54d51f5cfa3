// NamerScene: an io.l5d.consul namer of one test, the names that it follows, what it logs and counts; closed when the test ends.

import type { TestContext } from 'node:test';
import { effect } from '@preact/signals-core';
import { HEALTH_STATUSES } from '../../../namers/consul/health.js';
import { ConsulNamer, type ConsulNamerOptions } from '../../../namers/consul/namer.js';
import type { State } from '../../../src/base/activity.js';
import { type Addr, showAddress } from '../../../src/base/addr.js';
import { realClock } from '../../../src/base/clock.js';
import type { Logger } from '../../../src/base/log.js';
import { MetricsScope } from '../../../src/base/metrics.js';
import { parsePath } from '../../../src/base/name-grammar.js';
import type { NameTree } from '../../../src/base/name-tree.js';
import type { Path } from '../../../src/base/path.js';
import { seededRandom } from '../../../src/base/random.js';
import type { Name } from '../../../src/naming/namer.js';
import { eventually } from '../../support/eventually.js';
import { metricValue } from '../../support/metric-value.js';

/** Another option than the default of the configuration is what the test is about. */
const DEFAULTS = {
  prefix: parsePath('/#/io.l5d.consul'),
  includeTag: false,
  useHealthCheck: false,
  healthStatuses: [HEALTH_STATUSES[0]],
  setHost: false,
  consistencyMode: 'default',
  preferServiceAddress: true,
  weights: [],
  transferMetadata: false,
  clock: realClock,
} as const;

/** Of an agent, or of what stands before it. */
export interface ConsulAddress {
  readonly host: string;
  readonly port: number;
}

/** What following a name has shown. */
export interface FollowedName {
  /**
   * `pending`, `failed <message>`, `neg`, `neg because <message>`, or `/id residual: host:port*weight {metadata} …` with what
   * is not the default, and `neg`, `pending` or `failed <message>` in the place of addresses.
   */
  readonly now: string;
  /** Every `now` so far. */
  readonly history: readonly string[];
  /** How many different leaves there were. */
  readonly leaves: number;
  /** Waits until `now` is this. */
  becomes(wanted: string | RegExp, timeoutMs?: number): Promise<void>;
  stop(): void;
}

export class NamerScene {
  readonly namer: ConsulNamer;
  readonly metrics = new MetricsScope();
  /** `<level> <message>` */
  readonly logged: string[] = [];
  readonly #following: FollowedName[] = [];

  constructor(t: TestContext, { host, port }: ConsulAddress, options: Partial<ConsulNamerOptions> = {}) {
    const say =
      (level: string) =>
      (message: string): void => {
        this.logged.push(`${level} ${message}`);
      };
    const log: Logger = { error: say('error'), warn: say('warn'), info: say('info'), debug: say('debug') };
    const random = seededRandom(1);
    this.namer = new ConsulNamer({ ...DEFAULTS, host, port, random, metrics: this.metrics, log, ...options });
    t.after(() => this.close());
  }

  /** `service/<name>` of its metrics. */
  count(name: string): number {
    return metricValue(this.metrics, 'service', name);
  }

  get warnings(): readonly string[] {
    return this.logged.filter((line) => line.startsWith('warn '));
  }

  follow(path: string | Path): FollowedName {
    const followed = follow(this.namer.lookup(typeof path === 'string' ? parsePath(path) : path));
    this.#following.push(followed);
    return followed;
  }

  /** The first answer for the path that is not pending. */
  async answer(path: string | Path): Promise<string> {
    const followed = this.follow(path);
    await eventually(() => !followed.now.endsWith('pending'), { timeoutMs: 8000 });
    return followed.now;
  }

  async close(): Promise<void> {
    for (const followed of this.#following) followed.stop();
    await this.namer.close();
  }
}

function follow(tree: ReturnType<ConsulNamer['lookup']>): FollowedName {
  const history: string[] = [];
  const leaves = new Set<unknown>();
  const stop = effect(() => {
    const now = tree.value;
    if (now.state === 'ok' && now.value.type === 'leaf') leaves.add(now.value);
    history.push(showState(now));
  });
  return {
    get now() {
      return history.at(-1) ?? '';
    },
    history,
    get leaves() {
      return leaves.size;
    },
    becomes(wanted, timeoutMs = 5000) {
      const isIt = (now: string): boolean => (typeof wanted === 'string' ? now === wanted : wanted.test(now));
      return eventually(() => isIt(this.now), { timeoutMs }).catch(() => {
        throw new Error(`is not ${wanted} after ${timeoutMs} ms, but was: ${history.join(' → ')}`);
      });
    },
    stop,
  };
}

function showState(state: State<NameTree<Name>>): string {
  if (state.state === 'pending') return 'pending';
  if (state.state === 'failed') return `failed ${state.error.message}`;
  const tree = state.value;
  if (tree.type === 'neg' && tree.reasons)
    return `neg because ${tree.reasons.map(({ message }) => message).join(', ')}`;
  if (tree.type !== 'leaf' || tree.value.type !== 'bound') return tree.type;
  const { id, residual, addr } = tree.value.bound;
  return `${id.show()} ${residual.show()}: ${showAddr(addr.value)}`;
}

function showAddr(addr: Addr): string {
  if (addr.state === 'failed') return `failed ${addr.error.message}`;
  if (addr.state !== 'bound') return addr.state;
  const shown = addr.addresses.map((address) => {
    const { weight, meta } = address;
    const more = Object.keys(meta).length === 0 ? '' : ` ${JSON.stringify(meta)}`;
    return `${showAddress(address)}${weight === 1 ? '' : `*${weight}`}${more}`;
  });
  return shown.sort().join(' ');
}
