// WebSocketHandshake: what RFC 6455 asks of a client, for a caller that came by extended CONNECT (RFC 8441), which has none
// of it: a key in the request out, the proof that the upstream has read it in.

import { createHash, randomBytes } from 'node:crypto';
import { GatewayError } from '../base/errors.js';
import type { Headers } from '../service/headers.js';
import { quote } from '../wire/field-lines.js';

/** RFC 6455 §1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const KEY_BYTES = 16;

export class WebSocketHandshake {
  readonly #key: string;

  constructor(key: string = randomBytes(KEY_BYTES).toString('base64')) {
    this.#key = key;
  }

  /** Lines for the head of the request. */
  get http1(): string {
    return `Sec-WebSocket-Key: ${this.#key}\r\n`;
  }

  /** Throws `upstream-malformed` for an answer that its caller would take for a tunnel (RFC 9113 §8.5). */
  refuse(status: number): void {
    if (status < 300) throw new GatewayError('upstream-malformed', `${status} to a WebSocket handshake, want 101`);
  }

  /** Takes the proof out of the headers of the 101: the caller asked for none. Throws `upstream-malformed`. */
  check(headers: Headers): void {
    const wanted = webSocketAccept(this.#key);
    const proof = headers.getAll('sec-websocket-accept').join(', ');
    if (proof !== wanted)
      throw new GatewayError(
        'upstream-malformed',
        `101 with Sec-WebSocket-Accept ${quote(proof)}, want ${quote(wanted)} (RFC 6455 §4.1)`,
      );
    headers.remove('sec-websocket-accept');
  }
}

/** Sec-WebSocket-Accept for this Sec-WebSocket-Key. */
export function webSocketAccept(key: string): string {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64');
}
