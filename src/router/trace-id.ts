// Trace ids as requests carry them: the caller's `l5d-ctx-trace` comes in, that of a new span goes out, with `l5d-reqid`.

import type { Random } from '../base/random.js';
import type { Headers } from '../service/headers.js';

/**
 * Finagle's binary trace id: span, parent, trace and flags, eight bytes each, big-endian; then, when trace ids have 128
 * bits, the high half of the trace.
 */
export type TraceId = Buffer;

const ID = 8;
const SPAN = 0;
const PARENT = 8;
const TRACE = 16;
const FLAGS = 24;
const FLAGS_LAST_BYTE = 31;
const SHORT_LENGTH = 32;
const LONG_LENGTH = 40;

/** Bits of Finagle's Flags. */
const SAMPLING_KNOWN = 2;
const SAMPLED = 4;

/** The trace id in base64 `text`; undefined when that is not 32 or 40 bytes. */
export function parseTraceId(text: string): TraceId | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === SHORT_LENGTH || bytes.length === LONG_LENGTH ? bytes : undefined;
}

/** An id that continues a caller's, or is sampled by chance, is put together here. */
const scratch = Buffer.alloc(LONG_LENGTH);

/**
 * Sets `l5d-ctx-trace` and `l5d-reqid` for the request upstream: a new span, child of the caller's. A caller without a
 * trace starts one, sampled by chance of `sampleRate` in [0, 1]; undefined leaves the decision to whoever reads it.
 */
export function writeTrace(
  headers: Headers,
  caller: TraceId | undefined,
  sampleRate: number | undefined,
  random: Random,
): void {
  if (!caller && sampleRate === undefined) {
    if (nextNew === NEW_IDS || randomOfNew !== random) makeNewIds(random);
    const at = nextNew * NEW_ID_CHARS;
    // The last of its characters stands for the byte that was added, where the padding belongs.
    setKnown(headers, 'l5d-ctx-trace', `${newIds.substring(at, at + NEW_ID_CHARS - 1)}=`);
    setKnown(headers, 'l5d-reqid', newRequestIds.substring(nextNew * 2 * ID, (nextNew + 1) * 2 * ID));
    nextNew += 1;
    return;
  }
  if (caller) {
    caller.copy(scratch);
    caller.copy(scratch, PARENT, SPAN, SPAN + ID);
  } else {
    fillNew(scratch, 0, random);
    if (sampleRate !== undefined) scratch[FLAGS_LAST_BYTE] = SAMPLING_KNOWN | (random() < sampleRate ? SAMPLED : 0);
  }
  fillRandom(scratch, SPAN, random);
  setKnown(headers, 'l5d-ctx-trace', scratch.toString('base64', 0, caller ? caller.length : SHORT_LENGTH));
  setKnown(headers, 'l5d-reqid', scratch.toString('hex', TRACE, TRACE + ID));
}

// Most requests bring no trace. Their ids are made many at a time: encoding one costs nearly as much as encoding sixty.
const NEW_IDS = 64;
/** One byte more than an id has, so that each begins at a character of its own: three bytes are four characters. */
const NEW_ID_BYTES = SHORT_LENGTH + 1;
const NEW_ID_CHARS = (NEW_ID_BYTES / 3) * 4;
const newIdBytes = Buffer.alloc(NEW_IDS * NEW_ID_BYTES);
let newIds = '';
let newRequestIds = '';
let nextNew = NEW_IDS;
let randomOfNew: Random | undefined;

function makeNewIds(random: Random): void {
  newRequestIds = '';
  for (let i = 0; i < NEW_IDS; i++) {
    const at = i * NEW_ID_BYTES;
    fillNew(newIdBytes, at, random);
    fillRandom(newIdBytes, at + SPAN, random);
    newRequestIds += newIdBytes.toString('hex', at + TRACE, at + TRACE + ID);
  }
  newIds = newIdBytes.toString('base64');
  randomOfNew = random;
  nextNew = 0;
}

/** A trace of its own. As in Finagle, the first span of a trace is its own parent and gives the trace its id. */
function fillNew(bytes: Buffer, at: number, random: Random): void {
  fillRandom(bytes, at + TRACE, random);
  bytes.copy(bytes, at + PARENT, at + TRACE, at + TRACE + ID);
  bytes.fill(0, at + FLAGS, at + SHORT_LENGTH);
}

function fillRandom(bytes: Buffer, at: number, random: Random): void {
  bytes.writeUInt32BE((random() * 2 ** 32) >>> 0, at);
  bytes.writeUInt32BE((random() * 2 ** 32) >>> 0, at + 4);
}

/** `name` is in lower case. Most requests do not have it yet. */
function setKnown(headers: Headers, name: string, value: string): void {
  if (headers.mayHaveGatewayFields && headers.has(name)) headers.set(name, value);
  else headers.addKnown(name, name, value);
}
