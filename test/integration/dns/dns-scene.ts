// DnsScene: what one test of io.l5d.dnssrv opens - a name server, a namer that asks it - closed when the test ends.

import type { TestContext } from 'node:test';
import { DnsSrvNamer, type DnsSrvNamerOptions } from '../../../namers/dns/namer.js';
import type { Logger } from '../../../src/base/log.js';
import { MetricsScope } from '../../../src/base/metrics.js';
import { parsePath } from '../../../src/base/name-grammar.js';
import { seededRandom } from '../../../src/base/random.js';
import { FakeDnsServer } from '../../support/fake-dns-server.js';
import { FakeHostResolver } from '../../support/fake-host-resolver.js';
import { type FollowedName, followName } from '../../support/follow-name.js';
import { metricValue } from '../../support/metric-value.js';
import { SkippingClock } from '../../support/skipping-clock.js';

export class DnsScene {
  readonly server: FakeDnsServer;
  /** Skip time to make the namer ask again. */
  readonly clock = new SkippingClock();
  readonly resolver = new FakeHostResolver();
  readonly metrics = new MetricsScope();
  /** `<level> <message>`; debug is left out. */
  readonly logged: string[] = [];
  readonly namer: DnsSrvNamer;
  readonly #followed: FollowedName[] = [];

  private constructor(server: FakeDnsServer, options: Partial<DnsSrvNamerOptions>) {
    this.server = server;
    const say =
      (level: string) =>
      (message: string): void => {
        this.logged.push(`${level} ${message}`);
      };
    const log: Logger = { error: say('error'), warn: say('warn'), info: say('info'), debug: () => {} };
    this.namer = new DnsSrvNamer({
      prefix: parsePath('/#/io.l5d.dnssrv'),
      refreshIntervalSeconds: 5,
      dnsHosts: [{ host: '127.0.0.1', port: server.port }],
      usePriority: false,
      useWeight: false,
      clock: this.clock,
      random: seededRandom(1),
      metrics: this.metrics,
      resolver: this.resolver,
      // No search list of the machine that the test runs on.
      resolvConf: '/dev/null',
      log,
      ...options,
    });
  }

  static async start(t: TestContext, options: Partial<DnsSrvNamerOptions> = {}): Promise<DnsScene> {
    const scene = new DnsScene(await FakeDnsServer.start(), options);
    t.after(async () => {
      for (const followed of scene.#followed) followed.stop();
      await scene.namer.close();
      await scene.server.close();
    });
    return scene;
  }

  follow(path: string): FollowedName {
    const followed = followName(this.namer, path);
    this.#followed.push(followed);
    return followed;
  }

  metric(name: string): number {
    return metricValue(this.metrics, name);
  }

  garbage(): number {
    return metricValue(this.metrics, 'service', 'garbage');
  }

  /** Types and names that were asked for, in order. */
  asked(): string[] {
    return this.server.queries.map(({ type, name }) => `${type} ${name}`);
  }

  warnings(): string[] {
    return this.logged.filter((line) => line.startsWith('warn'));
  }
}
