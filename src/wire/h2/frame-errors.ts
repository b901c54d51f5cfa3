// What is wrong with a frame: the error, or the words for it, that go to the peer, to logs and to listeners.

import { quote } from '../field-lines.js';
import { DATA, frameName } from './frames.js';
import { H2Error, type H2ErrorCode } from './h2-error.js';

/** What a stream has said of its body. */
interface BodyCount {
  readonly contentLength: number;
  readonly bodyLeft: number;
}

export const DEPENDS_ON_ITSELF = 'a stream depends on itself';

export function onConnection(type: number): H2Error {
  return new H2Error('PROTOCOL_ERROR', `${frameName(type)} names stream 0, want a stream (RFC 9113 §6)`);
}

export function onStream(type: number, id: number): H2Error {
  return new H2Error('PROTOCOL_ERROR', `${frameName(type)} names stream ${id}, want stream 0 (RFC 9113 §6)`);
}

export function onIdle(type: number, id: number): H2Error {
  return new H2Error('PROTOCOL_ERROR', `${frameName(type)} names stream ${id}, which is idle (RFC 9113 §5.1)`);
}

export function badSize(type: number, octets: number): H2Error {
  return new H2Error('FRAME_SIZE_ERROR', `${frameName(type)} cannot have ${octets} octets (RFC 9113 §6)`);
}

export function badField(name: string): string {
  return `the field ${quote(name)} may not be in a message (RFC 9113 §8.2)`;
}

export function lessThanStated(stream: BodyCount): string {
  return `content-length is ${stream.contentLength}, and ${stream.bodyLeft} bytes of body did not come`;
}

export function moreThanStated(stream: BodyCount): string {
  return `content-length is ${stream.contentLength}, and more bytes of body came`;
}

export function badIncrement(increment: number): string {
  return `WINDOW_UPDATE adds ${increment}, want at least 1, and a window of at most 2^31 - 1 (RFC 9113 §6.9)`;
}

export function badIncrementCode(increment: number): H2ErrorCode {
  return increment === 0 ? 'PROTOCOL_ERROR' : 'FLOW_CONTROL_ERROR';
}

/** RFC 9113 §6.1, §6.2. */
export function tooMuchPadding(type: number): H2Error {
  return new H2Error(
    'PROTOCOL_ERROR',
    `${type === DATA ? 'DATA' : 'HEADERS'} says to have more padding than it has octets (RFC 9113 §6.1)`,
  );
}
