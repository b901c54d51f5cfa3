// Http1Server: listens, and makes an Http1Connection of each socket that comes in.

import { createServer, type Server as NetServer, type Socket } from 'node:net';
import type { TimerHandle } from '../base/clock.js';
import { makeLogger } from '../base/log.js';
import { Http1Connection, type Http1ConnectionContext } from './http1-connection.js';
import type { Http1ServerOptions } from './http1-options.js';
import type { ListenAddress, Server } from './server.js';

const log = makeLogger('server');

const DEFAULT_HEAD_TIMEOUT_MS = 30_000;
const DEFAULT_IDLE_TIMEOUT_MS = 600_000;

export class Http1Server implements Server {
  readonly #options: Http1ServerOptions;
  readonly #server: NetServer;
  readonly #connections = new Set<Http1Connection>();
  readonly #context: Http1ConnectionContext;
  #sweep: TimerHandle | undefined;
  #drained: (() => void) | undefined;
  #closed = false;

  constructor(options: Http1ServerOptions) {
    this.#options = options;
    const closes = options.metrics.counter('closes');
    const durationMs = options.metrics.stat('connection_duration');
    this.#context = {
      options,
      draining: false,
      tick: 0,
      bytesReceived: options.metrics.counter('received_bytes'),
      bytesSent: options.metrics.counter('sent_bytes'),
      closed: (connection) => {
        closes.inc();
        durationMs.add(options.clock.now() - connection.openedAt);
        this.#forget(connection);
      },
    };
    const connects = options.metrics.counter('connects');
    options.metrics.gauge(['connections'], () => this.#connections.size);
    let connectionId = 0;
    this.#server = createServer(
      {
        allowHalfOpen: true,
        noDelay: options.noDelay ?? true,
        keepAlive: options.keepAlive ?? false,
        pauseOnConnect: true,
      },
      (socket: Socket) => {
        connects.inc();
        connectionId += 1;
        this.#connections.add(new Http1Connection(socket, connectionId, this.#context));
      },
    );
  }

  listen(): Promise<ListenAddress> {
    const { ip, port, backlog } = this.#options;
    return new Promise((resolve, reject) => {
      // Before it listens: the port is taken. Afterwards: a connection could not be accepted, for want of file descriptors
      // as a rule; those that are open go on, and so must the listener.
      this.#server.on('error', (cause) => {
        if (this.#server.listening) log.error(`listener ${ip}:${port}: ${cause.message}`);
        else reject(new Error(`Cannot listen on ${ip}:${port}: ${cause.message}`, { cause }));
      });
      this.#server.listen({ host: ip, port, ...(backlog === undefined ? {} : { backlog }) }, () => {
        this.#scheduleSweep();
        const address = this.#server.address();
        resolve(typeof address === 'object' && address ? { ip: address.address, port: address.port } : { ip, port });
      });
    });
  }

  async drain(graceMs: number): Promise<void> {
    this.#stopListening();
    this.#context.draining = true;
    for (const connection of [...this.#connections]) connection.drain();
    if (this.#connections.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#options.clock.after(graceMs, resolve);
        this.#drained = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    this.close();
  }

  close(): void {
    this.#stopListening();
    // Not before: a drain ends the sooner for it, when a caller reads its last response and does not close.
    this.#sweep?.cancel();
    for (const connection of [...this.#connections]) connection.destroy();
  }

  #stopListening(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#server.close();
  }

  #forget(connection: Http1Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#drained?.();
  }

  /**
   * One timer for all connections: a tick each quarter of the shorter timeout, at most a second. Connections note the
   * tick at which they began to wait, which costs nothing, in place of a timer each.
   */
  #scheduleSweep(): void {
    const headTimeoutMs = this.#options.headTimeoutMs ?? DEFAULT_HEAD_TIMEOUT_MS;
    const idleTimeoutMs = this.#options.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS;
    const tickMs = Math.max(1, Math.min(1000, headTimeoutMs / 4, idleTimeoutMs / 4));
    const headTicks = Math.ceil(headTimeoutMs / tickMs);
    const idleTicks = Math.ceil(idleTimeoutMs / tickMs);
    const sweep = (): void => {
      this.#context.tick += 1;
      for (const connection of this.#connections) connection.sweep(headTicks, idleTicks);
      this.#sweep = this.#options.clock.after(tickMs, sweep);
    };
    this.#sweep = this.#options.clock.after(tickMs, sweep);
  }
}
