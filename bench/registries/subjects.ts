// Subjects: the registries that are measured, each a real server that the gateway reaches without anything in between.

import { startConsulDriver } from '../../test/integration/conformance/drivers/consul-driver.js';
import { startEtcdDriver } from '../../test/integration/conformance/drivers/etcd-driver.js';
import { startKubernetesDriver } from '../../test/integration/conformance/drivers/kubernetes-driver.js';
import {
  type ProxiedDriver,
  type RegistryProgram,
  straightTo,
} from '../../test/integration/conformance/drivers/proxied-driver.js';
import { startServersetsDriver } from '../../test/integration/conformance/drivers/zookeeper-drivers.js';
import { type RegistryName, whyMissing } from '../../test/integration/registries/installed.js';
import { ownNetworkProblem } from '../../test/integration/registries/own-network.js';

export type RegistryDriver = ProxiedDriver<RegistryProgram>;

export interface Subject {
  readonly name: RegistryName;
  /** Why it cannot be measured here; undefined when it can. */
  missing(): string | undefined;
  /** The server, empty, and what writes to it. */
  start(): Promise<RegistryDriver>;
}

export const SUBJECTS: readonly Subject[] = [
  { name: 'consul', missing: () => whyMissing('consul'), start: () => startConsulDriver(straightTo) },
  { name: 'zookeeper', missing: () => whyMissing('zookeeper'), start: () => startServersetsDriver(straightTo) },
  { name: 'etcd', missing: () => whyMissing('etcd'), start: () => startEtcdDriver(straightTo) },
  {
    name: 'kubernetes',
    // Its fixture needs addresses that are not loopback, and makes itself a network for them.
    missing: () => whyMissing('kubernetes') ?? ownNetworkProblem(),
    start: () => startKubernetesDriver(straightTo),
  },
];
