// Trace ids as requests carry them: the caller's `l5d-ctx-trace` comes in, that of a new span goes out, with `l5d-reqid`.

import type { Random } from '../base/random.js';
import type { Headers } from '../service/headers.js';
import { latin1Slice } from '../wire/latin1.js';

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
    const lines = takeNew(random);
    if (headers.mayHaveGatewayFields) {
      setKnown(headers, TRACE_NAME, lines.substring(TRACE_AT, TRACE_AT + TRACE_CHARS));
      setKnown(headers, REQUEST_ID_NAME, lines.substring(REQUEST_ID_AT, REQUEST_ID_AT + REQUEST_ID_CHARS));
    } else {
      headers.addLines(lines);
    }
    return;
  }
  if (caller) {
    caller.copy(scratch);
    caller.copy(scratch, PARENT, SPAN, SPAN + ID);
  } else {
    fillNew(scratch, random);
    if (sampleRate !== undefined) scratch[FLAGS_LAST_BYTE] = SAMPLING_KNOWN | (random() < sampleRate ? SAMPLED : 0);
  }
  fillRandom(scratch, SPAN, random);
  setKnown(headers, TRACE_NAME, scratch.toString('base64', 0, caller ? caller.length : SHORT_LENGTH));
  setKnown(headers, REQUEST_ID_NAME, scratch.toString('hex', TRACE, TRACE + ID));
}

// Most requests bring no trace. The lines of theirs are made many at a time, as one text out of which each request cuts its own:
// that costs a third of encoding two ids and putting their lines together each time.
const NEW_IDS = 64;
const TRACE_NAME = 'l5d-ctx-trace';
const REQUEST_ID_NAME = 'l5d-reqid';
/** In base64. Without flags the last eight bytes are always the same. */
const TRACE_CHARS = 44;
const NO_FLAGS = 'AAAAAAAAAAA=';
const REQUEST_ID_CHARS = 2 * ID;
const TRACE_AT = TRACE_NAME.length + 2;
const REQUEST_ID_AT = TRACE_AT + TRACE_CHARS + 2 + REQUEST_ID_NAME.length + 2;
const LINES_LENGTH = REQUEST_ID_AT + REQUEST_ID_CHARS + 2;
const BASE64 = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const HEX = Buffer.from('0123456789abcdef');

const newLinesBytes = Buffer.from(
  `${TRACE_NAME}: ${NO_FLAGS.padStart(TRACE_CHARS)}\r\n${REQUEST_ID_NAME}: ${' '.repeat(REQUEST_ID_CHARS)}\r\n`.repeat(
    NEW_IDS,
  ),
);
let newLines = '';
let nextNew = NEW_IDS;
let randomOfNew: Random | undefined;

/** The two lines of a new trace. */
function takeNew(random: Random): string {
  if (nextNew === NEW_IDS || randomOfNew !== random) makeNewLines(random);
  const at = nextNew * LINES_LENGTH;
  nextNew += 1;
  return newLines.substring(at, at + LINES_LENGTH);
}

function makeNewLines(random: Random): void {
  for (let i = 0; i < NEW_IDS; i++) {
    fillNew(scratch, random);
    fillRandom(scratch, SPAN, random);
    const at = i * LINES_LENGTH;
    writeBase64(scratch, 0, FLAGS, at + TRACE_AT);
    writeHex(scratch, TRACE, FLAGS, at + REQUEST_ID_AT);
  }
  newLines = latin1Slice(newLinesBytes, 0, newLinesBytes.length);
  randomOfNew = random;
  nextNew = 0;
}

/** Of whole groups of three bytes. A call of Node's costs more than these few bytes. */
function writeBase64(bytes: Buffer, start: number, end: number, at: number): void {
  let to = at;
  for (let i = start; i < end; i += 3) {
    const group = ((bytes[i] as number) << 16) | ((bytes[i + 1] as number) << 8) | (bytes[i + 2] as number);
    newLinesBytes[to] = BASE64[group >> 18] as number;
    newLinesBytes[to + 1] = BASE64[(group >> 12) & 63] as number;
    newLinesBytes[to + 2] = BASE64[(group >> 6) & 63] as number;
    newLinesBytes[to + 3] = BASE64[group & 63] as number;
    to += 4;
  }
}

function writeHex(bytes: Buffer, start: number, end: number, at: number): void {
  let to = at;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    newLinesBytes[to] = HEX[byte >> 4] as number;
    newLinesBytes[to + 1] = HEX[byte & 15] as number;
    to += 2;
  }
}

/** A trace of its own. As in Finagle, the first span of a trace is its own parent and gives the trace its id. */
function fillNew(bytes: Buffer, random: Random): void {
  fillRandom(bytes, TRACE, random);
  for (let i = 0; i < ID; i++) bytes[PARENT + i] = bytes[TRACE + i] as number;
  for (let i = FLAGS; i < SHORT_LENGTH; i++) bytes[i] = 0;
}

function fillRandom(bytes: Buffer, at: number, random: Random): void {
  for (let i = at; i < at + ID; i += 4) {
    const word = (random() * 2 ** 32) >>> 0;
    bytes[i] = word >>> 24;
    bytes[i + 1] = word >>> 16;
    bytes[i + 2] = word >>> 8;
    bytes[i + 3] = word;
  }
}

/** `name` is in lower case. Most requests do not have it yet. */
function setKnown(headers: Headers, name: string, value: string): void {
  if (headers.mayHaveGatewayFields && headers.has(name)) headers.set(name, value);
  else headers.addKnown(name, name, value);
}
