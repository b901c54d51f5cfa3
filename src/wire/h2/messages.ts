// Messages: decoded field sections in; requests to the owner, responses and trailers to listeners out, if well-formed (RFC 9113 §8).

import { FieldsCheck } from './fields-check.js';
import { badField, DEPENDS_ON_ITSELF, lessThanStated } from './frame-errors.js';
import { HEADERS } from './frames.js';
import type { GoingAway } from './going-away.js';
import type { DecodedBlock } from './hpack-decoder.js';
import type { SessionStreams } from './session-streams.js';
import type { SessionStream } from './stream.js';

const TOO_LARGE: readonly string[] = [':status', '431', 'content-length', '0'];

/** One for all: checking is synchronous. */
const check = new FieldsCheck();

export class Messages {
  readonly #streams: SessionStreams;
  readonly #goingAway: GoingAway;

  constructor(streams: SessionStreams, goingAway: GoingAway) {
    this.#streams = streams;
    this.#goingAway = goingAway;
  }

  /** `isSelfDependent`: the priority in HEADERS said so. */
  section(id: number, endStream: boolean, isSelfDependent: boolean, decoded: DecodedBlock): void {
    const streams = this.#streams;
    const stream = streams.open.get(id);
    if (!stream) {
      if (streams.isServer && id > streams.closed.lastId) this.#request(id, endStream, isSelfDependent, decoded);
      else streams.frameOnClosed(HEADERS, id);
      return;
    }
    if (stream.isReceived) streams.refuse(stream, 'STREAM_CLOSED', 'HEADERS came behind the end of the stream');
    else if (isSelfDependent) streams.refuse(stream, 'PROTOCOL_ERROR', DEPENDS_ON_ITSELF);
    else if (decoded.invalid !== undefined) streams.refuse(stream, 'PROTOCOL_ERROR', badField(decoded.invalid));
    else if (decoded.tooLarge) streams.refuse(stream, 'ENHANCE_YOUR_CALM', this.#tooLarge());
    else {
      stream.sensitive = decoded.sensitive;
      if (stream.hasHead) this.#trailers(stream, endStream, decoded.fields);
      else this.#response(stream, endStream, decoded.fields);
    }
  }

  // ---- server ----

  #request(id: number, endStream: boolean, isSelfDependent: boolean, decoded: DecodedBlock): void {
    const streams = this.#streams;
    const { maxConcurrentStreams, extendedConnect } = streams.options;
    if (this.#goingAway.phase === 'final') {
      this.#decline(id, 'the connection is going away');
      return;
    }
    if (streams.open.size >= maxConcurrentStreams) {
      this.#decline(id, `${streams.open.size} streams are open, which is all that we take`);
      return;
    }
    let wrong: string | undefined;
    if (isSelfDependent) wrong = DEPENDS_ON_ITSELF;
    else if (decoded.invalid !== undefined) wrong = badField(decoded.invalid);
    else if (decoded.tooLarge) {
      this.#answerTooLarge(id, endStream);
      return;
    } else wrong = check.request(decoded.fields, extendedConnect === true);
    if (wrong === undefined && endStream && check.contentLength > 0 && !check.isConnect)
      wrong = `content-length is ${check.contentLength}, and the request has no body`;
    if (wrong !== undefined) {
      streams.closed.opened(id);
      streams.refuseId(id, 'PROTOCOL_ERROR', wrong);
      streams.floods.resets.count();
      return;
    }
    const stream = streams.add(id);
    stream.sensitive = decoded.sensitive;
    stream.contentLength = check.contentLength;
    stream.isConnect = check.isConnect;
    if (!check.isConnect) stream.bodyLeft = check.contentLength;
    stream.isReceived = endStream;
    streams.owner.request(stream, decoded.fields, endStream);
  }

  /** Nothing was done for the stream: its request may be sent again. */
  #decline(id: number, why: string): void {
    this.#streams.closed.opened(id);
    this.#streams.refuseId(id, 'REFUSED_STREAM', why);
    this.#streams.floods.ignored.count();
  }

  #answerTooLarge(id: number, endStream: boolean): void {
    const stream = this.#streams.add(id);
    stream.isReceived = endStream;
    stream.headers(TOO_LARGE, true);
    this.#streams.owner.streamError?.(id, 'NO_ERROR', this.#tooLarge());
  }

  #tooLarge(): string {
    const { maxListBytes } = this.#streams.options;
    return `a field section has more than ${maxListBytes} octets (SETTINGS_MAX_HEADER_LIST_SIZE)`;
  }

  // ---- client ----

  #response(stream: SessionStream, endStream: boolean, fields: string[]): void {
    let wrong = check.response(fields);
    const isInterim = check.status < 200;
    if (wrong === undefined && isInterim && endStream)
      wrong = `a response with :status ${check.status} ends the stream`;
    if (wrong !== undefined) {
      this.#streams.refuse(stream, 'PROTOCOL_ERROR', wrong);
      return;
    }
    if (isInterim) {
      this.#interim(stream, fields);
      return;
    }
    stream.hasHead = true;
    stream.contentLength = check.contentLength;
    stream.bodyLeft = bodyOf(stream, check.status, check.contentLength);
    if (endStream) {
      if (stream.bodyLeft > 0) {
        this.#streams.refuse(stream, 'PROTOCOL_ERROR', lessThanStated(stream));
        return;
      }
      this.#streams.markReceived(stream);
    }
    stream.listener?.headers(fields, endStream);
  }

  /** Each is a call of the listener and a head to the caller, and would otherwise keep a request waiting for ever. */
  #interim(stream: SessionStream, fields: string[]): void {
    const { maxInterimResponses } = this.#streams.options.limits;
    stream.interimResponses += 1;
    if (stream.interimResponses <= maxInterimResponses) stream.listener?.headers(fields, false);
    else
      this.#streams.refuse(
        stream,
        'ENHANCE_YOUR_CALM',
        `more than ${maxInterimResponses} responses of 1xx came, and none that is final`,
      );
  }

  // ---- either ----

  #trailers(stream: SessionStream, endStream: boolean, fields: string[]): void {
    let wrong = check.trailers(fields);
    if (!endStream) wrong = 'a second head came, or trailers that do not end the stream (RFC 9113 §8.1)';
    else if (stream.bodyLeft > 0) wrong = lessThanStated(stream);
    if (wrong !== undefined) {
      this.#streams.refuse(stream, 'PROTOCOL_ERROR', wrong);
      return;
    }
    this.#streams.markReceived(stream);
    stream.listener?.headers(fields, true);
  }
}

/** Octets of body that the response's fields promise; -1: any number (RFC 9110 §6.4.1). */
function bodyOf(stream: SessionStream, status: number, contentLength: number): number {
  if (stream.isHead || status === 204 || status === 304) return 0;
  return stream.isConnect && status < 300 ? -1 : contentLength;
}
