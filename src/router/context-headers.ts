// Context of a request: its `l5d-*` headers come in, its dtab, deadline and trace come out, and go upstream in turn.
//
// Hot path: nearly all requests carry none, and then nothing is allocated before the trace's two header lines.

import { type Dtab, EMPTY_DTAB, showDtab } from '../base/dtab.js';
import { GatewayError } from '../base/errors.js';
import { parseDtab } from '../base/name-grammar.js';
import type { Random } from '../base/random.js';
import { Headers, ReadyField } from '../service/headers.js';
import { makeResponseHead, type ResponseHead } from '../service/message.js';
import { type Deadline, parseDeadline, showDeadline, strictest } from './deadline.js';
import { parseTraceId, type TraceId, writeTrace } from './trace-id.js';

export interface RequestContext {
  /** Of `l5d-ctx-dtab`, then of `l5d-dtab`, which wins. Often the same object when the text is the same. */
  readonly localDtab: Dtab;
  /** The strictest that the caller sent. */
  readonly deadline: Deadline | undefined;
  /** The caller's span. */
  readonly trace: TraceId | undefined;
  /** Chance in [0, 1] that a trace started here is sampled; undefined when the caller did not say. */
  readonly sampleRate: number | undefined;
  /** The caller sent `l5d-explain: 1`: the response tells how fresh the binding is. */
  readonly explain: boolean;
}

export const EMPTY_CONTEXT: RequestContext = {
  localDtab: EMPTY_DTAB,
  deadline: undefined,
  trace: undefined,
  sampleRate: undefined,
  explain: false,
};

/**
 * Takes the context out of `headers`: what has been understood is removed, to be written anew by `writeContext`.
 * Deadlines, traces and sample rates that cannot be read count as absent. Throws GatewayError `bad-dtab`.
 */
export function readContext(headers: Headers): RequestContext {
  if (!hasContext(headers)) return EMPTY_CONTEXT;
  const localDtab = readDtabs(headers);
  const deadline = readDeadline(headers);
  const trace = readTrace(headers);
  const sampleRate = trace ? undefined : readSampleRate(headers);
  // Stays, so that every gateway on the way explains itself.
  const explain = headers.get(EXPLAIN) === '1';
  // A deadline that cannot be read stays: a later hop may know what it means.
  headers.removeIf(deadline ? isReadHere : isReadHereButDeadline);
  return { localDtab, deadline, trace, sampleRate, explain };
}

/**
 * Writes what the upstream is to know, but for its deadline, which each attempt has its own of. Once a request: one
 * without a trace starts it here.
 */
export function writeContext(headers: Headers, context: RequestContext, random: Random): void {
  if (!context.localDtab.isEmpty) headers.set(CTX_DTAB, showDtab(context.localDtab));
  writeTrace(headers, context.trace, context.sampleRate, random);
}

export function writeDeadline(headers: Headers, deadline: Deadline): void {
  headers.set(CTX_DEADLINE, showDeadline(deadline));
}

export function removeDeadline(headers: Headers): void {
  headers.remove(CTX_DEADLINE);
}

/** `clearContext` on the way in: nothing that a caller outside wrote may steer this gateway or those behind it. */
export function clearRequestContext(headers: Headers): void {
  if (hasContext(headers)) headers.removeIf(isContext);
}

/** Tells the caller what the classifier made of the response. */
export function addSuccessClass(headers: Headers, success: boolean): void {
  const field = success ? SUCCEEDED : FAILED;
  if (headers.mayHaveGatewayFields && headers.has(SUCCESS_CLASS)) headers.set(SUCCESS_CLASS, field.value);
  else headers.addReady(field);
}

/** The same at the end of a response, where it was not known before. */
export function addSuccessTrailer(trailers: Headers | undefined, success: boolean): Headers {
  const all = trailers ?? new Headers();
  all.set(SUCCESS_CLASS, (success ? SUCCEEDED : FAILED).value);
  return all;
}

/** `clearContext` on the way out: the trailers as a caller outside may see them, if any are left. */
export function trailersWithoutContext(trailers: Headers): Headers | undefined {
  clearRequestContext(trailers);
  return trailers.size === 0 ? undefined : trailers;
}

