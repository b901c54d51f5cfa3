// Server: the contract of a listener, whatever it speaks.

import type { Closable } from '../base/closable.js';
import type { GatewayError } from '../base/errors.js';
import type { ResponseHead } from '../service/message.js';

export interface Server extends Closable {
  /** Binds the socket. Rejects with a message that names ip and port. */
  listen(): Promise<ListenAddress>;
  /**
   * Takes no more connections, closes idle ones at once and busy ones as their exchanges end. Resolves when all are
   * closed, at the latest after `graceMs`, when those still open are reset.
   */
  drain(graceMs: number): Promise<void>;
}

export interface ListenAddress {
  readonly ip: string;
  readonly port: number;
}

/** What a server sends to a request that it refuses before there is an exchange; made by the router's error responder. */
export interface Refusal {
  readonly head: ResponseHead;
  readonly body: Buffer;
}

export type Refuse = (error: GatewayError) => Refusal;
