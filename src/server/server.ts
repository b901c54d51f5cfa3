// Server: the contract of a listener, whatever it speaks.

import type { Closable } from '../base/closable.js';
import type { GatewayError } from '../base/errors.js';
import type { RequestHead, ResponseHead } from '../service/message.js';

/** `Options` are those that it was made with; who does not know them cannot change them. */
export interface Server<Options = never> extends Closable {
  /** Binds the socket. Rejects with a message that names ip and port. */
  listen(): Promise<ListenAddress>;
  /**
   * From here on it works by `options`: what serves requests and answers those that cannot be read, every limit and
   * timeout, where it counts. For connections that are open and those to come alike; options of sockets for those to come.
   * Nothing is closed but what is over a lower limit and idle; an exchange under way ends as it began. The address that it
   * listens on and the backlog stay as they were.
   */
  reconfigure(options: Options): void;
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

/** `request` where its head could be read. */
export type Refuse = (error: GatewayError, request?: RequestHead) => Refusal;
