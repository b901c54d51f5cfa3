// HostTable: hosts and wildcards with what belongs to each in, what belongs to the host that a caller names out.

/** `name` is as in SNI or without its port from a Host: in any case, maybe with a dot behind it. */
export class HostTable<T> {
  readonly #exact = new Map<string, T>();
  /** By what follows the `*.`. */
  readonly #wildcards = new Map<string, T>();

  /** Of two that have the same name the first is taken. */
  add(name: string, value: T): void {
    const isWildcard = name.startsWith('*.');
    const table = isWildcard ? this.#wildcards : this.#exact;
    const key = isWildcard ? name.slice(2) : name;
    if (!table.has(key)) table.set(key, value);
  }

  /** A `*` stands for one label, and the whole of it (RFC 9525 §6.3). */
  find(name: string): T | undefined {
    const lower = name.toLowerCase();
    const key = lower.endsWith('.') ? lower.slice(0, -1) : lower;
    const exact = this.#exact.get(key);
    if (exact !== undefined || this.#wildcards.size === 0) return exact;
    const dot = key.indexOf('.');
    return dot > 0 ? this.#wildcards.get(key.slice(dot + 1)) : undefined;
  }
}
