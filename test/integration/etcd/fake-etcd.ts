// FakeEtcd: what a test says a server answers, as gRPC on the wire; for answers that no real etcd gives.

import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { type FieldToWrite, writeMessage } from '../../../namers/etcd/protobuf.js';

/** How calls of a method are answered; `reply` sends one message. */
export type Answer = (reply: (message: Buffer) => void, stream: ServerHttp2Stream) => void;

export interface FakeEtcd {
  readonly url: string;
  /** Connections that are open. */
  readonly connections: number;
  /** From here on; a watch stays open until the test ends it. Default: an empty store at revision 5. */
  range: Answer;
  watch: Answer;
}

export async function startFakeEtcd(t: TestContext): Promise<FakeEtcd> {
  const server = createServer();
  const sessions = new Set<ServerHttp2Session>();
  const fake = {
    url: '',
    get connections() {
      return sessions.size;
    },
    range: rangeAnswer(5),
    watch: (reply: (message: Buffer) => void) => reply(watchMessage(5, [3, true])),
  };
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', () => {});
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    stream.resume();
    const answer = String(headers[':path']).endsWith('/Watch') ? fake.watch : fake.range;
    answer((message) => send(stream, message), stream);
  });
  await listen(server);
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  fake.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return fake;
}

/** One message and a good end. */
export function rangeAnswer(revision: number, ...fields: readonly FieldToWrite[]): Answer {
  return (reply, stream) => {
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    reply(writeMessage([1, writeMessage([3, revision])], ...fields));
    stream.end();
  };
}

/** Ends the call with a status and nothing before. */
export function refusal(status: number, message: string): Answer {
  return (_, stream) => {
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': String(status), 'grpc-message': message },
      { endStream: true },
    );
  };
}

export function entry(key: string, value: string): FieldToWrite {
  return [2, writeMessage([1, key], [5, value])];
}

export function watchMessage(revision: number, ...fields: readonly FieldToWrite[]): Buffer {
  return writeMessage([1, writeMessage([3, revision])], ...fields);
}

export function putEvent(key: string, value: string): FieldToWrite {
  return [11, writeMessage([2, writeMessage([1, key], [5, value])])];
}

/** The head of a message with the length that it announces. */
export function frameHead(length: number, compressed = 0): Buffer {
  const head = Buffer.alloc(5, compressed);
  head.writeUInt32BE(length, 1);
  return head;
}

/** Headers, where there were none. */
export function respond(stream: ServerHttp2Stream): void {
  if (!stream.headersSent) {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  }
}

function send(stream: ServerHttp2Stream, message: Buffer): void {
  if (stream.destroyed) return;
  respond(stream);
  stream.write(Buffer.concat([frameHead(message.length), message]));
}

function listen(server: Http2Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
}
