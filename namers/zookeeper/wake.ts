// Wake: something that waits for any of several events, and has missed none that came before it waited.

export class Wake {
  #fired = false;
  #resolve: (() => void) | undefined;

  /** Safe to call at any time, any number of times. */
  readonly fire = (): void => {
    this.#fired = true;
    this.#resolve?.();
    this.#resolve = undefined;
  };

  /** Forgets what has fired so far: to be called before looking at what it tells of, never after. */
  reset(): void {
    this.#fired = false;
  }

  /** Resolves at the first `fire` since the last `reset`. One waits at a time. */
  fired(): Promise<void> {
    if (this.#fired) return Promise.resolve();
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }
}
