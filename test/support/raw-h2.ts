// RawH2: a peer of frames, right or wrong, on a connection to a gateway. Waits for frames, with a limit.

import type { TestContext } from 'node:test';
import { GOAWAY, HEADERS, RST_STREAM } from '../../src/wire/h2/frames.js';
import { type H2ErrorCode, h2ErrorCodeFromNumber } from '../../src/wire/h2/h2-error.js';
import { H2Peer, type PeerFrame } from './h2-peer.js';
import { type Ending, WAIT_LIMIT_MS } from './http-reader.js';
import { RawClient } from './raw-client.js';

export class RawH2 extends H2Peer {
  readonly client: RawClient;

  private constructor(client: RawClient, acknowledges: boolean) {
    super((bytes) => client.socket.write(bytes), { acknowledges });
    this.client = client;
    client.socket.on('data', (bytes: Buffer) => this.feed(bytes));
  }

  /** Closed when the test ends. Nothing is sent yet. `acknowledges`: SETTINGS and PING, as they come. */
  static async connect(t: TestContext, port: number, acknowledges = true): Promise<RawH2> {
    const client = await RawClient.connect({ port });
    t.after(() => client.close());
    return new RawH2(client, acknowledges);
  }

  /** Waits for a frame of this type (and stream), and takes it. */
  async next(type: number, id?: number): Promise<PeerFrame> {
    const deadline = performance.now() + WAIT_LIMIT_MS;
    for (;;) {
      const frame = this.take(type, id);
      if (frame) return frame;
      if (performance.now() > deadline) return this.expect(type, id);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** The next head of the stream, by name. */
  async nextHead(id: number): Promise<Record<string, string>> {
    const { fields = [] } = await this.next(HEADERS, id);
    const head: Record<string, string> = {};
    for (let i = 0; i < fields.length; i += 2) head[fields[i] as string] = fields[i + 1] as string;
    return head;
  }

  async nextReset(id: number): Promise<H2ErrorCode> {
    return h2ErrorCodeFromNumber((await this.next(RST_STREAM, id)).payload.readUInt32BE(0));
  }

  async nextGoAway(): Promise<{ lastId: number; code: H2ErrorCode }> {
    const { payload } = await this.next(GOAWAY);
    return { lastId: payload.readUInt32BE(0), code: h2ErrorCodeFromNumber(payload.readUInt32BE(4)) };
  }

  closedByServer(): Promise<Ending> {
    return this.client.closedByServer();
  }
}
