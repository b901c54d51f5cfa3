import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BodySink } from '../../../src/service/body-sink.js';
import { Headers } from '../../../src/service/headers.js';
import { DEFAULT_RETAIN_BYTES, RequestBody } from '../../../src/service/request-body.js';

/** Keeps what it is given in words; full while `isFull`. */
class Sink implements BodySink {
  readonly seen: string[] = [];
  isFull = false;

  data(chunk: Buffer): boolean {
    this.seen.push(chunk.toString());
    return !this.isFull;
  }

  end(trailers: Headers | undefined): void {
    this.seen.push(`end ${[...(trailers ?? [])]}`);
  }

  fail(error: Error): void {
    this.seen.push(`fail ${error.message}`);
  }
}

/** A body of at most ten retained bytes, and how often it said that it takes more. */
function setUp() {
  const body = new RequestBody(10);
  const counts = { resumed: 0, abandoned: 0 };
  body.onResume = () => {
    counts.resumed += 1;
  };
  body.onAbandoned = () => {
    counts.abandoned += 1;
  };
  const push = (text: string): boolean => body.push(Buffer.from(text));
  return { body, counts, push, sink: new Sink() };
}

const TRAILERS = Headers.from([['X', 'y']]);

describe('request body', () => {
  it('passes on what comes, as it comes', () => {
    const { body, push, sink } = setUp();
    body.attach(sink);
    assert.ok(push('a'));
    assert.ok(push('b'));
    body.finish(TRAILERS);
    assert.deepEqual(sink.seen, ['a', 'b', 'end X,y']);
    assert.ok(body.finished);
  });

  it('keeps what came before a sink was there, though its bytes are written over', () => {
    const { body, sink } = setUp();
    const shared = Buffer.from('abc');
    body.push(shared);
    shared.fill('x');
    body.finish(undefined);
    assert.ok(body.finished);
    body.attach(sink);
    assert.deepEqual(sink.seen, ['abc', 'end ']);
  });

  it('takes no more than it retains while no sink is there, and goes on when one is', () => {
    const { body, counts, push, sink } = setUp();
    assert.ok(push('123456789'));
    assert.equal(push('0'), false);
    assert.equal(counts.resumed, 0);
    body.attach(sink);
    assert.equal(counts.resumed, 1);
    assert.deepEqual(sink.seen, ['123456789', '0']);
  });

  it('loses nothing of a first chunk that is longer than what it retains', () => {
    const { body, push, sink } = setUp();
    assert.equal(push('x'.repeat(50)), false);
    assert.ok(body.replayable);
    body.attach(sink);
    assert.deepEqual(sink.seen, ['x'.repeat(50)]);
    assert.ok(!body.replayable);
  });

  it('retains 64 KiB unless told otherwise', () => {
    const body = new RequestBody();
    assert.ok(body.push(Buffer.alloc(DEFAULT_RETAIN_BYTES - 1)));
    assert.equal(body.push(Buffer.alloc(1)), false);
    assert.equal(DEFAULT_RETAIN_BYTES, 65_536);
  });

  it('is sent again from the start to another sink', () => {
    const { body, push, sink } = setUp();
    push('a');
    body.attach(sink);
    push('b');
    body.detach();
    push('c');
    const second = new Sink();
    body.attach(second);
    push('d');
    body.finish(undefined);
    assert.deepEqual(sink.seen, ['a', 'b']);
    assert.deepEqual(second.seen, ['a', 'b', 'c', 'd', 'end ']);
  });

  it('can be sent again while it is no longer than what it retains', () => {
    const { body, push, sink } = setUp();
    body.attach(sink);
    push('1234567890');
    assert.ok(body.replayable);
    push('1');
    assert.ok(!body.replayable);
    body.detach();
    assert.throws(() => body.attach(new Sink()), /cannot be sent again: its beginning was not kept/);
  });

  it('is not kept once no attempt will follow, unless there was none yet', () => {
    const { body, push, sink } = setUp();
    push('a');
    body.release();
    assert.ok(body.replayable);
    body.attach(sink);
    body.release();
    assert.ok(!body.replayable);
    push('b');
    assert.deepEqual(sink.seen, ['a', 'b']);
  });

  it('stops while its sink is full, and goes on once when the sink does', () => {
    const { body, counts, push, sink } = setUp();
    body.attach(sink);
    sink.isFull = true;
    assert.equal(push('a'), false);
    body.resume();
    body.resume();
    assert.equal(counts.resumed, 1);
  });

  it('does not go on at a new sink that is full already', () => {
    const { body, counts, push, sink } = setUp();
    push('12345');
    push('67890');
    sink.isFull = true;
    body.attach(sink);
    assert.equal(counts.resumed, 0);
    sink.isFull = false;
    body.resume();
    assert.equal(counts.resumed, 1);
  });

  it('goes on at the next sink when the one before was full', () => {
    const { body, counts, push, sink } = setUp();
    body.attach(sink);
    sink.isFull = true;
    assert.equal(push('a'), false);
    body.detach();
    const second = new Sink();
    body.attach(second);
    assert.equal(counts.resumed, 1);
    assert.deepEqual(second.seen, ['a']);
  });

  it('tells its failure to the sink, and to one that comes later', () => {
    const { body, push, sink } = setUp();
    body.attach(sink);
    push('a');
    body.fail(new Error('gone'));
    body.detach();
    const second = new Sink();
    body.attach(second);
    assert.deepEqual(sink.seen, ['a', 'fail gone']);
    assert.deepEqual(second.seen, ['a', 'fail gone']);
  });

  it('takes and drops the rest that nobody wants', () => {
    const { body, counts, push, sink } = setUp();
    body.attach(sink);
    sink.isFull = true;
    push('a');
    body.discard();
    assert.equal(counts.resumed, 1);
    assert.ok(push('x'.repeat(1000)));
    body.finish(undefined);
    assert.deepEqual(sink.seen, ['a']);
    assert.ok(body.finished && !body.replayable);
    assert.equal(counts.abandoned, 0);
  });

  it('that is abandoned is dropped, and says so', () => {
    const { body, counts, push } = setUp();
    body.abandon();
    assert.equal(counts.abandoned, 1);
    assert.ok(push('x'.repeat(1000)));
  });
});

