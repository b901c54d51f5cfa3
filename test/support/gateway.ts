// A gateway for end-to-end tests: the text of a linkerd.yaml in, a gateway on free ports of loopback out, in this process.

import assert from 'node:assert/strict';
import { parseConfig, showConfigError } from '../../config/schema/parse.js';
import { type Clock, realClock } from '../../src/base/clock.js';
import type { MetricsScope } from '../../src/base/metrics.js';
import { seededRandom } from '../../src/base/random.js';
import { kinds } from '../../src/kinds.js';
import { makeLinker } from '../../src/linker.js';

export interface TestGateway {
  /** Of the first listener. */
  readonly port: number;
  /** Of all listeners, in the order of the file. */
  readonly ports: readonly number[];
  readonly adminPort: number;
  readonly metrics: MetricsScope;
  /** Value of the counter or gauge at `components`, 0 when absent. */
  metric(...components: readonly string[]): number;
  /** As SIGTERM does. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

export interface TestGatewayOptions {
  readonly clock?: Clock;
  readonly seed?: number;
}

/** `config` should say `port: 0` for admin and every server. Fails the test when the configuration is refused. */
export async function startGateway(config: string, options: TestGatewayOptions = {}): Promise<TestGateway> {
  const parsed = parseConfig(config, 'test.yaml', kinds);
  if (!parsed.ok) assert.fail(parsed.errors.map(showConfigError).join('\n'));
  const linker = makeLinker({
    config: parsed.config,
    raw: parsed.raw,
    kinds,
    build: { name: 'linkgate', version: 'test', startedAt: 0 },
    clock: options.clock ?? realClock,
    random: seededRandom(options.seed ?? 1),
    onShutdownRequest: () => void linker.drain(),
  });
  const { admin, servers } = await linker.listen();
  const ports = servers.map(({ port }) => port);
  return {
    port: ports[0] as number,
    ports,
    adminPort: admin.port,
    metrics: linker.metrics,
    metric: (...components) => valueAt(linker.metrics, components),
    drain: () => linker.drain(),
    close: () => linker.close(),
  };
}

/** A router on a free port that sends every request to the address in `upstreamPort`, with more of its keys in `extra`. */
export function routerTo(upstreamPort: number, extra = ''): string {
  return `
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${upstreamPort}
  servers: [{port: 0}]
${extra}`;
}

function valueAt(root: MetricsScope, components: readonly string[]): number {
  let node: MetricsScope | undefined = root;
  for (const component of components) node = node?.children.get(component);
  const metric = node?.metric;
  if (metric?.type === 'counter') return metric.counter.value;
  return metric?.type === 'gauge' ? metric.gauge() : 0;
}
