// FakeZooKeeper: a server that greets as ZooKeeper does and then sends whatever bytes a test wants.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { JuteReader, JuteWriter } from '../registries/jute.js';

/** A request after the greeting. */
export interface FakeRequest {
  readonly xid: number;
  readonly operation: number;
  /** Of the connection: 0 for the first one. */
  readonly connection: number;
  readonly socket: Socket;
  /** Sends an answer without an error: its head and `body`. */
  answer(body: JuteWriter): void;
  fail(code: number): void;
}

export interface FakeZooKeeper {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  close(): Promise<void>;
}

export const GET_CHILDREN = 12;
export const PING = 11;

/** A new session with a timeout of one second. */
export const GREETING = new JuteWriter().int(0).int(1000).long(7n).buffer(Buffer.alloc(16)).bool(false).packet();

/** `greet` is called with the client's greeting instead of answering it as usual, where it is given. */
export async function startFakeZooKeeper(
  onRequest: (request: FakeRequest) => void,
  greet?: (socket: Socket, greeting: JuteReader) => void,
): Promise<FakeZooKeeper> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server: Server = createServer((socket) => {
    const connection = connections;
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    let isGreeted = false;
    onFrames(socket, (frame) => {
      if (!isGreeted) {
        isGreeted = true;
        if (greet) greet(socket, frame);
        else socket.write(GREETING);
        return;
      }
      const [xid, operation] = [frame.int(), frame.int()];
      const reply = (code: number): JuteWriter => new JuteWriter().int(xid).long(1n).int(code);
      onRequest({
        xid,
        operation,
        connection,
        socket,
        answer: (body) => socket.write(framed(Buffer.concat([reply(0).bytes(), body.bytes()]))),
        fail: (code) => socket.write(reply(code).packet()),
      });
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** `bytes` with their length in front. */
export function framed(bytes: Buffer): Buffer {
  return Buffer.concat([new JuteWriter().int(bytes.length).bytes(), bytes]);
}

/** The body of an answer to getChildren: names and a Stat of zeros. */
export function childrenBody(...names: readonly string[]): JuteWriter {
  const body = new JuteWriter().int(names.length);
  for (const name of names) body.text(name);
  for (let i = 0; i < 68 / 4; i++) body.int(0);
  return body;
}

/** The body of an answer to getData. */
export function dataBody(content: string): JuteWriter {
  const body = new JuteWriter().text(content);
  for (let i = 0; i < 68 / 4; i++) body.int(0);
  return body;
}

function onFrames(socket: Socket, take: (frame: JuteReader) => void): void {
  let arrived = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    arrived = Buffer.concat([arrived, chunk]);
    while (arrived.length >= 4 && arrived.length >= 4 + arrived.readInt32BE()) {
      const end = 4 + arrived.readInt32BE();
      const frame = new JuteReader(arrived.subarray(4, end));
      arrived = arrived.subarray(end);
      take(frame);
    }
  });
}
