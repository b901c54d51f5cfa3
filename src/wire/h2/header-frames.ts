// HeaderFrames: HEADERS and CONTINUATION in, the field sections of messages out (RFC 9113 §6.2, §6.10).

import { isValidField } from './fields-check.js';
import { badSize, onConnection, onIdle, tooMuchPadding } from './frame-errors.js';
import { uint31 } from './frame-reader.js';
import { END_HEADERS, END_STREAM, HAS_PRIORITY, HEADERS, PADDED } from './frames.js';
import { H2Error } from './h2-error.js';
import { HeaderBlock } from './header-block.js';
import { HpackDecoder } from './hpack-decoder.js';
import type { Messages } from './messages.js';
import type { SessionStreams } from './session-streams.js';

/** Octets of a priority (RFC 9113 §6.2). */
const PRIORITY_BYTES = 5;

export class HeaderFrames {
  readonly block: HeaderBlock;
  readonly decoder: HpackDecoder;
  readonly #streams: SessionStreams;
  readonly #messages: Messages;

  constructor(streams: SessionStreams, messages: Messages) {
    const { limits, headerTableBytes, maxListBytes } = streams.options;
    this.block = new HeaderBlock(limits.maxBlockFrames, limits.maxBlockBytes);
    this.decoder = new HpackDecoder({ maxTableBytes: headerTableBytes, maxListBytes, isValid: isValidField });
    this.#streams = streams;
    this.#messages = messages;
  }

  headers(flags: number, id: number, bytes: Buffer, payloadStart: number, payloadEnd: number): void {
    const { isServer } = this.#streams;
    if (id === 0) throw onConnection(HEADERS);
    if (this.#streams.isIdle(id) && !(isServer && (id & 1) === 1)) throw onIdle(HEADERS, id);
    let start = payloadStart;
    let end = payloadEnd;
    const isPadded = (flags & PADDED) !== 0;
    const priorityBytes = (flags & HAS_PRIORITY) !== 0 ? PRIORITY_BYTES : 0;
    if (end - start < (isPadded ? 1 : 0) + priorityBytes) throw badSize(HEADERS, end - start);
    if (isPadded) {
      const padding = bytes[start] as number;
      start += 1;
      end -= padding;
      if (end < start + priorityBytes) throw tooMuchPadding(HEADERS);
    }
    const isSelfDependent = priorityBytes > 0 && uint31(bytes, start) === id;
    start += priorityBytes;
    const endStream = (flags & END_STREAM) !== 0;
    if ((flags & END_HEADERS) !== 0) {
      this.#messages.section(id, endStream, isSelfDependent, this.decoder.decode(bytes, start, end));
      return;
    }
    this.block.open(id, endStream, isSelfDependent);
    this.block.add(bytes, start, end);
  }

  continuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const { block } = this;
    const { id } = block;
    if (id === 0) throw new H2Error('PROTOCOL_ERROR', 'CONTINUATION comes without HEADERS (RFC 9113 §6.10)');
    block.add(bytes, start, end);
    if ((flags & END_HEADERS) === 0) return;
    const whole = block.close();
    this.#messages.section(id, block.endStream, block.isSelfDependent, this.decoder.decode(whole, 0, whole.length));
  }
}
