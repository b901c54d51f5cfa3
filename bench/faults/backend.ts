// Backend: a server that answers, fails, hangs, resets or refuses as it is told, and remembers every request that it was sent.
//
// On plain sockets, since half of what it does no HTTP server would. It understands GETs without a body, as the load sends them
// through the gateway, one at a time on a connection.

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { nowMs } from '../proxy/metronome.js';

/**
 * - `answers`: 200; `fails`: 500;
 * - `hangs`: takes requests and never answers them;
 * - `resets`: each connection, when a request comes;
 * - `accepts`: drops its connections, takes new ones and never reads them;
 * - `refuses`: drops its connections, and listens no more.
 */
export type Behaviour = 'answers' | 'fails' | 'hangs' | 'resets' | 'accepts' | 'refuses';

/** Requests that came, in order; of one that was never read the number is -1. */
export interface Attempts {
  readonly atMs: number[];
  /** As the load numbers them. */
  readonly numbers: number[];
}

export interface BackendOptions {
  /** Its answers are `backend <index>`. */
  readonly index: number;
  /** 0: they come at once. Else in two parts, at random within so many ms. */
  readonly slowMs: number;
}

/** The backend that sent such a body; undefined for any other. */
export function backendOf(body: string): number | undefined {
  const index = /^backend (\d+)$/.exec(body)?.[1];
  return index === undefined ? undefined : Number(index);
}

export class Backend {
  readonly attempts: Attempts = { atMs: [], numbers: [] };
  readonly #options: BackendOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Those of `accepts`, whose one request has been counted. */
  readonly #unread = new Set<Socket>();
  #behaviour: Behaviour = 'answers';
  #port = 0;

  constructor(options: BackendOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: '127.0.0.1', port: this.#port, backlog: 4096 }, () => {
        this.#port = (this.#server.address() as AddressInfo).port;
        resolve(this.#port);
      });
    });
  }

  /** Resolves when it does. */
  async behave(behaviour: Behaviour): Promise<void> {
    const before = this.#behaviour;
    this.#behaviour = behaviour;
    if (behaviour === 'accepts' || behaviour === 'refuses')
      for (const socket of this.#sockets) socket.resetAndDestroy();
    if (behaviour === 'refuses' && before !== 'refuses') this.#server.close();
    else if (behaviour !== 'refuses' && before === 'refuses') await this.listen();
    if (behaviour !== 'accepts') for (const socket of this.#unread) this.#read(socket);
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    // The gateway resets what it has given up.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#unread.delete(socket);
    });
    if (this.#behaviour !== 'accepts') {
      this.#read(socket);
      return;
    }
    this.#came(-1);
    this.#unread.add(socket);
  }

  #read(socket: Socket): void {
    let isCounted = this.#unread.delete(socket);
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
      if (!text.endsWith('\r\n\r\n')) return;
      if (!isCounted) this.#came(Number(/^GET \/r\/(\d+) /.exec(text)?.[1] ?? -1));
      isCounted = false;
      text = '';
      this.#answer(socket);
    });
  }

  #came(number: number): void {
    this.attempts.atMs.push(nowMs());
    this.attempts.numbers.push(number);
  }

  #answer(socket: Socket): void {
    switch (this.#behaviour) {
      case 'answers':
        this.#succeed(socket);
        return;
      case 'fails':
        socket.write('HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n');
        return;
      case 'resets':
        socket.resetAndDestroy();
        return;
      // Those of the last two came before: their connections are lost already.
      case 'hangs':
      case 'accepts':
      case 'refuses':
        return;
      default:
        this.#behaviour satisfies never;
    }
  }

  #succeed(socket: Socket): void {
    const { index, slowMs } = this.#options;
    const [first, second] = ['backend ', String(index)] as const;
    const head = `HTTP/1.1 200 OK\r\nContent-Length: ${first.length + second.length}\r\n\r\n`;
    if (slowMs === 0) {
      socket.write(head + first + second, 'latin1');
      return;
    }
    // One after the other: two timers of an event loop that was held up fire in any order.
    const firstMs = Math.random() * slowMs;
    setTimeout(() => {
      socket.write(head + first, 'latin1');
      setTimeout(() => socket.write(second, 'latin1'), Math.random() * (slowMs - firstMs));
    }, firstMs);
  }
}
