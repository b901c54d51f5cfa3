// HpackDecoder: field blocks of one direction of a connection in (RFC 7541 §3), lists of fields out.

import { latin1Slice } from '../latin1.js';
import { DynamicTable, FIELD_OVERHEAD_BYTES, INITIAL_TABLE_BYTES } from './dynamic-table.js';
import { H2Error } from './h2-error.js';
import { huffmanText } from './huffman.js';
import { STATIC_COUNT, STATIC_FIELDS } from './static-table.js';

/** An integer that reaches this is an attack: no index, length or size of ours comes near (RFC 7541 §5.1). */
const MAX_INTEGER = 2 ** 31;
const MAX_CONTINUATION_OCTETS = 5;
/** The lowest limit between two blocks, and the one that holds now (RFC 7541 §4.2). */
const MAX_SIZE_UPDATES = 2;

export interface HpackDecoderOptions {
  /** Our SETTINGS_HEADER_TABLE_SIZE: how large the peer may make the dynamic table. */
  readonly maxTableBytes: number;
  /**
   * Our SETTINGS_MAX_HEADER_LIST_SIZE: names, values and 32 octets for each field (RFC 9113 §6.5.2), so that it bounds
   * the number of fields too.
   */
  readonly maxListBytes: number;
  /**
   * Whether a field may be in a message (RFC 9113 §8.2.1). Asked when a field comes as a literal; what it said is
   * remembered for as long as the field is in the dynamic table, so that a repeated field is not looked at again.
   * Default: every field may.
   */
  readonly isValid?: (name: string, value: string) => boolean;
}

export interface DecodedBlock {
  /** `[name, value, name, value …]` as they came. */
  readonly fields: string[];
  /** There were more fields than `maxListBytes` allows: `fields` has those before the first that went over. */
  readonly tooLarge: boolean;
  /** Name of the first field that `isValid` refused. */
  readonly invalid: string | undefined;
  /**
   * Names of the fields that came as literals never indexed: whoever passes them on must send them so again (RFC 7541
   * §6.2.3). Undefined when there are none.
   */
  readonly sensitive: readonly string[] | undefined;
}

const NO_BYTES: Buffer = Buffer.alloc(0);
const NO_FIELDS: string[] = [];

export class HpackDecoder {
  readonly #table: DynamicTable;
  readonly #maxTableBytes: number;
  readonly #maxListBytes: number;
  readonly #isValid: ((name: string, value: string) => boolean) | undefined;
  /** Ids of entries that `isValid` refused. */
  readonly #invalidIds = new Set<number>();
  /** The next block must begin with a size update. */
  #updateDue = false;

  // Of the block that is being read: an idle connection keeps neither bytes nor fields.
  #bytes = NO_BYTES;
  #next = 0;
  #end = 0;
  #fields = NO_FIELDS;
  #listBytes = 0;
  #tooLarge = false;
  #invalid: string | undefined;
  #sensitive: string[] | undefined;

  constructor(options: HpackDecoderOptions) {
    this.#maxTableBytes = options.maxTableBytes;
    this.#maxListBytes = options.maxListBytes;
    this.#isValid = options.isValid;
    this.#table = new DynamicTable((_name, _value, id) => this.#invalidIds.delete(id));
  }

