// Reload configs: the number of a reload in, the configuration that it brings out. From each to the next something else changes,
// and one thing always: the service `probe` is another backend, so that a probe can tell that the reload took effect.

import { type GatewayConfig, listener } from './gateway.js';

export interface ReloadPlan {
  readonly port: number;
  readonly adminPort: number;
  /** Of a listener that comes and goes. */
  readonly extraPort: number;
  readonly backends: number;
}

/** Folders of the namer, with the same services in them: `web-a` and `web-b` have all backends, `one-<i>` has one. */
export const CLUSTER_FOLDERS = ['disco-a', 'disco-b'] as const;
const CLUSTERS = ['web-a', 'web-b'] as const;
const BALANCERS = ['p2c', 'ewma', 'roundRobin'] as const;

export function clusterFiles(ports: readonly number[]): ReadonlyMap<string, readonly number[]> {
  const single = ports.map((port, i) => [oneBackend(i), [port]] as const);
  return new Map([...CLUSTERS.map((name) => [name, ports] as const), ...single]);
}

export function probedBackend(reload: number, { backends }: ReloadPlan): number {
  return reload % backends;
}

export function hasExtraListener(reload: number): boolean {
  return reload % 4 >= 2;
}

/**
 * Each thing has a period of its own, so that they meet in many ways: weights 1, the namer's prefix and folder 2, client settings
 * 3, the listener 4, the probed backend 5, the timeout of the service 7 reloads.
 */
export function reloadConfig(reload: number, plan: ReloadPlan): GatewayConfig {
  const namer = `/#/${prefixOf(reload)}`;
  const weight = 1 + (reload % 9);
  const [a, b] = CLUSTERS;
  const dtab = [
    `/svc => ${weight} * ${namer}/${a} & ${10 - weight} * ${namer}/${b}`,
    `/svc/probe => ${namer}/${oneBackend(probedBackend(reload, plan))}`,
  ];
  const extra = hasExtraListener(reload) ? [listener(plan.extraPort)] : [];
  return {
    admin: { port: plan.adminPort },
    namers: [{ kind: 'io.l5d.fs', prefix: `/${prefixOf(reload)}`, rootDir: CLUSTER_FOLDERS[reload % 2] }],
    routers: [
      {
        protocol: 'http',
        dtab: dtab.join(' ; '),
        servers: [listener(plan.port), ...extra],
        service: { totalTimeoutMs: 5000 + (reload % 7) },
        client: {
          loadBalancer: { kind: BALANCERS[reload % 3] },
          failureAccrual: { kind: 'io.l5d.consecutiveFailures', failures: 5 + (reload % 3) },
        },
      },
    ],
  };
}

function prefixOf(reload: number): string {
  return reload % 2 === 0 ? 'fs' : 'files';
}

function oneBackend(i: number): string {
  return `one-${i}`;
}
