// Ema: an exponentially weighted moving average; samples with their stamps come in, the average comes out.

export class Ema {
  readonly #window: number;
  #average: number | undefined;
  #stamp = 0;

  /** `window`: so far back a sample's weight is 1/e of the newest one's. In the unit of the stamps: ms, or a count. */
  constructor(window: number) {
    this.#window = window;
  }

  /** The average with `sample` in it. The first sample is the average; one with the stamp of the last changes nothing. */
  update(stamp: number, sample: number): number {
    const kept = this.#average === undefined ? 0 : Math.exp(-Math.max(0, stamp - this.#stamp) / this.#window);
    this.#average = (this.#average ?? 0) * kept + sample * (1 - kept);
    this.#stamp = stamp;
    return this.#average;
  }

  /** As new: nothing is known. */
  reset(): void {
    this.#average = undefined;
  }
}
