import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findStreamWrap } from '../../../src/wire/stream-wrap.js';

class WriteWrap {}

const BINDING = {
  WriteWrap,
  streamBaseState: new Int32Array([7, 0, 0, 1]),
  kReadBytesOrError: 0,
  kLastWriteWasAsync: 3,
};

/** A process whose `process.binding` answers `found`. */
function withBinding(found: unknown): object {
  return { binding: (name: string) => (name === 'stream_wrap' ? found : undefined) };
}

describe('what Node tells of reads and writes', () => {
  it('is there in this version, or both cost more than they say', () => {
    assert.ok(findStreamWrap(process));
  });

  it('is the request object of a write, the bytes of a read, and whether a write is held', () => {
    const streamBaseState = Int32Array.from(BINDING.streamBaseState);
    const wrap = findStreamWrap(withBinding({ ...BINDING, streamBaseState }));
    assert.ok(wrap?.makeWriteRequest() instanceof WriteWrap);
    assert.deepEqual([wrap.lastRead(), wrap.isLastWriteHeld()], [7, true]);
    streamBaseState.set([-4095, 0, 0, 0]);
    assert.deepEqual([wrap.lastRead(), wrap.isLastWriteHeld()], [-4095, false]);
  });

  for (const [what, from] of [
    ['there is no process.binding', {}],
    ['it may not be called', { binding: () => assert.fail('ERR_ACCESS_DENIED') }],
    ['it has no such binding', withBinding(undefined)],
    ['it is no object', withBinding('stream_wrap')],
    ['requests are no class', withBinding({ ...BINDING, WriteWrap: undefined })],
    ['the state is another array', withBinding({ ...BINDING, streamBaseState: [7, 0, 0, 1] })],
    ['bytes read have no place in it', withBinding({ ...BINDING, kReadBytesOrError: undefined })],
    ['what is held has a place outside of it', withBinding({ ...BINDING, kLastWriteWasAsync: 4 })],
  ] as const) {
    it(`is not used where ${what}`, () => assert.equal(findStreamWrap(from), undefined));
  }
});
