// Rounds: the same work for every subject, interleaved, so that a slow minute of the machine hits all of them alike.

import { type Load, type Round, saturate } from './load.js';
import type { RunningPeer } from './peers.js';
import type { Bench } from './scenario.js';
import { median } from './table.js';

/** One peer under one load; `key` names the pair. */
export interface Subject {
  readonly key: string;
  readonly peer: RunningPeer;
  readonly load: Load;
}

export type Rounds = ReadonlyMap<string, readonly Round[]>;

/** `options.rounds` rounds of each subject after a short warm-up; each round begins with another one. */
export async function interleave(bench: Bench, subjects: readonly Subject[]): Promise<Rounds> {
  const { rounds } = bench.options;
  const results = new Map<string, Round[]>(subjects.map(({ key }) => [key, []]));
  for (const { peer, load } of subjects)
    await saturate(peer, { ...load, seconds: 1 }, bench.folder, bench.pinning.load);
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < subjects.length; i++) {
      const subject = subjects[(i + round) % subjects.length] as Subject;
      bench.say(`round ${round + 1}/${rounds} ${subject.key}`);
      const result = await saturate(subject.peer, subject.load, bench.folder, bench.pinning.load);
      results.get(subject.key)?.push(result);
    }
  }
  return results;
}

/** Median over the rounds of one number. */
export function typical(rounds: Rounds, key: string, field: keyof Round): number {
  return median((rounds.get(key) ?? []).map((round) => round[field]));
}

/** Median of the ratio within each round, which a machine that slows down for a while disturbs less than that of medians. */
export function ratio(rounds: Rounds, key: string, toKey: string, field: keyof Round): number {
  const others = rounds.get(toKey) ?? [];
  return median((rounds.get(key) ?? []).map((round, i) => round[field] / (others[i]?.[field] ?? Number.NaN)));
}

export function errorsOf(rounds: Rounds, key: string): number {
  return (rounds.get(key) ?? []).reduce((sum, round) => sum + round.errors, 0);
}

export function roundsAsData(rounds: Rounds): Record<string, readonly Round[]> {
  return Object.fromEntries(rounds);
}
