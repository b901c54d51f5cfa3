// MarathonScene: what one test of io.l5d.marathon opens - a Marathon, a namer that asks it - closed when the test ends.

import type { TestContext } from 'node:test';
import { MarathonNamer, type MarathonNamerOptions } from '../../../namers/marathon/namer.js';
import type { Logger } from '../../../src/base/log.js';
import { MetricsScope } from '../../../src/base/metrics.js';
import { parsePath } from '../../../src/base/name-grammar.js';
import { seededRandom } from '../../../src/base/random.js';
import { FakeHostResolver } from '../../support/fake-host-resolver.js';
import { FakeMarathon, type FakeMarathonOptions } from '../../support/fake-marathon.js';
import { type FollowedName, followName } from '../../support/follow-name.js';
import { metricValue } from '../../support/metric-value.js';
import { SkippingClock } from '../../support/skipping-clock.js';

export class MarathonScene {
  readonly marathon: FakeMarathon;
  /** Skip time to make the namer ask again. */
  readonly clock = new SkippingClock();
  readonly resolver = new FakeHostResolver();
  readonly metrics = new MetricsScope();
  /** `<level> <message>`; debug is left out. */
  readonly logged: string[] = [];
  readonly namer: MarathonNamer;
  readonly #followed: FollowedName[] = [];

  private constructor(marathon: FakeMarathon, options: Partial<MarathonNamerOptions>) {
    this.marathon = marathon;
    const say =
      (level: string) =>
      (message: string): void => {
        this.logged.push(`${level} ${message}`);
      };
    const log: Logger = { error: say('error'), warn: say('warn'), info: say('info'), debug: () => {} };
    this.namer = new MarathonNamer({
      prefix: parsePath('/#/io.l5d.marathon'),
      host: '127.0.0.1',
      port: marathon.port,
      uriPrefix: '',
      ttlMs: 5000,
      jitterMs: 50,
      useHealthCheck: false,
      clock: this.clock,
      random: seededRandom(1),
      metrics: this.metrics,
      resolver: this.resolver,
      log,
      ...options,
    });
  }

  static async start(
    t: TestContext,
    options: Partial<MarathonNamerOptions> = {},
    server: FakeMarathonOptions = {},
  ): Promise<MarathonScene> {
    const scene = new MarathonScene(await FakeMarathon.start(server), options);
    t.after(async () => {
      for (const followed of scene.#followed) followed.stop();
      await scene.namer.close();
      await scene.marathon.close();
    });
    return scene;
  }

  follow(path: string): FollowedName {
    const followed = followName(this.namer, path);
    this.#followed.push(followed);
    return followed;
  }

  /** `service/<name>` of the namer. */
  metric(name: string): number {
    return metricValue(this.metrics, 'service', name);
  }

  /** `<method> <url>`, in order. */
  asked(): string[] {
    return this.marathon.requests.map(({ method, url }) => `${method} ${url}`);
  }

  warnings(): string[] {
    return this.logged.filter((line) => line.startsWith('warn'));
  }
}
