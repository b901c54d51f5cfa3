// Own network: runs this very test file again inside a network namespace of its own, where a whole subnet is local.
//
// kube-apiserver refuses loopback addresses in Endpoints, so backends need others. On the machine's own interfaces those would
// be left behind by a crash, would meet those of other test files, and what is sent to one that is gone would leave the machine.
// A namespace has its own loopback interface and no way out, and ends with its processes. It takes root, or a kernel that lets
// users have namespaces.

import { spawnSync } from 'node:child_process';

const MARK = 'LINKGATE_OWN_NETWORK';
const SUBNET = '10.99.0';
const SET_UP = `ip link set lo up && ip addr add ${SUBNET}.1/24 dev lo && exec "$@"`;

let problem: string | undefined;

/**
 * To be called while the test file's imports are evaluated, before it has defined a test. Outside such a namespace it does not
 * return: the file runs inside one, prints its results where this process would have, and this process exits as it did.
 * Returns inside, and where there can be none.
 */
export function enterOwnNetwork(): void {
  if (process.env[MARK]) return;
  const unshare = ['unshare', '--net', ...(process.getuid?.() === 0 ? [] : ['--map-root-user'])];
  // The kernel ends the inner process with this one. Set inside, since entering a user namespace takes it back.
  const command = [...unshare, 'setpriv', '--pdeathsig', 'TERM', '--', 'sh', '-c', SET_UP, 'sh'];
  const attempt = run([...command, 'true'], 'pipe');
  if (attempt.status !== 0) {
    const [why] = (attempt.error?.message ?? attempt.stderr).split('\n');
    problem = `a network namespace takes unshare, ip, and root or user namespaces: ${why}`;
    return;
  }
  const { status } = run([...command, process.execPath, ...process.execArgv, ...process.argv.slice(1)], 'inherit');
  process.exit(status ?? 1);
}

/** Why `enterOwnNetwork` found no way in; undefined inside. */
export function ownNetworkProblem(): string | undefined {
  return problem;
}

/** An address that can be listened on; n from 1 to 254, each as good as a host of its own. */
export function hostAddress(n: number): string {
  if (!process.env[MARK])
    throw new Error('only inside a network namespace of its own does a test have addresses to give');
  return `${SUBNET}.${n}`;
}

function run([command = '', ...args]: readonly string[], stdio: 'pipe' | 'inherit') {
  return spawnSync(command, args, { stdio, encoding: 'utf8', env: { ...process.env, [MARK]: '1' } });
}
