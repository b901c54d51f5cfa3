// Histogram: numbers in, quantiles out. Log-linear buckets in one typed array: 32 to an octave, so within 3 %.

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

/** Records in some 6 ns; allocates at the first value other than 0, and where a larger one than before asks for more buckets. */
export class Histogram {
  /** Of values of 0, which are all that some histograms ever get. */
  #zeros = 0;
  #buckets: Uint32Array | undefined;
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  /** Adds one value, usually milliseconds. Negative and non-finite values count as 0; the largest is about 2.7e8. */
  record(value: number): void {
    const v = value > 0 && value < Number.POSITIVE_INFINITY ? value : 0;
    if (v === 0) {
      this.#zeros += 1;
      return;
    }
    const index = bucketOf(v);
    const buckets = this.#bucketsFor(index);
    buckets[index] = (buckets[index] as number) + 1;
    this.#count += 1;
    this.#sum += v;
    if (v < this.#min) this.#min = v;
    if (v > this.#max) this.#max = v;
  }

  /** What was recorded so far; the histogram is empty again afterwards. */
  takeSnapshot(): HistogramSnapshot {
    if (this.#zeros > 0) {
      const buckets = this.#bucketsFor(0);
      buckets[0] = (buckets[0] as number) + this.#zeros;
      this.#count += this.#zeros;
      this.#min = 0;
      this.#zeros = 0;
    }
    const snapshot = new Snapshot(this.#buckets, this.#count, this.#sum, this.#count === 0 ? 0 : this.#min, this.#max);
    this.#buckets = undefined;
    this.#count = 0;
    this.#sum = 0;
    this.#min = Number.POSITIVE_INFINITY;
    this.#max = 0;
    return snapshot;
  }

  #bucketsFor(index: number): Uint32Array {
    const buckets = this.#buckets;
    if (buckets && index < buckets.length) return buckets;
    let length = buckets?.length ?? FIRST_BUCKETS;
    while (length <= index) length *= 2;
    const wider = new Uint32Array(Math.min(length, BUCKETS));
    if (buckets) wider.set(buckets);
    this.#buckets = wider;
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
  readonly #buckets: Uint32Array | undefined;

  constructor(buckets: Uint32Array | undefined, count: number, sum: number, min: number, max: number) {
    this.#buckets = buckets;
    this.count = count;
    this.sum = sum;
    this.min = min;
    this.max = max;
  }

  get avg(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  quantile(q: number): number {
    if (!this.#buckets || this.count === 0) return 0;
    const rank = Math.max(1, Math.ceil(q * this.count));
    let seen = 0;
    for (let i = 0; i < this.#buckets.length; i++) {
      seen += this.#buckets[i] as number;
      if (seen >= rank) return Math.min(this.max, Math.max(this.min, bucketMiddle(i)));
    }
    return this.max;
  }
}
