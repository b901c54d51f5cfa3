// Options of HTTP/2 to one endpoint: those of its client in, what its sessions work by out.

import { DEFAULT_H2_LIMITS } from '../wire/h2/flood-limits.js';
import type { H2SessionOptions } from '../wire/h2/session-contract.js';
import type { EndpointClientOptions } from './client.js';

/** Of one connection, where the upstream sets no limit; more open another. */
const MAX_CONCURRENT_STREAMS = 1000;
/** Of one response, before its caller has taken it. */
const STREAM_WINDOW_BYTES = 65_535;
/** Of all responses of a connection: those of all callers come over it. */
const CONNECTION_WINDOW_BYTES = 4 * 1024 * 1024;
/**
 * Frames of responses that their callers have cancelled: those may be many, through no fault of the upstream, and one caller
 * that cancels must not cost the others their connection. For the same reason each response may be held by a slow caller up
 * to its own window.
 */
const IGNORED_FRAMES = { burst: 100_000, perSecond: 100_000 };
/** Least and usual (RFC 9113 §4.2): what comes in is passed on in pieces of this. */
const MAX_FRAME_BYTES = 16_384;
const HEADER_TABLE_BYTES = 4096;

/** The head of a response may be as long as in HTTP/1.1; RFC 9113 §6.5.2 counts 32 bytes more for each field. */
export function h2ClientSessionOptions(options: EndpointClientOptions): H2SessionOptions {
  const { h2Settings } = options;
  const initialStreamWindow = h2Settings?.initialStreamWindowBytes ?? STREAM_WINDOW_BYTES;
  return {
    role: 'client',
    maxConcurrentStreams: MAX_CONCURRENT_STREAMS,
    initialStreamWindow,
    connectionWindow: Math.max(CONNECTION_WINDOW_BYTES, initialStreamWindow),
    maxFrameBytes: h2Settings?.maxFrameBytes ?? MAX_FRAME_BYTES,
    maxListBytes: h2Settings?.maxHeaderListBytes ?? options.maxInitialLineBytes + options.maxHeaderBytes,
    headerTableBytes: h2Settings?.headerTableBytes ?? HEADER_TABLE_BYTES,
    limits: {
      ...DEFAULT_H2_LIMITS,
      windowStallMs: options.limits.requestPauseMs,
      maxHeldBytes: MAX_CONCURRENT_STREAMS * initialStreamWindow,
      ignored: IGNORED_FRAMES,
    },
    clock: options.clock,
  };
}
