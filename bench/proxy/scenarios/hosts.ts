// `hosts1000`: what a thousand names cost a proxy beside one name.

import { errorsOf, interleave, ratio, roundsAsData, type Subject, typical } from '../rounds.js';
import type { Scenario } from '../scenario.js';
import { show } from '../table.js';
import { SMALL_PATH } from '../upstream.js';

/** As many as the router's binding cache holds by default. */
const HOSTS = 1000;

export const hosts1000: Scenario = {
  name: 'hosts1000',
  title: `64-byte bodies: ${HOSTS} Host values in rotation beside one Host, both by the same load script`,
  peers: ['linkgate', 'nginx'],
  run: async (bench) => {
    const { seconds, connections } = bench.options;
    const subjects = bench.peers.flatMap((peer): Subject[] =>
      [1, HOSTS].map((rotatingHosts) => ({
        key: keyOf(peer.name, rotatingHosts),
        peer,
        load: { path: SMALL_PATH, seconds, connections, rotatingHosts },
      })),
    );
    const rounds = await interleave(bench, subjects);
    return {
      header: ['proxy', 'one host, requests/s', `${HOSTS} hosts, requests/s`, 'ratio', 'CPU us/req', 'busy', 'errors'],
      rows: bench.peers.map(({ name }) => {
        const [one, many] = [keyOf(name, 1), keyOf(name, HOSTS)];
        return [
          name,
          show(typical(rounds, one, 'requestsPerSecond'), 0),
          show(typical(rounds, many, 'requestsPerSecond'), 0),
          show(ratio(rounds, many, one, 'requestsPerSecond'), 2),
          show(typical(rounds, many, 'cpuUsPerRequest'), 1),
          show(typical(rounds, many, 'busy'), 2),
          String(errorsOf(rounds, one) + errorsOf(rounds, many)),
        ];
      }),
      notes: [],
      data: { rounds: roundsAsData(rounds) },
    };
  },
};

function keyOf(peer: string, hosts: number): string {
  return `${peer} ${hosts} ${hosts === 1 ? 'host' : 'hosts'}`;
}
