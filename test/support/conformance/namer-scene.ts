// NamerScene: what one conformance test opens: a whole gateway before the driver's registry, upstreams that answer their own
// name, traffic. All of it is closed when the test ends, and the registry is left reachable.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { captureLog, type LogLine } from '../captured-log.js';
import { eventually } from '../eventually.js';
import type { TestGateway } from '../gateway.js';
import type { DriverEndpoint, NamerDriver } from '../namer-driver.js';
import type { RawResponse } from '../raw-client.js';
import { Scene } from '../scene.js';
import { SkippingClock } from '../skipping-clock.js';
import { Traffic } from '../traffic.js';
import { fixed, type Upstream } from '../upstream.js';

export interface NamedUpstream {
  readonly name: string;
  readonly endpoint: DriverEndpoint;
  readonly upstream: Upstream;
}

export interface GatewayOptions {
  /** Default 1. */
  readonly routers?: number;
  /** `bindingTimeoutMs`. Default: the gateway's own, 10 s. */
  readonly bindingTimeoutMs?: number;
  /** More registries, beside the scene's own. */
  readonly others?: readonly NamerDriver[];
}

/** Names are asked for as `/svc/<alias>`; what an alias stands for is an expression of a dtab. */
export type Aliases = Readonly<Record<string, string>>;

/** One suffix for each service of a file, so that no test sees what another has left in the registry. */
let services = 0;

export class NamerScene {
  readonly t: TestContext;
  readonly driver: NamerDriver;
  readonly clock = new SkippingClock();
  readonly log: readonly LogLine[];
  readonly #scene: Scene;
  readonly #traffics: Traffic[] = [];
  #upstreams = 0;

  constructor(t: TestContext, driver: NamerDriver) {
    this.t = t;
    this.driver = driver;
    this.log = captureLog(t);
    // Before the scene's own: callers leave before the gateway.
    t.after(() => Promise.all(this.#traffics.map((traffic) => traffic.stop())));
    this.#scene = new Scene(t);
  }

  /** A service's name that no other test uses. */
  service(name = 'web'): string {
    services += 1;
    return `${name}-${services}`;
  }

  async upstream(name: string): Promise<NamedUpstream> {
    this.#upstreams += 1;
    const host = this.driver.host?.(this.#upstreams) ?? '127.0.0.1';
    const upstream = await this.#scene.upstream(fixed(200, name), { host });
    return { name, endpoint: { host, port: upstream.port }, upstream };
  }

  gateway(aliases: Aliases, { routers = 1, bindingTimeoutMs, others = [] }: GatewayOptions = {}): Promise<TestGateway> {
    const dtab = Object.entries(aliases).map(([alias, expression]) => `/svc/${alias} => ${expression}`);
    const router = {
      protocol: 'http',
      dtab: dtab.join(' ; '),
      identifier: { kind: 'io.l5d.header' },
      bindingCache: { idleTtlSecs: 60 },
      ...(bindingTimeoutMs !== undefined && { bindingTimeoutMs }),
    };
    const config = {
      admin: { port: 0 },
      namers: [this.driver, ...others].map(({ namer }) => namer),
      routers: Array.from({ length: routers }, (_, i) => ({ ...router, label: `r${i}`, servers: [{ port: 0 }] })),
    };
    return this.#scene.gateway(JSON.stringify(config), { clock: this.clock });
  }

  /** One request on a connection of its own. */
  ask(gateway: { readonly port: number }, alias: string, limitMs?: number): Promise<RawResponse> {
    return this.#scene.ask(gateway, requestFor(alias), limitMs === undefined ? {} : { limitMs });
  }

  /** Asks until the answer is `body`, with status 200; how long that took, in milliseconds. */
  async answeredBy(gateway: TestGateway, alias: string, body: string, limitMs = 10_000): Promise<number> {
    return this.#asksUntil(gateway, alias, body, ({ status, text }) => status === 200 && text === body, limitMs);
  }

  /** Asks until there is no route. */
  async unrouted(gateway: TestGateway, alias: string, limitMs = 10_000): Promise<number> {
    return this.#asksUntil(gateway, alias, 'nobody', ({ status }) => status === 502, limitMs);
  }

  async traffic(gateway: TestGateway, alias: string): Promise<Traffic> {
    const traffic = await Traffic.start({ port: gateway.port, request: requestFor(alias) });
    this.#traffics.push(traffic);
    return traffic;
  }

  /** `namer/<prefix>/service/<counter>` of the gateway. */
  counter(gateway: TestGateway, name: string): number {
    return gateway.metric('namer', this.driver.metricName, 'service', name);
  }

  /** Waits until the gateway has nothing open at the registry, or no more than so many connections. */
  async nothingWatched(idle = 0): Promise<void> {
    const { driver } = this;
    await eventually(() => (driver.watches() ?? 0) <= idle).catch(() =>
      assert.fail(`${driver.watches()} connections or handles are open at ${driver.registry}, want ${idle}`),
    );
  }

  /** Waits until the gateway has turned to the registry. */
  async turnedTo(askedBefore: number | undefined): Promise<void> {
    const { driver } = this;
    await eventually(() => (driver.watches() ?? 0) > 0 || (driver.asked?.() ?? 0) > (askedBefore ?? 0), {
      timeoutMs: 5000,
    });
  }

  async #asksUntil(
    gateway: TestGateway,
    alias: string,
    what: string,
    found: (response: RawResponse) => boolean,
    limitMs: number,
  ): Promise<number> {
    const startedAt = performance.now();
    for (;;) {
      const response = await this.ask(gateway, alias);
      const tookMs = performance.now() - startedAt;
      if (found(response)) return tookMs;
      if (tookMs > limitMs) {
        const { status, text } = response;
        assert.fail(`/svc/${alias} is not answered by ${what} after ${limitMs} ms but with ${status} ${text}`);
      }
    }
  }
}

function requestFor(alias: string): string {
  return `GET / HTTP/1.1\r\nHost: conformance\r\nl5d-name: /${alias}\r\n\r\n`;
}
