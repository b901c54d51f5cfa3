// Quantiles: sorted numbers in, the one that a share of them does not pass out.

/** NaN when there is none. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}
