// CutProxy: TCP to a server on loopback by way of a proxy that can fail the ways a network does, so that only the client sees it.

import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePorts } from './free-port.js';

export async function startCutProxy(target: { readonly host?: string; readonly port: number }): Promise<CutProxy> {
  const [port = 0] = await freePorts(1);
  const proxy = new CutProxy(target.host ?? '127.0.0.1', target.port, port);
  await proxy.pass();
  return proxy;
}

/** One client's connection and the one to the server that goes with it. */
interface Link {
  readonly client: Socket;
  readonly server: Socket;
}

export class CutProxy {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #links = new Set<Link>();
  #listener: Server | undefined;
  #flowing = true;

  constructor(host: string, targetPort: number, port: number) {
    this.#target = { host, port: targetPort };
    this.port = port;
  }

  /** `127.0.0.1:2181` */
  get address(): string {
    return `${this.host}:${this.port}`;
  }

  /** Connections that are open through it. */
  get connections(): number {
    return this.#links.size;
  }

  /** Bytes flow, on open connections and on new ones: what a black hole held back arrives now. */
  async pass(): Promise<void> {
    this.#setFlowing(true);
    await this.#listen();
  }

  /** New connections are refused (ECONNREFUSED). Open ones go on as they were: `cut()` ends them. */
  async refuse(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    // Its callback would wait for the open connections; it listens no more at once.
    listener?.close();
  }

  /** Connections are accepted and stay open, and not a byte arrives in either direction: a firewall that drops packets. */
  async blackHole(): Promise<void> {
    this.#setFlowing(false);
    await this.#listen();
  }

  /** Resets the open connections, at both ends, now. New ones fare as before. */
  cut(): void {
    for (const { client, server } of this.#links) {
      reset(client);
      reset(server);
    }
  }

  async close(): Promise<void> {
    await this.refuse();
    for (const { client, server } of this.#links) {
      client.destroy();
      server.destroy();
    }
  }

  #listen(): Promise<void> {
    if (this.#listener) return Promise.resolve();
    // Paused until the link is made: what a client says first must not be lost.
    const listener = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (client) =>
      this.#link(client),
    );
    this.#listener = listener;
    return new Promise((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(this.port, this.host, resolve);
    });
  }

  #link(client: Socket): void {
    const server = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    const link: Link = { client, server };
    this.#links.add(link);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on('data', (chunk) => {
        if (!to.write(chunk)) from.pause();
      });
      to.on('drain', () => {
        if (this.#flowing) from.resume();
      });
      from.on('end', () => to.end());
      from.on('error', () => reset(to));
      from.on('close', () => {
        to.destroySoon();
        this.#links.delete(link);
      });
    }
    if (this.#flowing) flow(link);
    else hold(link);
  }

  #setFlowing(flowing: boolean): void {
    this.#flowing = flowing;
    for (const link of this.#links) (flowing ? flow : hold)(link);
  }
}

function flow({ client, server }: Link): void {
  client.resume();
  server.resume();
}

function hold({ client, server }: Link): void {
  client.pause();
  server.pause();
}

/** A socket that is being shut down cannot be reset: Node would leave its handle open for ever, and could not even exit. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
