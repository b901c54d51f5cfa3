// How much each proxy carries when it is asked for all it has: `small` and `body1m`, and over TLS and HTTP/2 `h2`, `h2-tls`,
// `tls-keepalive` and `tls-handshakes`.

import { h2load } from '../h2load.js';
import { handshakes } from '../handshakes.js';
import type { Load } from '../load.js';
import { errorsOf, interleave, type Rounds, ratio, roundsAsData, typical } from '../rounds.js';
import type { Bench, Report, Scenario } from '../scenario.js';
import { show } from '../table.js';
import { LARGE_PATH, SMALL_PATH } from '../upstream.js';

export const small: Scenario = {
  name: 'small',
  title: '64-byte bodies over keep-alive connections, at saturation',
  peers: undefined,
  run: (bench) => throughput(bench, { path: SMALL_PATH }, REQUESTS, ['nginx', 'http-proxy']),
};

export const body1m: Scenario = {
  name: 'body1m',
  title: '1 MiB bodies over keep-alive connections, at saturation',
  peers: undefined,
  run: (bench) => throughput(bench, { path: LARGE_PATH }, MEGABYTES, ['nginx', 'http-proxy']),
};

const H2_SHAPE = { path: SMALL_PATH, generate: h2load, connections: 8, streams: 32 };
const WITH_TLS = ['linkgate', 'nginx', 'haproxy'];

export const h2: Scenario = {
  name: 'h2',
  title: '64-byte bodies over HTTP/2 in plain text, 8 connections with 32 streams each, at saturation',
  peers: WITH_TLS,
  front: 'h2c',
  needs: ['h2load'],
  run: (bench) => throughput(bench, H2_SHAPE, REQUESTS, ['haproxy', 'nginx']),
};

export const h2Tls: Scenario = {
  name: 'h2-tls',
  title: '64-byte bodies over HTTP/2 and TLS, 8 connections with 32 streams each, at saturation',
  peers: WITH_TLS,
  front: 'tls',
  needs: ['h2load', 'openssl'],
  run: (bench) => throughput(bench, H2_SHAPE, REQUESTS, ['haproxy', 'nginx']),
};

export const tlsKeepalive: Scenario = {
  name: 'tls-keepalive',
  title: '64-byte bodies over HTTP/1.1 and TLS, keep-alive connections, at saturation',
  peers: WITH_TLS,
  front: 'tls',
  needs: ['wrk', 'openssl'],
  run: (bench) => throughput(bench, { path: SMALL_PATH }, REQUESTS, ['nginx', 'haproxy']),
};

/** Clients that make one handshake after the other. */
const HANDSHAKERS = 8;

export const tlsHandshakes: Scenario = {
  name: 'tls-handshakes',
  title: `full TLS handshakes, each on a connection of its own, ${HANDSHAKERS} at a time`,
  peers: WITH_TLS,
  front: 'tls',
  needs: ['openssl'],
  run: (bench) =>
    throughput(
      bench,
      { path: SMALL_PATH, generate: handshakes, connections: HANDSHAKERS },
      { ...REQUESTS, title: 'handshakes/s' },
      ['nginx', 'haproxy'],
    ),
};

interface Amount {
  readonly title: string;
  readonly field: 'requestsPerSecond' | 'megabytesPerSecond';
  readonly digits: number;
}

const REQUESTS: Amount = { title: 'requests/s', field: 'requestsPerSecond', digits: 0 };
const MEGABYTES: Amount = { title: 'MB/s', field: 'megabytesPerSecond', digits: 0 };

/** Below this share of its core the proxy was waiting for something else. */
const BUSY = 0.9;

/** `against`: whose rate that of each is compared with. */
async function throughput(
  bench: Bench,
  shape: Pick<Load, 'path'> & Partial<Load>,
  amount: Amount,
  against: readonly string[],
): Promise<Report> {
  const { seconds, connections } = bench.options;
  const load: Load = { seconds, connections, rotatingHosts: 0, ...shape };
  const rounds = await interleave(
    bench,
    bench.peers.map((peer) => ({ key: peer.name, peer, load })),
  );
  const memory = new Map(bench.peers.map(({ name, program }) => [name, program.peakResidentMB()]));
  return {
    header: [
      'proxy',
      amount.title,
      ...against.map((other) => `of ${other}`),
      'p50 ms',
      'p99 ms',
      'CPU us/req',
      'busy',
      'peak MB',
      'errors',
    ],
    rows: bench.peers.map(({ name }) => showRow(rounds, name, amount, against, memory.get(name))),
    notes: notLimiting(rounds, bench),
    data: { rounds: roundsAsData(rounds), peakResidentMB: Object.fromEntries(memory) },
  };
}

/** A rate is the proxy's own only where the proxy was what limited it. */
function notLimiting(rounds: Rounds, bench: Bench): string[] {
  const idle = bench.peers.map(({ name }) => name).filter((name) => typical(rounds, name, 'busy') < BUSY);
  const why = 'the load, the upstream or other work on the machine was the limit: compare CPU us/req rather than rates';
  return idle.length === 0 ? [] : [`${idle.join(', ')} used less than ${BUSY} of a core: ${why}`];
}

function showRow(
  rounds: Rounds,
  name: string,
  amount: Amount,
  against: readonly string[],
  memoryMB: number | undefined,
): string[] {
  return [
    name,
    show(typical(rounds, name, amount.field), amount.digits),
    ...against.map((other) => show(ratio(rounds, name, other, amount.field), 2)),
    show(typical(rounds, name, 'p50Ms'), 2),
    show(typical(rounds, name, 'p99Ms'), 2),
    show(typical(rounds, name, 'cpuUsPerRequest'), 1),
    show(typical(rounds, name, 'busy'), 2),
    show(memoryMB, 0),
    String(errorsOf(rounds, name)),
  ];
}
