// Cluster: servers that elect a leader among themselves, and which of them it is.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Program } from './program.js';

/** One server of a cluster. */
export interface Member extends Program {
  /** Whether it leads now; false too while it does not answer. */
  leads(): Promise<boolean>;
}

const ELECTION_LIMIT_MS = 20_000;
const POLL_MS = 20;

export class Cluster<Server extends Member> {
  readonly nodes: readonly Server[];

  constructor(nodes: readonly Server[]) {
    this.nodes = nodes;
  }

  /** Waits, at most 20 s, until one says that it leads. */
  async leader(): Promise<Server> {
    const deadline = performance.now() + ELECTION_LIMIT_MS;
    while (performance.now() < deadline) {
      for (const node of this.nodes) {
        if (node.pid !== undefined && (await node.leads())) return node;
      }
      await sleep(POLL_MS);
    }
    throw new Error(`no leader within ${ELECTION_LIMIT_MS} ms among ${this.nodes.map(({ name }) => name).join(', ')}`);
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }
}
