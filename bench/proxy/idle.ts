// Idle connections: so many kept-alive connections, each of which has made one request, held open until closed.

import { connect, type Socket } from 'node:net';
import { hostName } from './request.js';
import { SMALL_BYTES, SMALL_PATH } from './upstream.js';

const AT_ONCE = 100;
const ANSWER_LIMIT_MS = 10_000;
/** Source addresses in use: each has its own 28,000 ports, and those of closed connections stay taken for a minute. */
const SOURCES = 16;

export class IdleConnections {
  readonly #sockets: Socket[];

  private constructor(sockets: Socket[]) {
    this.#sockets = sockets;
  }

  /** Opens up to `count`; those refused or left unanswered are not among the open ones. */
  static async open(port: number, count: number): Promise<IdleConnections> {
    const sockets: Socket[] = [];
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < count) {
        const socket = await openOne(port, next++);
        if (socket) sockets.push(socket);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return new IdleConnections(sockets);
  }

  /** How many the proxy has not closed. */
  get open(): number {
    return this.#sockets.filter((socket) => socket.readyState === 'open').length;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

function openOne(port: number, number: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      localAddress: `127.0.0.${2 + (number % SOURCES)}`,
      noDelay: true,
    });
    let received = '';
    const finish = (result: Socket | undefined): void => {
      socket.setTimeout(0);
      if (!result) socket.destroy();
      resolve(result);
    };
    socket.setTimeout(ANSWER_LIMIT_MS, () => finish(undefined));
    socket.on('error', () => finish(undefined));
    socket.on('close', () => finish(undefined));
    socket.on('connect', () => socket.write(`GET ${SMALL_PATH} HTTP/1.1\r\nHost: ${hostName(0)}\r\n\r\n`));
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
      const headEnd = received.indexOf('\r\n\r\n');
      if (headEnd >= 0 && received.length >= headEnd + 4 + SMALL_BYTES) finish(socket);
    });
  });
}
