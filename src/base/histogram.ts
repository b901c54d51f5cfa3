// Histogram: numbers in, quantiles out. Log-linear buckets in one array: 32 to an octave, so within 3 %.

const SUB_BUCKET_BITS = 5;
const SUB_BUCKETS = 1 << SUB_BUCKET_BITS;
/** Values are kept as integers in units of 1/8, so that sub-millisecond latencies are told apart. */
const SCALE = 8;
const MAX_SCALED = 2 ** 31 - 1;
const BUCKETS = (31 - SUB_BUCKET_BITS + 1) * SUB_BUCKETS;
/** For values below 32, and twice as many when a larger one comes: few histograms of milliseconds need more. */
const FIRST_BUCKETS = 128;

export interface HistogramSnapshot {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly avg: number;
  /** Value at quantile `q` in [0, 1]; 0 when the count is 0. */
  quantile(q: number): number;
}

/** Before the buckets. */
const SUM = 0;
const MIN = 1;
const MAX = 2;
const BUCKET_0 = 3;

/** Records in some 6 ns; allocates at the first value other than 0, and where a larger one than before asks for more buckets. */
export class Histogram {
  /** Values of 0, which are all that some histograms ever get. */
  #zeros = 0;
  /**
   * Of other values their sum, the least and the greatest, then how many there are in each bucket. In one place, as each other
   * one would be in no cache of the processor where the histogram is one of thousands: for the same reason no typed array, which
   * is an object of two cache lines beside its numbers.
   */
  #cells: number[] | undefined;

  /** Adds one value, usually milliseconds. Negative and non-finite values count as 0; the largest is about 2.7e8. */
  record(value: number): void {
    const v = value > 0 && value < Number.POSITIVE_INFINITY ? value : 0;
    if (v === 0) {
      this.#zeros += 1;
      return;
    }
    const index = BUCKET_0 + bucketOf(v);
    const cells = this.#cellsFor(index);
    cells[index] = (cells[index] as number) + 1;
    cells[SUM] = (cells[SUM] as number) + v;
    if (v < (cells[MIN] as number)) cells[MIN] = v;
    if (v > (cells[MAX] as number)) cells[MAX] = v;
  }

  /** What was recorded so far; the histogram is empty again afterwards. Where that is less than `atLeast` values, the others were 0. */
  takeSnapshot(atLeast = 0): HistogramSnapshot {
    const snapshot = new Snapshot(this.#cells, this.#zeros, atLeast);
    this.#zeros = 0;
    this.#cells = undefined;
    return snapshot;
  }

  #cellsFor(index: number): number[] {
    const cells = this.#cells;
    if (cells && index < cells.length) return cells;
    let buckets = cells ? cells.length - BUCKET_0 : FIRST_BUCKETS;
    while (BUCKET_0 + buckets <= index) buckets *= 2;
    // Filled with what is no integer first, so that the engine keeps them all as doubles.
    const wider = new Array<number>(BUCKET_0 + Math.min(buckets, BUCKETS)).fill(Number.POSITIVE_INFINITY);
    wider.fill(0);
    wider[MIN] = Number.POSITIVE_INFINITY;
    for (let i = 0; cells && i < cells.length; i++) wider[i] = cells[i] as number;
    this.#cells = wider;
    return wider;
  }
}

function bucketOf(value: number): number {
  const scaled = Math.min(MAX_SCALED, Math.round(value * SCALE));
  if (scaled < SUB_BUCKETS) return scaled;
  const octave = 31 - Math.clz32(scaled) - SUB_BUCKET_BITS;
  return (octave + 1) * SUB_BUCKETS + ((scaled >>> octave) - SUB_BUCKETS);
}

/** The middle of bucket `index`. */
function bucketMiddle(index: number): number {
  if (index < SUB_BUCKETS) return index / SCALE;
  const octave = Math.floor(index / SUB_BUCKETS) - 1;
  const low = ((index % SUB_BUCKETS) + SUB_BUCKETS) * 2 ** octave;
  return (low + 2 ** octave / 2) / SCALE;
}

class Snapshot implements HistogramSnapshot {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly #zeros: number;
  readonly #cells: readonly number[] | undefined;

  constructor(cells: readonly number[] | undefined, zeros: number, atLeast: number) {
    let others = 0;
    if (cells) for (let i = BUCKET_0; i < cells.length; i++) others += cells[i] as number;
    this.#cells = cells;
    this.#zeros = Math.max(zeros, atLeast - others);
    this.count = this.#zeros + others;
    this.sum = cells?.[SUM] ?? 0;
    this.min = cells && this.#zeros === 0 ? (cells[MIN] as number) : 0;
    this.max = cells?.[MAX] ?? 0;
  }

  get avg(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  quantile(q: number): number {
    if (!this.#cells || this.count === 0) return 0;
    const rank = Math.max(1, Math.ceil(q * this.count));
    let seen = this.#zeros;
    if (seen >= rank) return 0;
    for (let i = BUCKET_0; i < this.#cells.length; i++) {
      seen += this.#cells[i] as number;
      if (seen >= rank) return Math.min(this.max, Math.max(this.min, bucketMiddle(i - BUCKET_0)));
    }
    return this.max;
  }
}