  /**
   * The peer has acknowledged our SETTINGS. With a `maxTableBytes` below the initial 4096 its next block must begin with
   * a size update (RFC 9113 §4.3.1); until now it could not know.
   */
  limitAcknowledged(): void {
    if (this.#table.limit > this.#maxTableBytes) this.#updateDue = true;
  }

  /**
   * Reads one complete field block, `bytes[start, end)`, of which nothing is kept. Throws `H2Error('COMPRESSION_ERROR')`,
   * after which the decoder is of no more use: the two sides' tables may differ. A list that is too large is read to its
   * end, for the sake of the dynamic table.
   */
  decode(bytes: Buffer, start: number, end: number): DecodedBlock {
    this.#bytes = bytes;
    this.#next = start;
    this.#end = end;
    this.#fields = [];
    this.#listBytes = 0;
    this.#tooLarge = false;
    this.#invalid = undefined;
    this.#sensitive = undefined;
    this.#readSizeUpdates();
    while (this.#next < end) {
      const octet = bytes[this.#next++] as number;
      if (octet >= 0x80) this.#readIndexed(octet & 0x7f);
      else if (octet >= 0x40) this.#readLiteral(octet & 0x3f, 0x3f, 'add');
      else if (octet >= 0x20)
        throw refusal('changes the size of the dynamic table after its first field (RFC 7541 §4.2)');
      else this.#readLiteral(octet & 0x0f, 0x0f, octet >= 0x10 ? 'never' : 'pass');
    }
    const fields = this.#fields;
    this.#fields = NO_FIELDS;
    this.#bytes = NO_BYTES;
    return { fields, tooLarge: this.#tooLarge, invalid: this.#invalid, sensitive: this.#sensitive };
  }

  #readSizeUpdates(): void {
    let updates = 0;
    while (this.#next < this.#end && ((this.#bytes[this.#next] as number) & 0xe0) === 0x20) {
      updates += 1;
      if (updates > MAX_SIZE_UPDATES)
        throw refusal('changes the size of the dynamic table more than twice (RFC 7541 §4.2)');
      const size = this.#integer((this.#bytes[this.#next++] as number) & 0x1f, 0x1f);
      this.#resize(size);
    }
    if (this.#updateDue)
      throw refusal(
        `does not begin with the change of the dynamic table to ${this.#maxTableBytes} octets or less that our SETTINGS, now acknowledged, demand (RFC 9113 §4.3.1)`,
      );
  }

  #resize(size: number): void {
    // Before the acknowledgment nobody knows whether the peer goes by our limit or by the initial one.
    const unaware = !this.#updateDue && this.#table.limit > this.#maxTableBytes;
    const limit = unaware ? INITIAL_TABLE_BYTES : this.#maxTableBytes;
    if (size > limit) throw refusal(`sets the dynamic table to ${size} octets, want at most ${limit} (RFC 7541 §6.3)`);
    this.#table.setLimit(size);
    this.#updateDue = false;
  }

  #readIndexed(prefix: number): void {
    const index = prefix === 0x7f ? this.#integer(prefix, 0x7f) : prefix;
    if (index > STATIC_COUNT) {
      const table = this.#table;
      const id = this.#dynamicId(index);
      if (this.#invalidIds.size > 0 && this.#invalidIds.has(id)) this.#invalid ??= table.name(id);
      this.#push(table.name(id), table.value(id));
    } else if (index === 0) throw refusal('refers to index 0 (RFC 7541 §6.1)');
    else this.#push(STATIC_FIELDS[2 * index] as string, STATIC_FIELDS[2 * index + 1] as string);
  }

  #readLiteral(prefix: number, mask: number, indexing: 'add' | 'pass' | 'never'): void {
    const index = prefix === mask ? this.#integer(prefix, mask) : prefix;
    let name: string;
    if (index === 0) name = this.#string();
    else if (index <= STATIC_COUNT) name = STATIC_FIELDS[2 * index] as string;
    else name = this.#table.name(this.#dynamicId(index));
    const value = this.#string();

    const valid = this.#isValid === undefined || this.#isValid(name, value);
    if (!valid) this.#invalid ??= name;
    if (indexing === 'add') {
      const { added } = this.#table;
      this.#table.add(name, value);
      if (!valid && this.#table.added > added) this.#invalidIds.add(this.#table.added);
    }
    this.#push(name, value);
    if (indexing !== 'never' || this.#tooLarge) return;
    if (this.#sensitive) this.#sensitive.push(name);
    else this.#sensitive = [name];
  }

  #dynamicId(index: number): number {
    const { added, evicted } = this.#table;
    const id = added + STATIC_COUNT + 1 - index;
    if (id > evicted) return id;
    throw refusal(
      `refers to index ${index}, and the tables have ${STATIC_COUNT + added - evicted} entries (RFC 7541 §2.3.3)`,
    );
  }

  #push(name: string, value: string): void {
    this.#listBytes += name.length + value.length + FIELD_OVERHEAD_BYTES;
    if (this.#listBytes > this.#maxListBytes) this.#tooLarge = true;
    else this.#fields.push(name, value);
  }

  /** RFC 7541 §5.2. */
  #string(): string {
    if (this.#next === this.#end) throw cutShort();
    const octet = this.#bytes[this.#next++] as number;
    const prefix = octet & 0x7f;
    const length = prefix === 0x7f ? this.#integer(prefix, 0x7f) : prefix;
    const start = this.#next;
    const end = start + length;
    if (end > this.#end) throw cutShort();
    this.#next = end;
    return octet >= 0x80 ? huffmanText(this.#bytes, start, end) : latin1Slice(this.#bytes, start, end);
  }

  /** RFC 7541 §5.1, with the prefix read: `mask` where octets follow. */
  #integer(prefix: number, mask: number): number {
    if (prefix < mask) return prefix;
    let value = mask;
    for (let i = 0; i < MAX_CONTINUATION_OCTETS; i += 1) {
      if (this.#next === this.#end) throw cutShort();
      const octet = this.#bytes[this.#next++] as number;
      value += (octet & 0x7f) * 2 ** (7 * i);
      if (value >= MAX_INTEGER) break;
      if (octet < 0x80) return value;
    }
    throw refusal(
      `has an integer of 2^31 or more, or of more than ${MAX_CONTINUATION_OCTETS} octets behind its prefix (RFC 7541 §5.1)`,
    );
  }
}

function cutShort(): H2Error {
  return refusal('ends within a field');
}

function refusal(why: string): H2Error {
  return new H2Error('COMPRESSION_ERROR', `A field block ${why}`);
}
