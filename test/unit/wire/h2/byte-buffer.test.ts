import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ByteBuffer } from '../../../../src/wire/h2/byte-buffer.js';

describe('byte buffer', () => {
  it('writes numbers big-endian, text as latin-1 and bytes as they are, and hands them out in order', () => {
    const out = new ByteBuffer();
    out.u8(0x01);
    out.u16(0x0203);
    out.u24(0x040506);
    out.u32(0xf7f8f9fa);
    out.latin1('aé');
    out.bytes(Buffer.of(0xff, 0x00));
    assert.equal(out.length, 14);
    assert.equal(out.take().toString('hex'), '010203040506f7f8f9fa61e9ff00');
    assert.equal(out.length, 0);
  });

  it('hands out nothing when nothing was written', () => {
    const out = new ByteBuffer();
    assert.equal(out.take().length, 0);
    out.u8(1);
    out.take();
    assert.equal(out.take().length, 0);
  });

  it('writes over a length and a flag that were written before they were known, behind what was taken', () => {
    const out = new ByteBuffer();
    out.u8(0xee);
    out.take();
    out.u24(0);
    out.u8(0);
    out.latin1('xy');
    out.setU24(0, 0x010002);
    out.setU8(3, 0x25);
    assert.equal(out.take().toString('hex'), '010002257879');
  });

  it('cuts off what was written from an offset on, and the next write goes there', () => {
    const out = new ByteBuffer();
    out.latin1('taken');
    out.take();
    out.latin1('head block');
    const cut = out.cut(5);
    out.latin1('!');
    assert.equal(cut.toString(), 'block');
    assert.equal(out.take().toString(), 'head !');
  });

  it('never touches again what it has handed out', () => {
    const out = new ByteBuffer();
    const taken: Buffer[] = [];
    for (let i = 0; i < 3000; i += 1) {
      for (let j = 0; j < 7; j += 1) out.u24(i * 7 + j);
      taken.push(out.take());
    }
    taken.forEach((bytes, i) => {
      for (let j = 0; j < 7; j += 1) assert.equal(bytes.readUIntBE(3 * j, 3), i * 7 + j);
    });
  });

  it('holds any sequence of writes and takes, of any length', () => {
    const write = fc.oneof(
      fc.record({ kind: fc.constant('latin1' as const), size: fc.nat(3000) }),
      fc.record({ kind: fc.constant('bytes' as const), size: fc.nat(70_000) }),
      fc.record({ kind: fc.constantFrom('u8', 'u32', 'ensure', 'take'), size: fc.nat(2000) }),
    );
    fc.assert(
      fc.property(fc.array(write, { maxLength: 30 }), (writes) => {
        const out = new ByteBuffer();
        const taken: Buffer[] = [];
        const expected: Buffer[] = [];
        for (const { kind, size } of writes) {
          if (kind === 'take') taken.push(out.take());
          else if (kind === 'ensure') out.ensure(size);
          else expected.push(writeOne(out, kind, size));
        }
        taken.push(out.take());
        assert.ok(Buffer.concat(taken).equals(Buffer.concat(expected)));
      }),
      { numRuns: 200, seed: 7541 },
    );
  });
});

/** What should have been written. */
function writeOne(out: ByteBuffer, kind: string, size: number): Buffer {
  if (kind === 'u8') {
    out.u8(size);
    return Buffer.of(size);
  }
  if (kind === 'u32') {
    out.u32(size);
    return Buffer.of(0, 0, size >> 8, size);
  }
  const bytes = Buffer.alloc(size, 'abcdefg');
  if (kind === 'bytes') out.bytes(bytes);
  else out.latin1(bytes.toString('latin1'));
  return bytes;
}