/** `clearContext` on the way out: the head as a caller outside may see it. Another one: its body must not be seen either. */
export function withoutContext(response: ResponseHead): ResponseHead {
  const { status, reason, headers } = response;
  if (!headers.mayHaveGatewayFields || !clearResponseContext(headers) || status < 400) return response;
  return makeResponseHead(status, reason, headers, 0);
}

/** True when the response had `l5d-err`, so was made by a Linkerd and not by the service: its body names addresses. */
function clearResponseContext(headers: Headers): boolean {
  if (!hasContext(headers)) return false;
  const madeByLinkerd = headers.has('l5d-err');
  headers.removeIf(isContext);
  return madeByLinkerd;
}

const PREFIX = 'l5d-';
const CTX_DTAB = 'l5d-ctx-dtab';
const USER_DTAB = 'l5d-dtab';
const CTX_DEADLINE = 'l5d-ctx-deadline';
const CTX_TRACE = 'l5d-ctx-trace';
const SAMPLE = 'l5d-sample';
const SUCCESS_CLASS = 'l5d-success-class';
const SUCCEEDED = new ReadyField(SUCCESS_CLASS, '1.0');
const FAILED = new ReadyField(SUCCESS_CLASS, '0.0');
/** New: asked for by a caller, answered by `explainBinding`. */
export const EXPLAIN = 'l5d-explain';

function isContext(lowerName: string): boolean {
  return lowerName.startsWith(PREFIX);
}

function hasContext(headers: Headers): boolean {
  const names = headers.lower;
  for (let i = 0; i < names.length; i++) if (isContext(names[i] as string)) return true;
  return false;
}

function isReadHere(lowerName: string): boolean {
  return lowerName === CTX_DEADLINE || isReadHereButDeadline(lowerName);
}

function isReadHereButDeadline(lowerName: string): boolean {
  if (lowerName === CTX_DTAB || lowerName === USER_DTAB || lowerName === CTX_TRACE || lowerName === SAMPLE) return true;
  // Where the gateway before sent the request: this one says where it sends it.
  return lowerName.startsWith('l5d-dst-');
}

function readDtabs(headers: Headers): Dtab {
  const texts = headers.getAll(CTX_DTAB);
  texts.push(...headers.getAll(USER_DTAB));
  if (texts.length === 0) return EMPTY_DTAB;
  // No header value has a line feed, so no two lists of texts share a key.
  const key = texts.join('\n');
  let dtab = parsedDtabs.get(key);
  if (dtab === undefined) {
    // Each line by itself: a dtab ends where its header does, whatever it ends with.
    dtab = texts.reduce((before, text) => before.concat(parseLocalDtab(text)), EMPTY_DTAB);
    if (parsedDtabs.size >= MAX_PARSED_DTABS) parsedDtabs.delete(parsedDtabs.keys().next().value as string);
    parsedDtabs.set(key, dtab);
  }
  return dtab;
}

/** Callers that override a dtab send the same few over and over: a bounded memory, the oldest forgotten first. */
const parsedDtabs = new Map<string, Dtab>();
const MAX_PARSED_DTABS = 100;

function parseLocalDtab(text: string): Dtab {
  try {
    return parseDtab(text);
  } catch (error) {
    throw new GatewayError('bad-dtab', (error as Error).message, { cause: error });
  }
}

function readDeadline(headers: Headers): Deadline | undefined {
  let deadline: Deadline | undefined;
  for (const text of headers.getAll(CTX_DEADLINE)) {
    const one = parseDeadline(text);
    if (one) deadline = deadline ? strictest(deadline, one) : one;
  }
  return deadline;
}

function readTrace(headers: Headers): TraceId | undefined {
  const text = headers.get(CTX_TRACE);
  return text === undefined ? undefined : parseTraceId(text);
}

function readSampleRate(headers: Headers): number | undefined {
  const text = headers.get(SAMPLE);
  if (text === undefined || !/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text)) return undefined;
  return Math.min(1, Math.max(0, Number(text)));
}