describe('request body that may have so many bytes', () => {
  function setUpLimited(bytes: number) {
    const set = setUp();
    let told = 0;
    set.body.limitTo(bytes, {
      bodyTooLong: () => {
        told += 1;
      },
    });
    return { ...set, told: () => told };
  }

  it('passes on as many, and ends as any other', () => {
    const { body, push, sink, told } = setUpLimited(3);
    body.attach(sink);
    assert.ok(push('ab'));
    assert.ok(push('c'));
    body.finish(undefined);
    assert.deepEqual(sink.seen, ['ab', 'c', 'end ']);
    assert.equal(told(), 0);
  });

  it('says so once where there are more, and passes on nothing of the piece that is too long, nor its end', () => {
    const { body, push, sink, told } = setUpLimited(3);
    body.attach(sink);
    push('ab');
    assert.ok(push('cd'));
    assert.ok(push('e'));
    body.finish(undefined);
    assert.deepEqual(sink.seen, ['ab']);
    assert.equal(told(), 1);
  });

  it('counts what is kept for an upstream that is not there yet', () => {
    const { body, push, told } = setUpLimited(3);
    push('ab');
    push('cd');
    assert.equal(told(), 1);
    assert.equal(body.replayable, false);
  });

  it('may have any number once it is the bytes of a tunnel', () => {
    const { body, push, sink, told } = setUpLimited(3);
    body.attach(sink);
    body.unlimit();
    push('abcdefgh');
    assert.deepEqual(sink.seen, ['abcdefgh']);
    assert.equal(told(), 0);
  });
});
