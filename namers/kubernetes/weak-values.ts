// Weak values: a map of things that others hold; what nobody holds any more leaves it.

export class WeakValues<Key, Value extends object> {
  readonly #refs = new Map<Key, WeakRef<Value>>();
  readonly #finalization = new FinalizationRegistry<Key>((key) => {
    // The key may have got another value meanwhile.
    if (this.#refs.get(key)?.deref() === undefined) this.#refs.delete(key);
  });

  /** The value of `key`, made when there is none: one and the same for as long as anyone holds it. */
  get(key: Key, make: () => Value): Value {
    const known = this.#refs.get(key)?.deref();
    if (known) return known;
    const value = make();
    this.#refs.set(key, new WeakRef(value));
    this.#finalization.register(value, key);
    return value;
  }

  *[Symbol.iterator](): IterableIterator<readonly [Key, Value]> {
    for (const [key, ref] of this.#refs) {
      const value = ref.deref();
      if (value) yield [key, value];
    }
  }
}
