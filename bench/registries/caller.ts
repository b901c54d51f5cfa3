// Caller: one keep-alive connection to the gateway that asks for one service, one request after the other.

import { connect, type Socket } from 'node:net';

export interface CallerAnswer {
  readonly status: number;
  readonly body: string;
}

export class Caller {
  readonly #socket: Socket;
  readonly #request: string;
  #received = '';
  #waiting: { resolve(answer: CallerAnswer): void; reject(error: Error): void } | undefined;

  private constructor(socket: Socket, host: string) {
    this.#socket = socket;
    this.#request = `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#read(text));
    socket.on('error', (error) => this.#waiting?.reject(error));
    socket.on('close', () => this.#waiting?.reject(new Error('the gateway closed the connection')));
  }

  static connect(port: number, host: string): Promise<Caller> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new Caller(socket, host)));
    });
  }

  ask(): Promise<CallerAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(this.#request, 'latin1');
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(text: string): void {
    this.#received += text;
    const headEnd = this.#received.indexOf('\r\n\r\n');
    const length = headEnd < 0 ? Number.NaN : Number(/\r\ncontent-length: *(\d+)/i.exec(this.#received)?.[1]);
    const end = headEnd + 4 + length;
    if (!(this.#received.length >= end)) return;
    const answer = { status: Number(this.#received.slice(9, 12)), body: this.#received.slice(headEnd + 4, end) };
    this.#received = this.#received.slice(end);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve(answer);
  }
}
