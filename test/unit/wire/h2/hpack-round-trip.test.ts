import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { H2Error } from '../../../../src/wire/h2/h2-error.js';
import { HpackDecoder } from '../../../../src/wire/h2/hpack-decoder.js';
import { HpackEncoder } from '../../../../src/wire/h2/hpack-encoder.js';
import { decodeBlock, encodeBlock } from './hpack-blocks.js';

// A failure prints its seed. LINKGATE_FUZZ_SEED=random (or a number) and LINKGATE_FUZZ_RUNS look elsewhere, and longer.
const wanted = process.env.LINKGATE_FUZZ_SEED;
const SEED = wanted === 'random' ? Date.now() : Number(wanted ?? 7541);
const RUNS = Number(process.env.LINKGATE_FUZZ_RUNS ?? 400);

const octet = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
const name = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(':method', ':status', 'vary', 'server', 'date', 'etag', 'x-id', 'te', 'via'),
  },
  { weight: 1, arbitrary: fc.constantFrom('authorization', 'cookie', 'set-cookie', 'content-length') },
  { weight: 1, arbitrary: fc.string({ unit: octet, maxLength: 20 }) },
);
const value = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('', '200', 'GET', 'a', 'b', 'x'.repeat(30), 'y'.repeat(1100)) },
  { weight: 1, arbitrary: fc.string({ unit: octet, maxLength: 40 }) },
  { weight: 1, arbitrary: fc.nat(200).map((length) => 'z'.repeat(length)) },
);
const fields = fc.array(fc.tuple(name, value), { maxLength: 12 }).map((pairs) => pairs.flat());
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('block' as const), list: fc.nat(3), sensitive: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('limit' as const), bytes: fc.constantFrom(0, 40, 100, 500, 4096, 9999) }),
  },
);

describe('hpack', () => {
  it('decodes every list that it encodes, over many blocks and changes of the table', () => {
    let blocks = 0;
    let compressed = 0;
    fc.assert(
      // Few different lists, so that most of what comes has come before.
      fc.property(
        fc.array(fields, { minLength: 4, maxLength: 4 }),
        fc.array(step, { minLength: 10, maxLength: 60 }),
        (lists, steps) => {
          const encoder = new HpackEncoder();
          const decoder = new HpackDecoder({ maxTableBytes: 9999, maxListBytes: 1e6 });
          for (const one of steps) {
            if (one.kind === 'limit') encoder.limitTable(one.bytes);
            else {
              const list = lists[one.list] as string[];
              const sensitive = one.sensitive ? list.slice(0, 1) : [];
              const block = encodeBlock(encoder, list, sensitive);
              const decoded = decodeBlock(decoder, block);
              assert.deepEqual(decoded.fields, list);
              for (const secret of sensitive) assert.ok(decoded.sensitive?.includes(secret));
              blocks += 1;
              if (block.length < list.join('').length / 2) compressed += 1;
            }
          }
        },
      ),
      { seed: SEED, numRuns: RUNS },
    );
    // An encoder that refers to nothing would prove little of the tables.
    assert.ok(compressed > blocks / 10, `${compressed} of ${blocks} blocks`);
  });

  it('either decodes any octets within the limits or refuses them with COMPRESSION_ERROR', () => {
    let refused = 0;
    const noise = fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(noise, (blocks) => {
        const decoder = new HpackDecoder({ maxTableBytes: 200, maxListBytes: 300 });
        try {
          for (const block of blocks) {
            const { fields } = decodeBlock(decoder, Buffer.from(block));
            assert.ok(fields.join('').length + 16 * fields.length <= 300);
          }
        } catch (error) {
          assert.ok(error instanceof H2Error && error.code === 'COMPRESSION_ERROR', String(error));
          refused += 1;
        }
      }),
      { seed: SEED, numRuns: 5 * RUNS },
    );
    assert.ok(refused > RUNS && refused < 5 * RUNS, `${refused} of ${5 * RUNS} refused`);
  });
});
