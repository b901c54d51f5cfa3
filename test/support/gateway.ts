// A gateway for end-to-end tests: the text of a linkerd.yaml in, a gateway on free ports of loopback out, in this process.

import assert from 'node:assert/strict';
import { parseConfig, showConfigError } from '../../config/schema/parse.js';
import { type Clock, realClock } from '../../src/base/clock.js';
import type { MetricsScope } from '../../src/base/metrics.js';
import { seededRandom } from '../../src/base/random.js';
import { kinds as builtInKinds } from '../../src/kinds.js';
import { type Kinds, type LoadedConfig, makeLinker } from '../../src/linker.js';
import { metricValue } from './metric-value.js';

export interface TestGateway {
  /** Of the first listener. */
  readonly port: number;
  /** Of all listeners, in the order of the file. */
  readonly ports: readonly number[];
  readonly adminPort: number;
  readonly metrics: MetricsScope;
  /** Value of the counter or gauge at `components`, 0 when absent. */
  metric(...components: readonly string[]): number;
  /** As SIGHUP does, with `config` in the file. Rejects when it is refused. Answers the ports of all listeners. */
  reload(config: string): Promise<readonly number[]>;
  /** As SIGTERM does. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

export interface TestGatewayOptions {
  readonly clock?: Clock;
  readonly seed?: number;
  /** Default: the built-in ones. */
  readonly kinds?: Kinds;
}

/** `config` should say `port: 0` for admin and every server. Fails the test when the configuration is refused. */
export async function startGateway(config: string, options: TestGatewayOptions = {}): Promise<TestGateway> {
  const kinds = options.kinds ?? builtInKinds;
  const load = (text: string): LoadedConfig => {
    const parsed = parseConfig(text, 'test.yaml', kinds);
    if (!parsed.ok) assert.fail(parsed.errors.map(showConfigError).join('\n'));
    return { ...parsed, kinds };
  };
  const linker = makeLinker({
    ...load(config),
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
    metric: (...components) => metricValue(linker.metrics, ...components),
    reload: async (text) => (await linker.reload(load(text))).servers.map(({ port }) => port),
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
