// HpackEncoder: lists of fields in, field blocks of one direction of a connection out (RFC 7541).

import { latin1Slice } from '../latin1.js';
import type { ByteBuffer } from './byte-buffer.js';
import { DynamicTable, FIELD_OVERHEAD_BYTES, INITIAL_TABLE_BYTES } from './dynamic-table.js';
import { KNOWN_NAMES } from './indexing.js';
import { STATIC_COUNT, STATIC_FIELDS } from './static-table.js';

/** More would hold more of each connection's memory than it saves of its bytes. */
const MAX_TABLE_BYTES = INITIAL_TABLE_BYTES;
/** Places in a block of which is remembered what was there last. */
const MAX_HINTS = 48;
/** A power of two. */
const SIGHTINGS = 64;

/** An entry that takes more of the table than this evicts too much that is of use. */
const MAX_ENTRY_SHARE = 1 / 4;

/** First octets, less what is in the prefix (RFC 7541 §6). */
const INDEXED = 0x80;
const LITERAL_ADDED = 0x40;
const SIZE_UPDATE = 0x20;
const LITERAL_NEVER_INDEXED = 0x10;
const LITERAL = 0x00;

/** Entries of the dynamic table with one name. */
interface DynamicName {
  newest: number;
  /** Value to id. */
  readonly ids: Map<string, number>;
}

const NONE: readonly string[] = [];

/**
 * Strings go out as they are: Huffman coding them would take a quarter off what is left after indexing, and cost more
 * time than all the rest of encoding.
 */
export class HpackEncoder {
  readonly #table = new DynamicTable((name, value) => this.#forget(name, value));
  readonly #names = new Map<string, DynamicName>();
  /** By place in the block: what was a hit there last. An id, or a static index with a minus; 0 for nothing. */
  readonly #hints: number[] = new Array<number>(MAX_HINTS).fill(0);
  /** By hash of the name: hash of its value when it went out as a literal last. */
  readonly #sightings = new Int32Array(SIGHTINGS);
  /** The lowest limit since the last block, and the one that holds now. */
  #lowestLimit = MAX_TABLE_BYTES;
  #limit = MAX_TABLE_BYTES;

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. The next block announces it. The table takes 4096 bytes at most. */
  limitTable(bytes: number): void {
    this.#limit = Math.min(bytes, MAX_TABLE_BYTES);
    this.#lowestLimit = Math.min(this.#lowestLimit, this.#limit);
  }

  /**
   * Appends one field block. `fields` is `[name, value …]` with pseudo-headers first and names in lower case. `sensitive`
   * has the names of those that a peer sent never indexed (see `DecodedBlock`).
   */
  encode(fields: readonly string[], out: ByteBuffer, sensitive: readonly string[] = NONE): void {
    if (this.#table.limit !== this.#limit || this.#lowestLimit < this.#limit) this.#announceLimit(out);
    const table = this.#table;
    const hints = this.#hints;
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i] as string;
      const value = fields[i + 1] as string;
      const place = i >>> 1;
      // Messages of one connection are alike: the same field tends to be in the same place as last time.
      const hint = place < MAX_HINTS && sensitive.length === 0 ? (hints[place] as number) : 0;
      if (hint > table.evicted) {
        if (table.value(hint) === value && table.name(hint) === name) {
          writeIndexed(out, this.#indexOf(hint));
          continue;
        }
      } else if (hint < 0 && STATIC_FIELDS[1 - 2 * hint] === value && STATIC_FIELDS[-2 * hint] === name) {
        out.u8(INDEXED - hint);
        continue;
      }
      const hit = this.#encodeField(name, value, out, sensitive);
      if (place < MAX_HINTS) hints[place] = hit;
    }
  }

