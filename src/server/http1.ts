// Http1Server: listens, and makes a connection of each socket that comes in: of HTTP/1.1, of HTTP/2, over TLS or not.

import { createServer, type Server as NetServer, type Socket } from 'node:net';
import type { TimerHandle } from '../base/clock.js';
import { makeLogger } from '../base/log.js';
import { Http1Context } from './http1-context.js';
import type { Http1ServerOptions } from './http1-options.js';
import type { ListenAddress, Server } from './server.js';
import type { ServerConnection } from './server-connection.js';

const log = makeLogger('server');

/** Callers that keep coming do not keep a listener open that drains. */
const LAST_ACCEPTS_MS = 250;
const MOST_LAST_TURNS = 1000;

export class Http1Server implements Server<Http1ServerOptions> {
  readonly #server: NetServer;
  readonly #context: Http1Context;
  readonly #connections: Set<ServerConnection>;
  readonly #listensOn: Pick<Http1ServerOptions, 'ip' | 'port' | 'backlog'>;
  #sweep: TimerHandle | undefined;
  #drained: (() => void) | undefined;
  #closed = false;

  constructor(options: Http1ServerOptions) {
    this.#listensOn = options;
    this.#context = new Http1Context(options, (connection) => this.#forget(connection));
    this.#connections = this.#context.connections;
    this.#countIn(options);
    let connectionId = 0;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket: Socket) => {
      const { limits, metrics } = this.#context;
      metrics.connects.inc();
      if (this.#connections.size >= limits.maxConnections && !this.#evict()) {
        metrics.refused.inc();
        socket.on('error', () => {});
        socket.resetAndDestroy();
        return;
      }
      const { noDelay = true, keepAlive = false } = this.#context.options;
      if (noDelay) socket.setNoDelay(true);
      if (keepAlive) socket.setKeepAlive(true);
      connectionId += 1;
      this.#context.accept(socket, connectionId);
    });
  }

  listen(): Promise<ListenAddress> {
    const { ip, port, backlog } = this.#listensOn;
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

  reconfigure(options: Http1ServerOptions): void {
    const { metrics } = this.#context.options;
    this.#context.configure(options);
    if (options.metrics !== metrics) this.#countIn(options);
    while (this.#connections.size > options.maxConnections && this.#evict()) {}
  }

  async drain(graceMs: number): Promise<void> {
    const { clock } = this.#context.options;
    this.#context.draining = true;
    const over = new Promise<void>((resolve) => {
      const timer = clock.after(graceMs, resolve);
      this.#drained = () => {
        timer.cancel();
        resolve();
      };
    });
    await this.#takeWhatIsSent(clock.now() + LAST_ACCEPTS_MS);
    for (const connection of [...this.#connections]) connection.drain();
    if (this.#connections.size === 0) this.#drained?.();
    await over;
    this.close();
  }

  /**
   * Stops listening when nobody waits to be accepted, and returns when what those had sent is read. The system has accepted
   * them for us already: closing the listener at once would reset them, and a request with each.
   */
  async #takeWhatIsSent(deadline: number): Promise<void> {
    const { connects } = this.#context.metrics;
    let seen = -1;
    for (let turn = 0; turn < MOST_LAST_TURNS && connects.value !== seen; turn++) {
      if (this.#context.options.clock.now() > deadline) break;
      seen = connects.value;
      await eventLoopTurn();
    }
    this.#stopListening();
    await eventLoopTurn();
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

  #countIn({ metrics }: Http1ServerOptions): void {
    metrics.gauge(['connections'], () => this.#connections.size);
    metrics.gauge(['tunnels'], () => this.#context.tunnels);
    metrics.gauge(['streams'], () => {
      let sum = 0;
      for (const { streams } of this.#connections) sum += streams;
      return sum;
    });
    for (const connection of this.#connections) connection.countAnew();
  }

  /** Closes the connection that has been idle longest. False: none is idle. */
  #evict(): boolean {
    const connection = this.#context.idle.takeOldest();
    if (!connection) return false;
    this.#context.metrics.evicted.inc();
    connection.destroy();
    // Its socket says so later; the next connection is counted before that.
    this.#forget(connection);
    return true;
  }

  #forget(connection: ServerConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0 && this.#closed) this.#drained?.();
  }

  /**
   * One timer for all connections, which note the time of the last sweep when they begin to wait: that costs nothing, in
   * place of a timer each. Time is what the sweeps add up to, so that while the process was stopped nobody was slow.
   */
  #scheduleSweep(): void {
    const { options, limits } = this.#context;
    this.#sweep = options.clock.after(limits.sweepMs, () => {
      this.#context.now += limits.sweepMs;
      const { lifeMs } = this.#context.limits;
      const bornBefore = lifeMs === Number.POSITIVE_INFINITY ? Number.NEGATIVE_INFINITY : options.clock.now() - lifeMs;
      for (const connection of this.#connections) connection.sweep(bornBefore);
      this.#scheduleSweep();
    });
  }
}

/** Resolves when every socket that has something has been looked at: the first `setImmediate` may come before that. */
function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}
