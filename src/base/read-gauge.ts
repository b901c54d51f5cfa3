// A gauge goes in, its number comes out: a gauge that throws must cost one line of a scrape, not the scrape.

import type { Gauge } from './metrics.js';

/** What `gauge` answers; NaN when it throws. */
export function readGauge(gauge: Gauge): number {
  try {
    return gauge();
  } catch {
    return Number.NaN;
  }
}
