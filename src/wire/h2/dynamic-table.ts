// The dynamic table of HPACK (RFC 7541 §2.3.2, §4): fields go in at one end, and fall out at the other when it is full.

/** What an entry counts beyond its name and value (RFC 7541 §4.1), and a field beyond them (RFC 9113 §6.5.2). */
export const FIELD_OVERHEAD_BYTES = 32;
/** Of a decoder's and an encoder's table until SETTINGS_HEADER_TABLE_SIZE says otherwise (RFC 9113 §6.5.2). */
export const INITIAL_TABLE_BYTES = 4096;

/** Fields; a power of two, as the ring's size always is. */
const FIRST_RING = 16;

export type EvictedListener = (name: string, value: string, id: number) => void;

/**
 * Entries have ids: 1 for the first that was ever added, and so on. `evicted < id <= added` are in the table, and an id
 * never comes to mean another field. The HPACK index of an id is `STATIC_COUNT + 1 + added - id`.
 */
export class DynamicTable {
  /** `[name, value …]` of id at 2 (id mod ring size); empty strings where no entry is, so that nothing is kept alive. */
  #ring: string[] = new Array<string>(2 * FIRST_RING).fill('');
  #mask = FIRST_RING - 1;
  #added = 0;
  #evicted = 0;
  /** Sum of the entries' sizes (RFC 7541 §4.1). */
  #bytes = 0;
  #limit = INITIAL_TABLE_BYTES;
  readonly #onEvicted: EvictedListener | undefined;

  /** `onEvicted` is called after each entry that fell out. */
  constructor(onEvicted?: EvictedListener) {
    this.#onEvicted = onEvicted;
  }

  get added(): number {
    return this.#added;
  }

  get evicted(): number {
    return this.#evicted;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Of an id that is in the table. */
  name(id: number): string {
    return this.#ring[2 * (id & this.#mask)] as string;
  }

  /** Of an id that is in the table. */
  value(id: number): string {
    return this.#ring[2 * (id & this.#mask) + 1] as string;
  }

  /** Evicts what no longer fits (RFC 7541 §4.3). */
  setLimit(bytes: number): void {
    this.#limit = bytes;
    this.#evictDownTo(bytes);
  }

  /** The new entry is `added`; one that is larger than the table empties it and is not kept (RFC 7541 §4.4). */
  add(name: string, value: string): void {
    const bytes = name.length + value.length + FIELD_OVERHEAD_BYTES;
    this.#evictDownTo(this.#limit - bytes);
    if (bytes > this.#limit) return;
    if (this.#added - this.#evicted > this.#mask) this.#growRing();
    this.#bytes += bytes;
    this.#added += 1;
    const at = 2 * (this.#added & this.#mask);
    this.#ring[at] = name;
    this.#ring[at + 1] = value;
  }

  #evictDownTo(bytes: number): void {
    while (this.#bytes > bytes && this.#evicted < this.#added) {
      this.#evicted += 1;
      const at = 2 * (this.#evicted & this.#mask);
      const name = this.#ring[at] as string;
      const value = this.#ring[at + 1] as string;
      this.#ring[at] = '';
      this.#ring[at + 1] = '';
      this.#bytes -= name.length + value.length + FIELD_OVERHEAD_BYTES;
      this.#onEvicted?.(name, value, this.#evicted);
    }
  }

  #growRing(): void {
    const mask = 2 * this.#mask + 1;
    const ring = new Array<string>(2 * (mask + 1)).fill('');
    for (let id = this.#evicted + 1; id <= this.#added; id += 1) {
      ring[2 * (id & mask)] = this.name(id);
      ring[2 * (id & mask) + 1] = this.value(id);
    }
    this.#ring = ring;
    this.#mask = mask;
  }
}
