import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { Counter } from '../../../src/base/metrics.js';
import { Headers } from '../../../src/service/headers.js';
import type { BodyFraming } from '../../../src/wire/head-writer.js';
import { MessageWriter } from '../../../src/wire/message-writer.js';
import { COALESCE_BYTES, HOLD_BYTES, PushWrites } from '../../../src/wire/push-socket.js';
import { readResponses } from './read-messages.js';

/** Keeps each write by itself (latin1). */
class MemorySocket extends Duplex {
  readonly written: string[] = [];

  override _read(): void {}

  override _write(chunk: Buffer | string, _encoding: string, done: () => void): void {
    this.written.push(typeof chunk === 'string' ? chunk : chunk.toString('latin1'));
    done();
  }
}

function setUp(framing: BodyFraming = 'chunked', head = 'HEAD\r\n\r\n') {
  const socket = new MemorySocket();
  const sent = new Counter();
  const writes = new PushWrites(socket as unknown as Socket, sent);
  const writer = new MessageWriter(writes);
  writer.begin(head, framing);
  /** As at the end of this turn of the event loop. */
  const written = (): readonly string[] => {
    writes.flush();
    return socket.written;
  };
  return { writer, sent, written };
}

describe('message writer', () => {
  it('holds the head until there is something to send with it', () => {
    const { writer, written } = setUp('length');
    assert.ok(writer.isHolding);
    assert.deepEqual(written(), []);
    assert.ok(writer.data(Buffer.from('hello')));
    assert.deepEqual(written(), []);
    writer.end(undefined);
    assert.deepEqual(written(), ['HEAD\r\n\r\nhello']);
    assert.ok(!writer.isHolding);
  });

  it('sends what it holds when told to, and nothing when it holds nothing', () => {
    const { writer, written, sent } = setUp('length');
    writer.flush();
    writer.flush();
    assert.deepEqual(written(), ['HEAD\r\n\r\n']);
    assert.equal(sent.value, 8);
  });

  it('frames chunks, and ends them with the last one and the trailers', () => {
    const { writer, written } = setUp();
    writer.data(Buffer.from('hello'));
    writer.data(Buffer.alloc(0));
    writer.data(Buffer.from('x'.repeat(26)));
    writer.end(Headers.from([['X-Sum', '42']]));
    assert.equal(written().join(''), `HEAD\r\n\r\n5\r\nhello\r\n1a\r\n${'x'.repeat(26)}\r\n0\r\nX-Sum: 42\r\n\r\n`);
  });

  it('ends an empty chunked body, for an empty chunk would end it too soon', () => {
    const { writer, written } = setUp();
    writer.data(Buffer.alloc(0));
    assert.deepEqual(written(), []);
    writer.end(undefined);
    assert.deepEqual(written(), ['HEAD\r\n\r\n0\r\n\r\n']);
  });

  it('has no trailers where there are no chunks', () => {
    const { writer, written } = setUp('length');
    writer.end(Headers.from([['X', 'y']]));
    assert.deepEqual(written(), ['HEAD\r\n\r\n']);
  });

  it('drops the body of a message that has none', () => {
    const { writer, written } = setUp('none');
    assert.ok(writer.data(Buffer.from('hello')));
    writer.end(undefined);
    assert.deepEqual(written(), ['HEAD\r\n\r\n']);
  });

  it('copies what it holds: the bytes it was given may be written over', () => {
    const { writer, written } = setUp();
    const shared = Buffer.from('hello');
    writer.data(shared);
    shared.fill('x');
    writer.end(undefined);
    assert.equal(written().join(''), 'HEAD\r\n\r\n5\r\nhello\r\n0\r\n\r\n');
  });

  for (const size of [
    1,
    COALESCE_BYTES - 8,
    COALESCE_BYTES,
    COALESCE_BYTES + 1,
    HOLD_BYTES - 1,
    HOLD_BYTES,
    3 * HOLD_BYTES,
  ]) {
    for (const framing of ['chunked', 'length'] as const) {
      it(`writes chunks of ${size} bytes so that they are read back, framed by ${framing}`, () => {
        const body = Array.from({ length: size }, (_, i) => String.fromCharCode(i % 256)).join('');
        const length = framing === 'length' ? `Content-Length: ${2 * size}` : 'Transfer-Encoding: chunked';
        const { writer, written, sent } = setUp(framing, `HTTP/1.1 200 OK\r\n${length}\r\n\r\n`);
        writer.data(Buffer.from(body, 'latin1'));
        writer.data(Buffer.from(body, 'latin1'));
        writer.end(undefined);
        const bytes = written().join('');
        assert.equal(sent.value, bytes.length);
        const { messages, rest } = readResponses([bytes]);
        assert.equal(messages[0]?.body, body + body);
        assert.ok(messages[0]?.complete);
        assert.equal(rest, 'none');
      });
    }
  }
});
