// Refusals: a parsed file and the tables of what is not built and what was removed in, one problem per use of it out.

import type { KeyPath } from './config-error.js';
import { mapsAt } from './places.js';
import type { Problem } from './problems.js';
import { REMOVED_KEYS } from './removed.js';
import { showValue } from './secrets.js';
import type { UnsupportedKey } from './unsupported.js';

const NOT_YET = 'is known to Linkerd 1.7.5 but not supported by linkgate yet';

/** A problem that makes what else is said about a part of the file pointless. */
export interface Refusal extends Problem {
  /** Problems at or below this path are left out. */
  readonly covers: KeyPath;
}

export function findRefusals(file: unknown, unsupported: readonly UnsupportedKey[]): Refusal[] {
  const refusals: Refusal[] = [];
  for (const { place, key, advice } of REMOVED_KEYS) {
    for (const { path, map } of mapsAt(file, place)) {
      if (!Object.hasOwn(map, key)) continue;
      const at = [...path, key];
      refusals.push({ path: at, covers: at, at: 'key', message: `"${key}" ${advice}` });
    }
  }
  for (const { place, key, when } of unsupported) {
    for (const { path, map } of mapsAt(file, place)) {
      if (!Object.hasOwn(map, key) || when?.(map[key]) === false) continue;
      const at = [...path, key];
      refusals.push({
        path: at,
        // The other keys of a router or plugin mean nothing without their discriminator.
        covers: key === 'protocol' || key === 'kind' ? path : at,
        at: 'key',
        message: `${when ? `${key}: ${showValue(map[key], at)}` : `the key ${key}`} ${NOT_YET}`,
      });
    }
  }
  return refusals;
}

/** The problems that no refusal covers, then the refusals that no other covers. */
export function withRefusals(problems: readonly Problem[], refusals: readonly Refusal[]): Problem[] {
  const covered = (problem: Problem): boolean =>
    refusals.some((refusal) => refusal !== problem && isAtOrBelow(problem.path, refusal.covers));
  return [...problems, ...refusals].filter((problem) => !covered(problem));
}

function isAtOrBelow(path: KeyPath, ancestor: KeyPath): boolean {
  return path.length >= ancestor.length && ancestor.every((key, i) => key === path[i]);
}
