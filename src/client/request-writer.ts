// RequestWriter: the body of one request, as it comes from the caller, out to the upstream behind its head.

import type { BodySink } from '../service/body-sink.js';
import type { Headers } from '../service/headers.js';
import type { MessageWriter } from '../wire/message-writer.js';

/** The connection, as the writer of its request sees it. */
export interface RequestWriterOwner {
  readonly writer: MessageWriter;
  isCurrent(body: RequestWriter): boolean;
  /** The half-close of a tunnel's caller. */
  endTunnel(): void;
  cancel(error: Error): void;
}

/** After its request ended, late calls do nothing. */
export class RequestWriter implements BodySink {
  readonly #connection: RequestWriterOwner;

  constructor(connection: RequestWriterOwner) {
    this.#connection = connection;
  }

  data(chunk: Buffer): boolean {
    return !this.#connection.isCurrent(this) || this.#connection.writer.data(chunk);
  }

  flush(): void {
    if (this.#connection.isCurrent(this)) this.#connection.writer.flush();
  }

  end(trailers: Headers | undefined): void {
    const connection = this.#connection;
    if (!connection.isCurrent(this)) return;
    connection.writer.end(trailers);
    if (connection.writer.framing === 'tunnel') connection.endTunnel();
  }

  fail(error: Error): void {
    if (this.#connection.isCurrent(this)) this.#connection.cancel(error);
  }
}
