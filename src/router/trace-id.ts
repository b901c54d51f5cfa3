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

/** Each id is put together here, so that a request costs two strings and no Buffer. */
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
  if (caller) {
    caller.copy(scratch);
    caller.copy(scratch, PARENT, SPAN, SPAN + ID);
  } else {
    // As in Finagle, the first span of a trace is its own parent and gives the trace its id.
    fillRandom(TRACE, random);
    for (let i = 0; i < ID; i++) {
      scratch[PARENT + i] = scratch[TRACE + i] as number;
      scratch[FLAGS + i] = 0;
    }
    if (sampleRate !== undefined) scratch[FLAGS_LAST_BYTE] = SAMPLING_KNOWN | (random() < sampleRate ? SAMPLED : 0);
  }
  fillRandom(SPAN, random);
  setKnown(headers, 'l5d-ctx-trace', scratch.toString('base64', 0, caller ? caller.length : SHORT_LENGTH));
  let requestId = '';
  for (let i = TRACE; i < TRACE + ID; i++) requestId += HEX[scratch[i] as number];
  setKnown(headers, 'l5d-reqid', requestId);
}

function fillRandom(offset: number, random: Random): void {
  for (let at = offset; at < offset + ID; at += 4) {
    const bits = (random() * 2 ** 32) >>> 0;
    scratch[at] = bits >>> 24;
    scratch[at + 1] = bits >>> 16;
    scratch[at + 2] = bits >>> 8;
    scratch[at + 3] = bits;
  }
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** `name` is in lower case. Most requests do not have it yet. */
function setKnown(headers: Headers, name: string, value: string): void {
  if (headers.has(name)) headers.set(name, value);
  else headers.addKnown(name, name, value);
}
