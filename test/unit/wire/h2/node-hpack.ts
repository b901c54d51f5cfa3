// Node's own HPACK (nghttp2) as an oracle: an HTTP/2 server of Node's on a connection without a socket, which is asked in
// frames that are written here by hand.

import http2 from 'node:http2';
import { Duplex } from 'node:stream';
import { eventually } from '../../../support/eventually.js';
import { hex } from './hpack-blocks.js';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const HEADERS = 1;
const SETTINGS = 4;
const ACK = 1;
const END_STREAM_AND_HEADERS = 5;
const SETTINGS_HEADER_TABLE_SIZE = 1;

export interface NodeHpack {
  /** What Node's decoder, of a table of `tableBytes`, reads in consecutive blocks, each a request of its own. */
  decode(blocks: readonly Buffer[], tableBytes: number): Promise<string[][]>;
  /** Consecutive blocks that Node's encoder, of a table of at most `tableBytes`, makes of responses. */
  encode(responses: readonly http2.OutgoingHttpHeaders[], tableBytes: number): Promise<Buffer[]>;
}

export const nodeHpack: NodeHpack = {
  async decode(blocks, tableBytes) {
    const lists: string[][] = [];
    const connection = new Connection();
    const server = serve(connection, { headerTableSize: tableBytes }, (_stream, rawHeaders) => lists.push(rawHeaders));
    connection.push(Buffer.concat([Buffer.from(PREFACE), frame(SETTINGS, 0, 0), frame(SETTINGS, ACK, 0)]));
    connection.push(Buffer.concat(blocks.map((block, i) => frame(HEADERS, END_STREAM_AND_HEADERS, 2 * i + 1, block))));
    await eventually(() => lists.length === blocks.length);
    connection.destroy();
    server.close();
    return lists;
  },

  async encode(responses, tableBytes) {
    const connection = new Connection();
    let answered = 0;
    const server = serve(connection, {}, (stream) => {
      stream.respond(responses[answered], { endStream: true });
      answered += 1;
    });
    const settings = Buffer.alloc(6);
    settings.writeUInt16BE(SETTINGS_HEADER_TABLE_SIZE);
    settings.writeUInt32BE(tableBytes, 2);
    connection.push(Buffer.concat([Buffer.from(PREFACE), frame(SETTINGS, 0, 0, settings)]));
    // GET http://a/ with no use of the dynamic table.
    const request = hex('82868401 0161');
    for (let i = 0; i < responses.length; i += 1) {
      connection.push(frame(HEADERS, END_STREAM_AND_HEADERS, 2 * i + 1, request));
      await eventually(() => headersOf(connection.written()).length === i + 1);
    }
    connection.destroy();
    server.close();
    return headersOf(connection.written());
  },
};

function serve(
  connection: Duplex,
  settings: http2.Settings,
  request: (stream: http2.ServerHttp2Stream, rawHeaders: string[]) => void,
): http2.Http2Server {
  const server = http2.createServer({ settings });
  server.on('stream', (stream: http2.ServerHttp2Stream, _headers: unknown, _flags: unknown, rawHeaders: string[]) => {
    stream.on('error', () => {});
    request(stream, rawHeaders);
  });
  server.on('session', (session) => session.on('error', () => {}));
  server.emit('connection', connection);
  return server;
}

/** What is pushed goes to the server; what the server writes is kept. */
class Connection extends Duplex {
  readonly #written: Buffer[] = [];

  written(): Buffer {
    return Buffer.concat(this.#written);
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#written.push(chunk);
    done();
  }
}

function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function headersOf(written: Buffer): Buffer[] {
  const blocks: Buffer[] = [];
  for (let at = 0; at + 9 <= written.length; ) {
    const end = at + 9 + written.readUIntBE(at, 3);
    if (written[at + 3] === HEADERS) blocks.push(written.subarray(at + 9, end));
    at = end;
  }
  return blocks;
}
