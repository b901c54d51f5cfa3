// DataFrames: DATA in, in pieces as they come; bodies to listeners out, held to windows and to content-length (RFC 9113 §6.1).

import { lessThanStated, moreThanStated, onConnection } from './frame-errors.js';
import { DATA, END_STREAM } from './frames.js';
import { H2Error } from './h2-error.js';
import type { SessionStreams } from './session-streams.js';
import type { SessionStream } from './stream.js';

export class DataFrames {
  readonly #streams: SessionStreams;
  /** Of the frame that is being read: its stream, if that wants it; its octets; whether it had any data. */
  #stream: SessionStream | undefined;
  #octets = 0;
  #hasData = false;
  #endsStream = false;

  constructor(streams: SessionStreams) {
    this.#streams = streams;
  }

  begins(flags: number, id: number, length: number): void {
    const streams = this.#streams;
    if (id === 0) throw onConnection(DATA);
    this.#octets = length;
    this.#hasData = false;
    this.#endsStream = (flags & END_STREAM) !== 0;
    // The connection's window counts what comes on closed streams too (RFC 9113 §5.1).
    if (!streams.inbound.take(length))
      throw new H2Error('FLOW_CONTROL_ERROR', 'DATA goes past the window of the connection (RFC 9113 §6.9.1)');
    const stream = streams.open.get(id);
    this.#stream = stream;
    if (!stream) streams.frameOnClosed(DATA, id);
    else if (stream.isReceived) streams.refuse(stream, 'STREAM_CLOSED', 'DATA came behind the end of the stream');
    else if (!stream.hasHead) streams.refuse(stream, 'PROTOCOL_ERROR', 'DATA came before the head of the response');
    else if (!streams.inbound.takeFor(stream, length))
      streams.refuse(stream, 'FLOW_CONTROL_ERROR', 'DATA goes past the window of the stream (RFC 9113 §6.9.1)');
  }

  /** `bytes[start, end)`, at least one. */
  piece(bytes: Buffer, start: number, end: number): void {
    this.#hasData = true;
    const stream = this.#stream;
    if (!stream || stream.isClosed) return;
    if (stream.bodyLeft >= 0) {
      stream.bodyLeft -= end - start;
      if (stream.bodyLeft < 0) {
        this.#streams.refuse(stream, 'PROTOCOL_ERROR', moreThanStated(stream));
        return;
      }
    }
    const { listener } = stream;
    if (!listener) return;
    const piece = start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
    if (!listener.data(piece)) stream.isHeld = true;
  }

  end(): void {
    const { inbound, floods } = this.#streams;
    const stream = this.#stream;
    this.#stream = undefined;
    if (!this.#hasData && !this.#endsStream) floods.emptyData.count();
    if (!stream || stream.isClosed) {
      inbound.passed(this.#octets);
      return;
    }
    inbound.handedOn(stream, this.#octets, this.#endsStream);
    if (this.#endsStream) this.#received(stream);
  }

  #received(stream: SessionStream): void {
    if (stream.bodyLeft > 0) {
      this.#streams.refuse(stream, 'PROTOCOL_ERROR', lessThanStated(stream));
      return;
    }
    this.#streams.markReceived(stream);
    stream.listener?.end();
  }
}
