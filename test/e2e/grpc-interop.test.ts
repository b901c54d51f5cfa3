// The interop cases of gRPC (doc/interop-test-descriptions.md) between real peers of grpc-js, through routers of both protocols.

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import {
  Metadata,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { eventually } from '../support/eventually.js';
import { drainStream, GrpcCaller, methodPath, startGrpcServer } from '../support/grpc-peers.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { Scene } from '../support/scene.js';

expectNoOpenHandles();

const UNARY = methodPath('Unary');
const COLLECT = methodPath('Collect');
const LIST = methodPath('List');
const CHAT = methodPath('Chat');

/** Sizes of the messages that the streaming cases send and want. */
const REQUEST_SIZES = [27_182, 8, 1828, 45_904];
const RESPONSE_SIZES = [31_415, 9, 2653, 58_979];
const ECHO_HEADER = 'x-grpc-test-echo-initial';
const ECHO_TRAILER = 'x-grpc-test-echo-trailing-bin';

/** A request: the size of the wanted message, then a payload of that length. */
function ask(responseSize: number, payloadSize = 0): Buffer {
  const request = Buffer.alloc(4 + payloadSize);
  request.writeUInt32BE(responseSize);
  return request;
}

function answer(request: Buffer): Buffer {
  return Buffer.alloc(request.readUInt32BE(0), 0x61);
}

interface Peers {
  readonly caller: GrpcCaller;
  readonly cancelled: number;
}

/** A server that answers as the cases want it, behind a gateway. */
async function connect(t: TestContext, router: string): Promise<Peers> {
  const seen = { cancelled: 0 };
  const port = await startGrpcServer(t, {
    unary: (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => {
      const trailers = new Metadata();
      const wanted = call.metadata.get('x-want-status')[0];
      if (wanted !== undefined) {
        reply({ code: Number(wanted), details: String(call.metadata.get('x-want-message-bin')[0]) });
        return;
      }
      const [initial] = call.metadata.get(ECHO_HEADER);
      const [trailing] = call.metadata.get(ECHO_TRAILER);
      if (initial !== undefined) {
        const head = new Metadata();
        head.set(ECHO_HEADER, initial);
        call.sendMetadata(head);
      }
      if (trailing !== undefined) trailers.set(ECHO_TRAILER, trailing);
      reply(null, call.request.length === 0 ? Buffer.alloc(0) : answer(call.request), trailers);
    },
    collect: (call: ServerReadableStream<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => {
      let sum = 0;
      call.on('data', (message: Buffer) => {
        sum += message.length;
      });
      call.on('cancelled', () => {
        seen.cancelled += 1;
      });
      call.on('end', () => {
        const total = Buffer.alloc(4);
        total.writeUInt32BE(sum);
        reply(null, total);
      });
    },
    list: (call: ServerWritableStream<Buffer, Buffer>) => {
      for (let i = 0; i < call.request.length; i += 4) call.write(answer(call.request.subarray(i)));
      call.end();
    },
    chat: (call: ServerDuplexStream<Buffer, Buffer>) => {
      call.on('data', (message: Buffer) => {
        if (message.length > 0) call.write(answer(message));
      });
      call.on('cancelled', () => {
        seen.cancelled += 1;
      });
      call.on('end', () => call.end());
    },
  });
  const gateway = await new Scene(t).gateway(`
admin: {port: 0}
routers:
- dtab: /svc/* => /$/inet/127.0.0.1/${port}
${router}`);
  const caller = new GrpcCaller(t, gateway.port);
  return {
    caller,
    get cancelled() {
      return seen.cancelled;
    },
  };
}

const ROUTERS = {
  'an h2 router': '  protocol: h2\n  servers: [{port: 0}]',
  'an h2 router that holds responses back':
    '  protocol: h2\n  servers: [{port: 0}]\n  service: {responseClassifier: {kind: io.l5d.h2.grpc.default}}',
  'an http router': '  protocol: http\n  servers: [{port: 0, h2: true}]\n  client: {protocol: h2c}',
};

for (const [what, router] of Object.entries(ROUTERS)) {
  describe(`gRPC through ${what}`, () => {
    test('passes empty_unary', async (t) => {
      const { caller } = await connect(t, router);
      const { error, message } = await caller.unary(UNARY, Buffer.alloc(0));
      assert.equal(error, null);
      assert.equal(message?.length, 0);
    });

    test('passes large_unary', async (t) => {
      const { caller } = await connect(t, router);
      const { error, message } = await caller.unary(UNARY, ask(314_159, 271_828));
      assert.equal(error, null);
      assert.deepEqual(message, Buffer.alloc(314_159, 0x61));
    });

    test('passes client_streaming', async (t) => {
      const { caller } = await connect(t, router);
      const sum = await caller.collect(
        COLLECT,
        REQUEST_SIZES.map((size) => Buffer.alloc(size)),
      );
      assert.equal(sum.readUInt32BE(0), 74_922);
    });

    test('passes server_streaming', async (t) => {
      const { caller } = await connect(t, router);
      const { messages, status: end } = await drainStream(
        caller.list(LIST, Buffer.concat(RESPONSE_SIZES.map((size) => ask(size)))),
      );
      assert.equal(end.code, status.OK);
      assert.deepEqual(
        messages.map(({ length }) => length),
        RESPONSE_SIZES,
      );
    });

    test('passes ping_pong', async (t) => {
      const { caller } = await connect(t, router);
      const call = caller.chat(CHAT);
      const lengths: number[] = [];
      const over = drainStream(call);
      // Each is asked for when the one before has come: nothing on the way may wait for more.
      call.on('data', (message: Buffer) => {
        lengths.push(message.length);
        const next = lengths.length;
        if (next < RESPONSE_SIZES.length) call.write(ask(RESPONSE_SIZES[next] as number, REQUEST_SIZES[next]));
        else call.end();
      });
      call.write(ask(RESPONSE_SIZES[0] as number, REQUEST_SIZES[0]));
      assert.equal((await over).status.code, status.OK);
      assert.deepEqual(lengths, RESPONSE_SIZES);
    });

    test('passes empty_stream', async (t) => {
      const { caller } = await connect(t, router);
      const call = caller.chat(CHAT);
      call.end();
      const { messages, status: end } = await drainStream(call);
      assert.deepEqual([messages.length, end.code], [0, status.OK]);
    });

    test('passes cancel_after_begin', async (t) => {
      const peers = await connect(t, router);
      const call = peers.caller.chat(CHAT);
      const over = drainStream(call);
      call.cancel();
      assert.equal((await over).status.code, status.CANCELLED);
    });

    test('passes cancel_after_first_response, and the server hears of it', async (t) => {
      const peers = await connect(t, router);
      const call = peers.caller.chat(CHAT);
      const over = drainStream(call);
      call.on('data', () => call.cancel());
      call.write(ask(31_415, 27_182));
      const { messages, status: end } = await over;
      assert.deepEqual([messages.length, end.code], [1, status.CANCELLED]);
      await eventually(() => peers.cancelled === 1);
    });

    test('passes timeout_on_sleeping_server', async (t) => {
      const peers = await connect(t, router);
      const call = peers.caller.chat(CHAT, { deadlineMs: 400 });
      const over = drainStream(call);
      call.write(Buffer.alloc(0));
      assert.equal((await over).status.code, status.DEADLINE_EXCEEDED);
      await eventually(() => peers.cancelled === 1);
    });

    test('passes status_code_and_message and special_status_message', async (t) => {
      const { caller } = await connect(t, router);
      for (const text of ['test status message', '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n']) {
        const metadata = new Metadata();
        metadata.set('x-want-status', '2');
        metadata.set('x-want-message-bin', Buffer.from(text));
        const { error } = await caller.unary(UNARY, Buffer.alloc(0), { metadata });
        assert.deepEqual([error?.code, error?.details], [status.UNKNOWN, text]);
      }
    });

    test('passes unimplemented_method and unimplemented_service', async (t) => {
      const { caller } = await connect(t, router);
      for (const path of [methodPath('Missing'), methodPath('Unary', 'linkgate.testing.Missing')]) {
        const { error } = await caller.unary(path, Buffer.alloc(0));
        assert.equal(error?.code, status.UNIMPLEMENTED);
      }
    });

    test('passes custom_metadata, text and binary, in heads and trailers', async (t) => {
      const { caller } = await connect(t, router);
      const binary = Buffer.from([0xab, 0xab, 0xab]);
      const metadata = new Metadata();
      metadata.set(ECHO_HEADER, 'test_initial_metadata_value');
      metadata.set(ECHO_TRAILER, binary);
      const { error, head, status: end } = await caller.unary(UNARY, ask(314_159, 271_828), { metadata });
      assert.equal(error, null);
      assert.deepEqual(head?.get(ECHO_HEADER), ['test_initial_metadata_value']);
      assert.deepEqual(end?.metadata.get(ECHO_TRAILER), [binary]);
    });
  });
}