  /** RFC 7541 §4.2: when the limit went down and up again, the peer must hear of both. */
  #announceLimit(out: ByteBuffer): void {
    if (this.#lowestLimit < Math.min(this.#limit, this.#table.limit)) {
      writeInteger(out, SIZE_UPDATE, 0x1f, this.#lowestLimit);
      this.#table.setLimit(this.#lowestLimit);
    }
    writeInteger(out, SIZE_UPDATE, 0x1f, this.#limit);
    this.#table.setLimit(this.#limit);
    this.#lowestLimit = this.#limit;
  }

  /** What to remember for this place, as `#hints` has it. */
  #encodeField(name: string, value: string, out: ByteBuffer, sensitive: readonly string[]): number {
    const known = KNOWN_NAMES.get(name);
    const dynamic = this.#names.get(name);
    const secret =
      (known !== undefined && value.length < known.secretBelow) || (sensitive.length > 0 && sensitive.includes(name));
    if (!secret) {
      const index = known?.values.get(value);
      if (index !== undefined) {
        out.u8(INDEXED | index);
        return -index;
      }
      const id = dynamic?.ids.get(value);
      if (id !== undefined) {
        writeIndexed(out, this.#indexOf(id));
        return id;
      }
    }
    let nameIndex = known === undefined ? 0 : known.index;
    if (nameIndex === 0 && dynamic) nameIndex = this.#indexOf(dynamic.newest);
    const adds = !secret && this.#pays(name, value, known?.indexing !== 'at-once');
    if (adds) writeInteger(out, LITERAL_ADDED, 0x3f, nameIndex);
    else writeInteger(out, secret ? LITERAL_NEVER_INDEXED : LITERAL, 0x0f, nameIndex);
    if (nameIndex === 0) writeString(out, name);
    writeString(out, value);
    return adds ? this.#add(compact(name), compact(value)) : 0;
  }

  /** Whether to put the field into the table. */
  #pays(name: string, value: string, onlyRepeated: boolean): boolean {
    if (name.length + value.length + FIELD_OVERHEAD_BYTES > MAX_ENTRY_SHARE * this.#table.limit) return false;
    if (!onlyRepeated) return true;
    const nameHash = hash(name, 0);
    const fieldHash = hash(value, nameHash);
    const slot = (nameHash ^ (nameHash >>> 16)) & (SIGHTINGS - 1);
    const repeated = this.#sightings[slot] === fieldHash;
    this.#sightings[slot] = fieldHash;
    return repeated;
  }

  /** The id. */
  #add(name: string, value: string): number {
    this.#table.add(name, value);
    const id = this.#table.added;
    const dynamic = this.#names.get(name);
    if (dynamic) {
      dynamic.newest = id;
      dynamic.ids.set(value, id);
    } else this.#names.set(name, { newest: id, ids: new Map([[value, id]]) });
    return id;
  }

  #forget(name: string, value: string): void {
    const ids = this.#names.get(name)?.ids;
    ids?.delete(value);
    if (ids?.size === 0) this.#names.delete(name);
  }

  #indexOf(id: number): number {
    return STATIC_COUNT + 1 + this.#table.added - id;
  }
}

/** The same text: a part of a message's head would keep all of the head in memory for as long as it is in the table. */
function compact(text: string): string {
  return latin1Slice(Buffer.from(text, 'latin1'), 0, text.length);
}

function hash(text: string, seed: number): number {
  let sum = seed;
  for (let i = 0; i < text.length; i += 1) sum = (Math.imul(sum, 31) + text.charCodeAt(i)) | 0;
  return sum;
}

function writeIndexed(out: ByteBuffer, index: number): void {
  if (index < 0x7f) out.u8(INDEXED | index);
  else writeInteger(out, INDEXED, 0x7f, index);
}

/** RFC 7541 §5.2, not Huffman coded. */
function writeString(out: ByteBuffer, text: string): void {
  writeInteger(out, 0, 0x7f, text.length);
  out.latin1(text);
}

/** RFC 7541 §5.1: `first` is the octet around the prefix, and `mask` the prefix when it is full. */
function writeInteger(out: ByteBuffer, first: number, mask: number, value: number): void {
  if (value < mask) {
    out.u8(first | value);
    return;
  }
  out.u8(first | mask);
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) out.u8((rest & 0x7f) | 0x80);
  out.u8(rest);
}
