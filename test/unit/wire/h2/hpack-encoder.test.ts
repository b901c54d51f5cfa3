import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ByteBuffer } from '../../../../src/wire/h2/byte-buffer.js';
import { HpackDecoder } from '../../../../src/wire/h2/hpack-decoder.js';
import { HpackEncoder } from '../../../../src/wire/h2/hpack-encoder.js';
import { usedHeap } from '../../../support/used-heap.js';
import { decodeBlock, encodeBlock, hex } from './hpack-blocks.js';
import { SERIES, SINGLE } from './rfc7541-examples.js';

/** The block of `fields` in hexadecimal, after as many of the same list. */
function encoded(fields: readonly string[], before = 0): string {
  const encoder = new HpackEncoder();
  for (let i = 0; i < before; i += 1) encodeBlock(encoder, fields);
  return encodeBlock(encoder, fields).toString('hex');
}

function text(value: string): string {
  return Buffer.from(value, 'latin1').toString('hex');
}

describe('hpack encoder', () => {
  it('writes RFC 7541 C.2.2, C.2.4, C.3.1 and C.3.2 as they are', () => {
    for (const { section, fields, block } of SINGLE.filter(({ section }) => /C\.2\.[24]/.test(section)))
      assert.equal(encoded(fields), block.toString('hex'), section);
    const encoder = new HpackEncoder();
    for (const { section, fields, block } of SERIES[0]?.examples.slice(0, 2) ?? [])
      assert.equal(encodeBlock(encoder, fields).toString('hex'), block.toString('hex'), section);
  });

  it('writes C.2.3 when the field is said to be sensitive', () => {
    assert.equal(
      encodeBlock(new HpackEncoder(), ['password', 'secret'], ['password']).toString('hex'),
      SINGLE[2]?.block.toString('hex'),
    );
  });

  it('refers to a static field by one octet, from the first block on', () => {
    assert.equal(encoded([':status', '200']), '88');
    assert.equal(encoded([':status', '200'], 3), '88');
    assert.equal(
      encoded([':method', 'GET', ':path', '/', ':scheme', 'https', 'accept-encoding', 'gzip, deflate']),
      '82848790',
    );
  });

  it('does not take the empty value of a static name for a match', () => {
    assert.equal(encoded(['accept', '']), '0f0400');
    assert.equal(encoded([':path', '']), '0400');
  });

  it('adds what services repeat at once, and refers to it from the second block on', () => {
    const fields = ['content-type', 'text/html', 'server', 'x'];
    assert.equal(encoded(fields), `5f09${text('text/html')}7601${text('x')}`);
    assert.equal(encoded(fields, 1), 'bfbe');
    assert.equal(encoded(fields, 2), 'bfbe');
  });

  it('finds a field in another place of the block than last time', () => {
    const encoder = new HpackEncoder();
    encodeBlock(encoder, ['server', 'x', 'vary', 'y', ':status', '200']);
    assert.equal(encodeBlock(encoder, ['vary', 'y', ':status', '200', 'server', 'x']).toString('hex'), 'be88bf');
    assert.equal(encodeBlock(encoder, ['server', 'x', 'vary', 'y', ':status', '200']).toString('hex'), 'bfbe88');
  });

  for (const name of [':path', 'content-length', 'date', 'etag', 'x-request-id', 'l5d-ctx-trace', 'user-agent']) {
    it(`adds ${name} only when it comes with the same value as last time`, () => {
      const encoder = new HpackEncoder();
      const isReference = (value: string): boolean => encodeBlock(encoder, [name, value]).toString('hex') === 'be';
      assert.deepEqual(['aa', 'bb', 'aa', 'bb'].map(isReference), [false, false, false, false]);
      assert.deepEqual(['bb', 'bb', 'cc', 'bb'].map(isReference), [false, true, false, true]);
    });
  }

  it('writes literals that are not added without indexing', () => {
    assert.equal(encoded([':path', '/a', 'x', 'y']), `0402${text('/a')}0001${text('x')}01${text('y')}`);
  });

  for (const [name, value] of [
    ['authorization', 'Basic dXNlcjpwYXNzd29yZA=='],
    ['proxy-authorization', 'Bearer x'],
    ['set-cookie', 'session=0123456789abcdef0123456789abcdef; Secure'],
    ['x-api-key', '0123456789abcdef0123456789abcdef'],
    ['cookie', 'pin=123456789012345'],
  ] as const) {
    it(`never indexes ${name}: ${value}`, () => {
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder({ maxTableBytes: 4096, maxListBytes: 65_536 });
      for (let i = 0; i < 4; i += 1) {
        const block = decodeBlock(decoder, encodeBlock(encoder, [name, value]));
        assert.deepEqual(block.fields, [name, value]);
        assert.deepEqual(block.sensitive, [name]);
      }
    });
  }

  it('adds a cookie of 20 octets when it repeats', () => {
    assert.match(encoded(['cookie', 'id=12345678901234567']), /^0f11/);
    assert.equal(encoded(['cookie', 'id=12345678901234567'], 2), 'be');
  });

  it('never indexes what a peer sent so, though it is in a table', () => {
    const encoder = new HpackEncoder();
    for (let i = 0; i < 3; i += 1) encodeBlock(encoder, ['server', 'x', ':status', '200']);
    const block = encodeBlock(encoder, ['server', 'x', ':status', '200'], ['server', ':status']);
    assert.equal(block.toString('hex'), `1f2701${text('x')}1803${text('200')}`);
  });

  it('refers to a name in the dynamic table', () => {
    const encoder = new HpackEncoder();
    encodeBlock(encoder, ['te', 'trailers']);
    assert.equal(encodeBlock(encoder, ['te', 'x']).toString('hex'), `7e01${text('x')}`);
    assert.equal(encodeBlock(encoder, ['te', 'x'], ['te']).toString('hex'), `1f2f01${text('x')}`);
  });

  it('does not add a field that takes more than a quarter of the table', () => {
    const encoder = new HpackEncoder();
    const fits = 1024 - 32 - 'vary'.length;
    assert.equal(encodeBlock(encoder, ['vary', 'x'.repeat(fits + 1)])[0], 0x0f);
    assert.equal(encodeBlock(encoder, ['vary', 'x'.repeat(fits)])[0], 0x7b);
  });

  it('writes indices and lengths that exceed their prefix', () => {
    const encoder = new HpackEncoder();
    for (let i = 0; i < 90; i += 1) encodeBlock(encoder, ['via', String(i)]);
    assert.equal(encodeBlock(encoder, ['via', '0']).toString('hex'), 'ff18');
    assert.equal(encodeBlock(encoder, ['via', '24']).toString('hex'), 'ff00');
    assert.equal(encodeBlock(encoder, ['via', '25']).toString('hex'), 'fe');
    assert.equal(
      encodeBlock(encoder, [':path', 'x'.repeat(1337)])
        .subarray(0, 4)
        .toString('hex'),
      '047fba09',
    );
  });

  describe('table limit', () => {
    it('of more than 4096 is not used and not announced, nor is the initial one', () => {
      for (const bytes of [4096, 65_536, 2 ** 32 - 1]) {
        const encoder = new HpackEncoder();
        encoder.limitTable(bytes);
        assert.equal(encodeBlock(encoder, [':status', '200']).toString('hex'), '88');
      }
    });

    it('that is lower is announced by the next block alone, and what it evicts is not referred to', () => {
      const encoder = new HpackEncoder();
      encodeBlock(encoder, ['server', 'x', 'vary', 'y']);
      encoder.limitTable(200);
      assert.equal(encodeBlock(encoder, ['server', 'x']).toString('hex'), '3fa901bf');
      encoder.limitTable(40);
      assert.equal(encodeBlock(encoder, ['server', 'x']).toString('hex'), '3f090f2701'.concat(text('x')));
      assert.equal(encodeBlock(encoder, ['server', 'x']).toString('hex'), '0f2701'.concat(text('x')));
    });

    it('of 0 means literals only', () => {
      const encoder = new HpackEncoder();
      encoder.limitTable(0);
      assert.equal(encodeBlock(encoder, ['server', 'x', ':status', '200']).toString('hex'), `200f2701${text('x')}88`);
      assert.equal(encodeBlock(encoder, ['server', 'x', ':status', '200']).toString('hex'), `0f2701${text('x')}88`);
    });

    it('that went down and up again between two blocks is announced at its lowest and as it is', () => {
      const encoder = new HpackEncoder();
      encodeBlock(encoder, ['server', 'x']);
      encoder.limitTable(0);
      encoder.limitTable(100);
      encoder.limitTable(4096);
      assert.equal(encodeBlock(encoder, ['server', 'x']).toString('hex'), `203fe11f7601${text('x')}`);
      assert.equal(encodeBlock(encoder, ['server', 'x']).toString('hex'), 'be');
    });

    it('that only goes up is announced once', () => {
      const encoder = new HpackEncoder();
      encoder.limitTable(100);
      encodeBlock(encoder, []);
      encoder.limitTable(200);
      encoder.limitTable(300);
      assert.equal(encodeBlock(encoder, []).toString('hex'), '3f8d02');
    });
  });

  it('does not keep the heads alive whose parts are in its table', () => {
    const encoder = new HpackEncoder();
    const before = usedHeap();
    for (let i = 0; i < 80; i += 1) {
      const head = Buffer.alloc(512 * 1024, `${i} a value of a field, `).toString('latin1');
      encodeBlock(encoder, ['vary', head.slice(0, 30)]);
    }
    // The heads are 40 MiB.
    assert.ok(usedHeap() - before < 8 * 1024 * 1024);
  });

  it('appends to what its output holds already', () => {
    const out = new ByteBuffer();
    out.bytes(hex('0102'));
    new HpackEncoder().encode([':status', '200'], out);
    assert.equal(out.take().toString('hex'), '010288');
  });
});
