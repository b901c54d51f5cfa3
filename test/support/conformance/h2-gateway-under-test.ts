// A whole gateway as the cases of the HTTP/2 conformance suite see it: one gateway, one upstream that answers when it is told to,
// a connection of raw frames for each case, and a caller that must notice nothing of any of them.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { END_STREAM, HEADERS, PING, SETTINGS } from '../../../src/wire/h2/frames.js';
import type { H2ErrorCode } from '../../../src/wire/h2/h2-error.js';
import { eventually } from '../eventually.js';
import type { H2Caller } from '../h2-caller.js';
import { type H2GatewayScene, startH2Gateway } from '../h2-gateway.js';
import { RawH2 } from '../raw-h2.js';
import type { UpstreamRequest } from '../upstream.js';
import type { Server } from './h2-frame-cases.js';

const BYSTANDER = '/bystander';

export class H2GatewayUnderTest implements Server {
  /** What the upstream answers with. */
  body = 'ok';
  /** The connection of the case that is under way. */
  peer!: RawH2;
  readonly gateway: H2GatewayScene;
  readonly #bystander: H2Caller;
  readonly #unanswered: UpstreamRequest[];

  private constructor(gateway: H2GatewayScene, bystander: H2Caller, unanswered: UpstreamRequest[]) {
    this.gateway = gateway;
    this.#bystander = bystander;
    this.#unanswered = unanswered;
  }

  static async start(t: TestContext): Promise<H2GatewayUnderTest> {
    const unanswered: UpstreamRequest[] = [];
    const gateway = await startH2Gateway(t, (request) => {
      if (request.target === BYSTANDER) request.respond(200);
      else unanswered.push(request);
    });
    return new H2GatewayUnderTest(gateway, await gateway.call(), unanswered);
  }

  /** A new connection, on which both sides have said their SETTINGS and acknowledged the other's. Closed when the test ends. */
  async connect(t: TestContext): Promise<RawH2> {
    this.#unanswered.length = 0;
    this.peer = await RawH2.connect(t, this.gateway.gateway.port);
    this.peer.begin();
    for (let settings = 0; settings < 2; settings += 1) await this.peer.next(SETTINGS);
    return this.peer;
  }

  /** Whatever reached the upstream on this connection is answered, and the answer on the stream has ended. */
  async answers(id: number): Promise<void> {
    const { peer } = this;
    const isOver = (): boolean => peer.frames.some((frame) => frame.id === id && (frame.flags & END_STREAM) !== 0);
    await eventually(() => {
      for (const request of this.#unanswered.splice(0)) request.respond(200, this.body);
      return isOver();
    });
  }

  /** The last request that reached the upstream. */
  get received(): UpstreamRequest {
    return this.gateway.upstream.requests.at(-1) ?? assert.fail('no request reached the upstream');
  }

  /** The request on the stream is answered with 200. */
  async assertServed(id: number): Promise<void> {
    await this.answers(id);
    assert.deepEqual(this.peer.expect(HEADERS, id).fields?.slice(0, 2), [':status', '200']);
  }

  /** GOAWAY with this code, then the end of the connection. */
  async assertClosed(code: H2ErrorCode): Promise<void> {
    const goAway = await this.peer.nextGoAway();
    assert.equal(goAway.code, code);
    await this.peer.closedByServer();
  }

  /** The connection still answers. */
  async assertAlive(): Promise<void> {
    this.peer.ping(Buffer.from('alive???'));
    let answer = await this.peer.next(PING);
    while (answer.payload.toString() !== 'alive???') answer = await this.peer.next(PING);
  }

  /** What was done on other connections has not touched this one, which is as old as the gateway. */
  async assertOthersUnharmed(): Promise<void> {
    assert.equal((await this.#bystander.ask({ ':path': BYSTANDER })).status, 200);
    assert.deepEqual(this.#bystander.goAways, []);
  }
}
