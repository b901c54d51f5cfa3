// Chance as an argument: this file alone reads the real source of randomness.

/** A number in [0, 1), as Math.random gives. Never used for secrets. */
export type Random = () => number;

export const realRandom: Random = Math.random;

/** A repeatable source for tests and simulations: mulberry32, period 2^32. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
