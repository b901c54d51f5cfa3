// Hostile hosts: hosts of a gateway in, one of them, or two, as callers write them who want to be taken for somebody else, out.

import type { Random } from '../../src/base/random.js';

/** Hosts to ask for. */
export interface HostileTargets {
  /** Published ones, and what is like them. */
  readonly published: readonly string[];
  /** Of services that callers outside must not reach. */
  readonly internal: readonly string[];
  readonly unknown: readonly string[];
  /** Addresses of backends, to be asked for by address. */
  readonly addresses: readonly string[];
}

export type Pick = <T>(from: readonly T[]) => T;

export function picker(random: Random): Pick {
  return <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T;
}

/** One of `targets`, mostly spelled as it is. `isWild`: it may be malformed. */
export function hostileHost(targets: HostileTargets, isWild: boolean, random: Random): string {
  const { published, internal, unknown, addresses } = targets;
  const pick = picker(random);
  const kind = random();
  const host = pick(kind < 0.65 ? published : kind < 0.9 ? internal : kind < 0.96 ? unknown : addresses);
  if (random() < 0.6) return host;
  const other = pick([...internal, ...published]);
  return pick(isWild ? [...SPELLINGS, ...WILD_SPELLINGS] : SPELLINGS)(host, other, random);
}

type Spelling = (host: string, other: string, random: Random) => string;

/** Of the same host, and of others that look like it. */
const SPELLINGS: readonly Spelling[] = [
  (host) => host.toUpperCase(),
  (host, _, random) => [...host].map((c) => (random() < 0.5 ? c.toUpperCase() : c)).join(''),
  (host) => `${host}.`,
  (host) => `${host}:80`,
  (host) => `${host.toUpperCase()}.:8443`,
  (host) => `${host}:65535`,
  (host) => `${host}:`,
  (host) => `${host}..`,
  (host) => `.${host}`,
  (host, other) => `${host}.${other}`,
  (host) => `a.b.${host}`,
  () => '.api.example.com',
  () => '[::1]',
  () => '[::ffff:127.0.0.1]:80',
  () => '2130706433',
  () => 'localhost',
];

/** Of two hosts, or of none. */
const WILD_SPELLINGS: readonly Spelling[] = [
  (host) => `${host}:0x50`,
  (host) => `${host}:80:80`,
  (host, other) => `${host}@${other}`,
  (host, other) => `${host}:80@${other}`,
  (host, other) => `${host},${other}`,
  (host, other) => `${host} ${other}`,
  (host, other) => `${host}\t${other}`,
  (host, other) => `${host}#@${other}`,
  (host, other) => `${host}/${other}`,
  (host, other) => `${host}?${other}`,
  (host, other) => `${host}\\${other}`,
  (host, other) => `${host}%00.${other}`,
  (host, other) => `${host}\0${other}`,
  (host, other) => `${host}\r\nHost: ${other}`,
  (host) => host.replace('.', '%2e'),
  (host) => `%${host.charCodeAt(0).toString(16)}${host.slice(1)}`,
  (host) => host.replace('o', '\xf6'),
  (host) => host.replace('.', '\xa1\xa3'),
  (host) => `*.${host}`,
  (host) => `[${host}]`,
  (host) => `${'a'.repeat(300)}.${host}`,
  (host) => ` ${host}`,
  (host) => `http://${host}`,
  () => '',
  () => '*',
  () => '*.api.example.com',
  () => '[::1',
  (_, other) => `../svc/${other}`,
  (_, other) => `svc/${other}`,
  (_, other) => `/svc/${other}`,
  (_, other) => `#/io.l5d.fs/${other}`,
  () => '/$/inet/127.0.0.1/80',
  () => '$',
];
