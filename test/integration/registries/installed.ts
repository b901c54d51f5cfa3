// Installed: where scripts/install-registries.sh put each registry's programs, and why one cannot be used.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Registries, and what drives one. */
export type RegistryName = 'etcd' | 'consul' | 'zookeeper' | 'kubernetes' | 'kubectl';

/** One file of each that is there when all of it is: the script renames whole folders into place. */
const PROGRAMS: Readonly<Record<RegistryName, string>> = {
  etcd: 'etcd',
  consul: 'consul',
  zookeeper: 'zookeeper.jar',
  kubernetes: 'kube-apiserver',
  kubectl: 'kubectl',
};

/** The path of a file that the script installed for the registry; by default its program. */
export function installed(name: RegistryName, file: string = PROGRAMS[name]): string {
  return join(registriesFolder(), name, file);
}

/** Undefined when the registry can be started here. */
export function whyMissing(name: RegistryName): string | undefined {
  const program = installed(name);
  const install = `scripts/install-registries.sh ${name}`;
  if (!existsSync(program)) return `${name} is not installed: ${install}`;
  if (name === 'zookeeper' && !javaCommand()) return `zookeeper has no Java to run on: ${install}`;
  if (name === 'kubernetes' && !existsSync(installed('etcd'))) {
    return 'kubernetes keeps its state in etcd, which is not installed: scripts/install-registries.sh etcd';
  }
  return undefined;
}

/** The machine's own, else the one that the script unpacked. */
export function javaCommand(): string | undefined {
  const unpacked = installed('zookeeper', 'jre/bin/java');
  return ['java', unpacked].find((command) => spawnSync(command, ['-version']).status === 0);
}

function registriesFolder(): string {
  const caches = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return process.env.LINKGATE_REGISTRIES || join(caches, 'linkgate', 'registries');
}
