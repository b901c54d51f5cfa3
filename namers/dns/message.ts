// DNS messages: a question in, the bytes of its query out; bytes from a server in, the records of a checked answer out.
//
// Whatever the bytes are, only GarbageError is thrown: the decoder throws on what is cut off, on pointers that do not lead
// back and on names that are too long, and what it lets through is checked here.

import { isIPv4, isIPv6 } from 'node:net';
import { type Answer, type DecodedPacket, decode, encode, RECURSION_DESIRED } from 'dns-packet';
import { GarbageError } from '../shared/registry-watch.js';

export interface Question {
  /** Absolute, lower case, without the last dot. */
  readonly name: string;
  readonly type: 'SRV' | 'A' | 'AAAA';
}

export interface DnsAnswer {
  /** RFC 1035 and RFC 6891: 0 is no error, 3 no such name. */
  readonly rcode: number;
  /** True: the rest is to be fetched by TCP. `records` may be empty or cut. */
  readonly truncated: boolean;
  /** The server does not know and names others, as one does that does not look up on behalf of clients. */
  readonly isReferral: boolean;
  readonly answers: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

/** Records of other types are left out. Names as in `Question`; `ttl` in seconds. */
export type DnsRecord =
  | { readonly type: 'address'; readonly name: string; readonly ttl: number; readonly ip: string }
  | AliasRecord
  | SrvRecord;

export interface AliasRecord {
  readonly type: 'alias';
  readonly name: string;
  readonly ttl: number;
  /** The name that counts. */
  readonly target: string;
}

export interface SrvRecord {
  readonly type: 'srv';
  readonly name: string;
  readonly ttl: number;
  /** The lowest is to be used first. */
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  /** Empty: the service is decidedly not there (RFC 2782). */
  readonly target: string;
}

/** What a UDP answer may be large: most answers then need no second way by TCP. */
const UDP_PAYLOAD_BYTES = 4096;

/** `edns` false leaves out what servers from before 1999 stumble over. */
export function encodeQuery(id: number, { name, type }: Question, edns: boolean): Buffer {
  return encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED,
    questions: [{ type, name, class: 'IN' }],
    additionals: edns
      ? [
          {
            type: 'OPT',
            name: '.',
            udpPayloadSize: UDP_PAYLOAD_BYTES,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ]
      : [],
  });
}

/**
 * Undefined when the bytes do not answer this very question: another id, no response, another question echoed. Whoever
 * cannot see the query has to guess all of that. Throws GarbageError on an answer that cannot be read.
 */
export function decodeAnswer(bytes: Buffer, id: number, question: Question): DnsAnswer | undefined {
  if (bytes.length < 12 || bytes.readUInt16BE(0) !== id) return undefined;
  const flags = bytes.readUInt16BE(2);
  if ((flags & RESPONSE) === 0) return undefined;
  // What does not fit may be cut anywhere, so a truncated answer is not read at all.
  if ((flags & TRUNCATED) !== 0) return TRUNCATED_ANSWER;
  const packet = decodePacket(bytes);
  if (!echoes(packet, question, flags & 0xf)) return undefined;
  const { answers = [], additionals = [], authorities = [] } = packet;
  const options = additionals.find((record) => record.type === 'OPT');
  return {
    rcode: ((options?.extendedRcode ?? 0) << 4) | (flags & 0xf),
    truncated: false,
    isReferral:
      answers.length === 0 &&
      authorities.some(({ type }) => type === 'NS') &&
      !authorities.some(({ type }) => type === 'SOA'),
    answers: answers.flatMap(recordFrom),
    additionals: additionals.flatMap(recordFrom),
  };
}

const RESPONSE = 0x8000;
const TRUNCATED = 0x0200;
const TRUNCATED_ANSWER: DnsAnswer = { rcode: 0, truncated: true, isReferral: false, answers: [], additionals: [] };

function decodePacket(bytes: Buffer): DecodedPacket {
  if (hasPointerChain(bytes)) throw new GarbageError(`the answer of ${bytes.length} bytes has pointers to pointers`);
  try {
    return decode(bytes);
  } catch (error) {
    throw new GarbageError(`the answer of ${bytes.length} bytes cannot be read: ${(error as Error).message}`);
  }
}

/**
 * The decoder follows pointers to pointers as long as they lead back: thousands for each of thousands of names is 0.7 s for
 * 64 KiB. No server writes them; a few may seem to be there where the bytes are an address.
 */
function hasPointerChain(bytes: Buffer): boolean {
  const depths = new Uint8Array(POINTER_REACH);
  for (let at = 0; at < Math.min(bytes.length - 1, POINTER_REACH); at++) {
    const target = bytes.readUInt16BE(at) - POINTER_MARK;
    if (target < 0 || target >= at) continue;
    const depth = (depths[target] ?? 0) + 1;
    if (depth > MAX_POINTERS) return true;
    depths[at] = depth;
  }
  return false;
}

/** RFC 1035 §4.1.4: two bits that say so, and fourteen of the place. */
const POINTER_MARK = 0xc000;
const POINTER_REACH = 0x4000;
const MAX_POINTERS = 8;

/** Servers that refuse a query may leave its question out. */
function echoes({ questions = [] }: DecodedPacket, { name, type }: Question, rcode: number): boolean {
  const [echo] = questions;
  if (echo === undefined) return rcode !== NO_ERROR && rcode !== NO_SUCH_NAME;
  return questions.length === 1 && echo.type === type && echo.class === 'IN' && comparable(echo.name) === name;
}

export const NO_ERROR = 0;
export const FORMAT_ERROR = 1;
export const NO_SUCH_NAME = 3;

/** None when it is of another type or class, or holds no value of its type. */
function recordFrom(record: Answer): DnsRecord[] {
  if (!('data' in record) || record.class !== 'IN') return [];
  // RFC 2181 §8: a TTL with its highest bit set is 0.
  const ttl = record.ttl === undefined || record.ttl > 0x7fffffff ? 0 : record.ttl;
  const name = comparable(record.name);
  switch (record.type) {
    case 'A':
      return isIPv4(record.data) ? [{ type: 'address', name, ttl, ip: record.data }] : [];
    case 'AAAA':
      return isIPv6(record.data) ? [{ type: 'address', name, ttl, ip: record.data }] : [];
    case 'CNAME':
      return [{ type: 'alias', name, ttl, target: comparable(record.data) }];
    case 'SRV': {
      const { priority = 0, weight = 0, port, target } = record.data;
      return [{ type: 'srv', name, ttl, priority, weight, port, target: comparable(target) }];
    }
    default:
      return [];
  }
}

/** Names are equal in any case of ASCII letters (RFC 4343). The root is empty. */
export function comparable(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()).replace(/\.$/, '');
}
