// The bytes of a connection in, cut anywhere; the messages that linkgate's parsers read in them out. A codec without a socket.

import { GatewayError } from '../../../src/base/errors.js';
import type { Headers } from '../../../src/service/headers.js';
import type { RequestHead, ResponseHead } from '../../../src/service/message.js';
import { ChunkedDecoder } from '../../../src/wire/chunked-decoder.js';
import type { HeadText } from '../../../src/wire/field-lines.js';
import { HeadReader } from '../../../src/wire/head-reader.js';
import { parseRequestHead } from '../../../src/wire/request-head.js';
import { parseResponseHead } from '../../../src/wire/response-head.js';

export interface ReadMessage<Head> {
  readonly head: Head;
  readonly keepAlive: boolean;
  /** Latin1. */
  body: string;
  trailers: Headers | undefined;
  /** False: the bytes ended within the body. */
  complete: boolean;
}

export interface ReadMessages<Head> {
  readonly messages: ReadMessage<Head>[];
  /** Why reading stopped. */
  readonly error: GatewayError | undefined;
  /** Bytes after the last complete message. Undefined after an error. */
  readonly rest: 'none' | 'some' | undefined;
}

export interface ReadLimits {
  readonly maxInitialLineBytes: number;
  readonly maxHeaderBytes: number;
}

export const LINKERD_LIMITS: ReadLimits = { maxInitialLineBytes: 4096, maxHeaderBytes: 8192 };

interface Parsed<Head> {
  readonly head: Head;
  readonly keepAlive: boolean;
  readonly chunked: boolean;
}

/** Until the bytes end, an error, or a request that asks for the connection to be closed. `pieces` are latin1. */
export function readRequests(
  pieces: readonly string[],
  limits: ReadLimits = LINKERD_LIMITS,
): ReadMessages<RequestHead> {
  return readMessages(pieces, limits, 'request', parseRequestHead, ({ contentLength }) => contentLength);
}

/** Responses to requests of `method`; a body that the end of the connection ends takes all the rest. */
export function readResponses(
  pieces: readonly string[],
  method = 'GET',
  limits: ReadLimits = LINKERD_LIMITS,
): ReadMessages<ResponseHead> {
  const parse = (head: HeadText): Parsed<ResponseHead> => parseResponseHead(head, method);
  const bodyLength = ({ hasBody, contentLength }: ResponseHead): number =>
    hasBody ? (contentLength < 0 ? Number.POSITIVE_INFINITY : contentLength) : 0;
  return readMessages(pieces, limits, 'response', parse, bodyLength);
}

function readMessages<Head extends { readonly hasBody: boolean }>(
  pieces: readonly string[],
  limits: ReadLimits,
  what: 'request' | 'response',
  parse: (head: HeadText) => Parsed<Head>,
  bodyLength: (head: Head) => number,
): ReadMessages<Head> {
  const reader = new HeadReader({
    ...limits,
    lineTooLong: what === 'request' ? 'request-line-too-long' : 'upstream-malformed',
    headersTooLarge: what === 'request' ? 'headers-too-large' : 'upstream-malformed',
    what,
  });
  const messages: ReadMessage<Head>[] = [];
  let current: ReadMessage<Head> | undefined;
  let decoder: ChunkedDecoder | undefined;
  let left = 0;
  const sink = {
    data: (chunk: Buffer): void => {
      if (current) current.body += chunk.toString('latin1');
    },
    end: (trailers: Headers | undefined): void => {
      if (!current) throw new Error('a body ended twice');
      current.trailers = trailers;
      current.complete = true;
      current = undefined;
      decoder = undefined;
    },
  };
  let rest = false;
  try {
    for (const bytes of pieces.map((piece) => Buffer.from(piece, 'latin1'))) {
      let i = 0;
      while (i < bytes.length) {
        if (messages.at(-1)?.complete && !messages.at(-1)?.keepAlive)
          return { messages, error: undefined, rest: 'some' };
        if (decoder) {
          i = decoder.decode(bytes, i, sink);
        } else if (current) {
          const end = Math.min(bytes.length, i + left);
          left -= end - i;
          sink.data(bytes.subarray(i, end));
          i = end;
          if (left === 0) sink.end(undefined);
        } else {
          const next = reader.read(bytes, i);
          rest = next < 0;
          if (next < 0) break;
          i = next;
          const { head, keepAlive, chunked } = parse(reader);
          current = { head, keepAlive, body: '', trailers: undefined, complete: false };
          messages.push(current);
          left = Math.max(0, bodyLength(head));
          if (chunked && head.hasBody) decoder = new ChunkedDecoder(limits.maxHeaderBytes);
          else if (left === 0) sink.end(undefined);
        }
      }
    }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    // As the client does with what its readers throw.
    const seen = what === 'request' ? error : new GatewayError('upstream-malformed', error.message);
    return { messages, error: seen, rest: undefined };
  }
  return { messages, error: undefined, rest: rest || current ? 'some' : 'none' };
}
