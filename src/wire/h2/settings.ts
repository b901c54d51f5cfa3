// SETTINGS (RFC 9113 §6.5): the peer's in, one by one and checked; ours out.

import type { ByteBuffer } from './byte-buffer.js';
import { INITIAL_TABLE_BYTES } from './dynamic-table.js';
import { INITIAL_WINDOW, MAX_SENT_BYTES, MAX_WINDOW, SETTINGS, writeFrameHeader } from './frames.js';
import { H2Error } from './h2-error.js';
import type { H2SessionOptions } from './session-contract.js';

/** Octets of one setting: what and how much. */
export const SETTING_BYTES = 6;

export const HEADER_TABLE_SIZE = 0x1;
export const ENABLE_PUSH = 0x2;
export const MAX_CONCURRENT_STREAMS = 0x3;
export const INITIAL_WINDOW_SIZE = 0x4;
export const MAX_FRAME_SIZE = 0x5;
export const MAX_HEADER_LIST_SIZE = 0x6;
/** RFC 8441. */
export const ENABLE_CONNECT_PROTOCOL = 0x8;
/** RFC 9218. */
export const NO_RFC7540_PRIORITIES = 0x9;

/** Largest payload of a frame (RFC 9113 §6.5.2). */
const MAX_FRAME_BYTES = 2 ** 24 - 1;
/** Streams that a client may take for granted before a server has said how many it takes (RFC 9113 §6.5.2). */
const ASSUMED_CONCURRENT_STREAMS = 100;

/** What the peer has said so far. */
export class PeerSettings {
  maxConcurrentStreams = ASSUMED_CONCURRENT_STREAMS;
  initialWindow = INITIAL_WINDOW;
  headerTableBytes = INITIAL_TABLE_BYTES;
  /** Server: it takes extended CONNECT. */
  extendedConnect = false;

  /** Throws when the value is none that the setting may have. `fromServer`: who sent it. */
  apply(setting: number, value: number, fromServer: boolean): void {
    switch (setting) {
      case HEADER_TABLE_SIZE:
        this.headerTableBytes = value;
        return;
      case ENABLE_PUSH:
        if (value > (fromServer ? 0 : 1)) throw badValue('ENABLE_PUSH', value, fromServer ? '0' : '0 or 1');
        return;
      case MAX_CONCURRENT_STREAMS:
        this.maxConcurrentStreams = value;
        return;
      case INITIAL_WINDOW_SIZE:
        if (value > MAX_WINDOW)
          throw badValue('INITIAL_WINDOW_SIZE', value, `at most ${MAX_WINDOW}`, 'FLOW_CONTROL_ERROR');
        this.initialWindow = value;
        return;
      case MAX_FRAME_SIZE:
        if (value < MAX_SENT_BYTES || value > MAX_FRAME_BYTES)
          throw badValue('MAX_FRAME_SIZE', value, `${MAX_SENT_BYTES} to ${MAX_FRAME_BYTES}`);
        return;
      case ENABLE_CONNECT_PROTOCOL:
        if (value > 1 || (this.extendedConnect && value === 0))
          throw badValue('ENABLE_CONNECT_PROTOCOL', value, '0 or 1, and never 0 after 1');
        this.extendedConnect = value === 1;
        return;
      case NO_RFC7540_PRIORITIES:
        if (value > 1) throw badValue('NO_RFC7540_PRIORITIES', value, '0 or 1');
        return;
      default:
      // MAX_HEADER_LIST_SIZE is advice that we need not take; others we do not know (RFC 9113 §6.5.2).
    }
  }
}

function badValue(
  name: string,
  value: number,
  wanted: string,
  code: 'PROTOCOL_ERROR' | 'FLOW_CONTROL_ERROR' = 'PROTOCOL_ERROR',
): H2Error {
  return new H2Error(code, `SETTINGS_${name} is ${value}, want ${wanted} (RFC 9113 §6.5.2)`);
}

/** Ours, with which either role begins. A client refuses to be pushed anything; a server says how much it takes. */
export function writeSettings(out: ByteBuffer, options: H2SessionOptions): void {
  const settings: number[] = [
    HEADER_TABLE_SIZE,
    options.headerTableBytes,
    INITIAL_WINDOW_SIZE,
    options.initialStreamWindow,
    MAX_FRAME_SIZE,
    options.maxFrameBytes,
    MAX_HEADER_LIST_SIZE,
    options.maxListBytes,
  ];
  if (options.role === 'client') settings.push(ENABLE_PUSH, 0);
  else settings.push(MAX_CONCURRENT_STREAMS, options.maxConcurrentStreams, NO_RFC7540_PRIORITIES, 1);
  if (options.role === 'server' && options.extendedConnect) settings.push(ENABLE_CONNECT_PROTOCOL, 1);
  writeFrameHeader(out, (settings.length / 2) * SETTING_BYTES, SETTINGS, 0, 0);
  for (let i = 0; i < settings.length; i += 2) {
    out.u16(settings[i] as number);
    out.u32(settings[i + 1] as number);
  }
}
