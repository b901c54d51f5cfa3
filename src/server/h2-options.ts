// Options of HTTP/2 on a listener: its options and limits in, what its sessions work by out.

import { DEFAULT_H2_LIMITS } from '../wire/h2/flood-limits.js';
import type { H2SessionOptions } from '../wire/h2/session-contract.js';
import type { ConnectionLimits } from './connection-limits.js';
import type { Http1ServerOptions } from './http1-options.js';

/**
 * Requests of one caller at a time; more are refused, which tells it to send them again. As many as nginx takes: each may
 * have a body waiting here, so the 1000 of Linkerd's h2 routers would let one connection hold 64 MiB.
 */
const MAX_CONCURRENT_STREAMS = 128;
/** Of one body, before it is read on: what every HTTP/2 connection begins with (RFC 9113 §6.9.2). */
const STREAM_WINDOW_BYTES = 65_535;
/** Of all bodies of a connection. */
const CONNECTION_WINDOW_BYTES = 1024 * 1024;
/** Least and usual (RFC 9113 §4.2): what comes in is passed on in pieces of this. */
const MAX_FRAME_BYTES = 16_384;
const HEADER_TABLE_BYTES = 4096;

/** Of the connections that begin from here on. */
export type H2ServerOptions = H2SessionOptions;

/** The head of a request may be as long as in HTTP/1.1; RFC 9113 §6.5.2 counts 32 bytes more for each field. */
export function h2ServerOptions(options: Http1ServerOptions, { headMs, writeMs }: ConnectionLimits): H2ServerOptions {
  const { h2Settings } = options;
  const initialStreamWindow = h2Settings?.initialStreamWindowBytes ?? STREAM_WINDOW_BYTES;
  return {
    role: 'server',
    maxConcurrentStreams: h2Settings?.maxConcurrentStreamsPerConnection ?? MAX_CONCURRENT_STREAMS,
    initialStreamWindow,
    connectionWindow: Math.max(CONNECTION_WINDOW_BYTES, initialStreamWindow),
    maxFrameBytes: h2Settings?.maxFrameBytes ?? MAX_FRAME_BYTES,
    maxListBytes: h2Settings?.maxHeaderListBytes ?? options.maxInitialLineBytes + options.maxHeaderBytes,
    headerTableBytes: h2Settings?.headerTableBytes ?? HEADER_TABLE_BYTES,
    extendedConnect: true,
    limits: { ...DEFAULT_H2_LIMITS, windowStallMs: writeMs, settingsTimeoutMs: headMs },
    clock: options.clock,
  };
}
