import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { H2Error } from '../../../../src/wire/h2/h2-error.js';
import { HpackDecoder, type HpackDecoderOptions } from '../../../../src/wire/h2/hpack-decoder.js';
import { decodeBlock, hex } from './hpack-blocks.js';
import { huffmanBytes } from './huffman-writer.js';
import { SERIES, SINGLE } from './rfc7541-examples.js';

function makeDecoder(options: Partial<HpackDecoderOptions> = {}): HpackDecoder {
  return new HpackDecoder({ maxTableBytes: 4096, maxListBytes: 65_536, ...options });
}

function refusal(decoder: HpackDecoder, block: Buffer): string {
  try {
    decodeBlock(decoder, block);
  } catch (error) {
    assert.ok(error instanceof H2Error);
    assert.equal(error.code, 'COMPRESSION_ERROR');
    return error.message;
  }
  return assert.fail(`${block.toString('hex')} was not refused`);
}

/** A literal with incremental indexing and a new name, not Huffman coded; neither longer than 126. */
function added(name: string, value: string): Buffer {
  return Buffer.from(`\x40${String.fromCharCode(name.length)}${name}${String.fromCharCode(value.length)}${value}`);
}

describe('hpack decoder', () => {
  for (const { section, block, fields } of SINGLE) {
    it(`reads RFC 7541 ${section}`, () => {
      assert.deepEqual(decodeBlock(makeDecoder(), block).fields, fields);
    });
  }

  for (const { tableBytes, examples } of SERIES) {
    const sections = examples.map(({ section }) => section).join(', ');
    it(`reads RFC 7541 ${sections}, one after the other`, () => {
      const decoder = makeDecoder({ maxTableBytes: tableBytes });
      if (tableBytes === 256) decodeBlock(decoder, hex('3fe101'));
      for (const { block, fields } of examples) assert.deepEqual(decodeBlock(decoder, block).fields, fields);
    });
  }

  it('evicts the oldest entries, and forgets all when one does not fit', () => {
    const decoder = makeDecoder({ maxTableBytes: 100 });
    decodeBlock(decoder, Buffer.concat([hex('3f45'), added('a', '1'), added('b', '2'), added('c', '3')]));
    assert.deepEqual(decodeBlock(decoder, hex('be bf')).fields, ['c', '3', 'b', '2']);
    assert.match(refusal(decoder, hex('c0')), /refers to index 64, and the tables have 63 entries/);
    assert.deepEqual(decodeBlock(decoder, added('long', 'x'.repeat(65))).fields, ['long', 'x'.repeat(65)]);
    assert.match(refusal(decoder, hex('be')), /refers to index 62, and the tables have 61 entries/);
  });

  it('reads a name from an entry that the same field evicts', () => {
    const decoder = makeDecoder({ maxTableBytes: 40 });
    decodeBlock(decoder, Buffer.concat([hex('3f09'), added('name', '1')]));
    assert.deepEqual(decodeBlock(decoder, Buffer.concat([hex('7e'), Buffer.from('\x012')])).fields, ['name', '2']);
    assert.deepEqual(decodeBlock(decoder, hex('be')).fields, ['name', '2']);
  });

  it('reads values of any octets, Huffman coded or not', () => {
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
    const coded = huffmanBytes(all);
    const length = coded.length - 127;
    const block = Buffer.concat([hex('0001 61 ff'), Buffer.of((length & 0x7f) | 0x80, length >> 7), coded]);
    assert.deepEqual(decodeBlock(makeDecoder(), block).fields, ['a', all]);
    const raw = Buffer.concat([hex('0001 61 7f 8101'), Buffer.from(all, 'latin1')]);
    assert.deepEqual(decodeBlock(makeDecoder(), raw).fields, ['a', all]);
  });

  it('reads an empty block as no fields', () => {
    const block = decodeBlock(makeDecoder(), Buffer.alloc(0));
    assert.deepEqual(block, { fields: [], tooLarge: false, invalid: undefined, sensitive: undefined });
  });

  it('says which fields came never indexed', () => {
    const block = hex('82 1f08 0161 04 01 62 10 01 63 01 64');
    const { fields, sensitive } = decodeBlock(makeDecoder(), block);
    assert.deepEqual(fields, [':method', 'GET', 'authorization', 'a', ':path', 'b', 'c', 'd']);
    assert.deepEqual(sensitive, ['authorization', 'c']);
  });

  describe('refuses', () => {
    for (const [title, block, message] of [
      ['index 0', '80', /refers to index 0/],
      ['an index beyond an empty dynamic table', 'be', /refers to index 62, and the tables have 61 entries/],
      ['a large index', 'ff8008', /refers to index 1151/],
      ['a name of an index beyond the tables, added', '7e0161', /refers to index 62/],
      ['a name of an index beyond the tables, not added', '0f2f0161', /refers to index 62/],
      ['a name of an index beyond the tables, never indexed', '1f2f0161', /refers to index 62/],
      ['an index without end', 'ff80', /ends within a field/],
      ['an index of which only the prefix came', 'ff', /ends within a field/],
      ['an index of 2^31', 'ff81ffffff07', /integer of 2\^31 or more/],
      ['an index of 2^32 + 2, which 32 bits take for 2', 'ff83ffffff0f', /integer of 2\^31 or more/],
      ['an index of six octets behind its prefix', 'ff808080808000', /more than 5 octets/],
      ['a name without value', '4001 61', /ends within a field/],
      ['a field without name', '40', /ends within a field/],
      ['a name that is longer than the block', '4002 61', /ends within a field/],
      ['a value that is longer than the block', '4001 61 02 62', /ends within a field/],
      ['a value of 2^31 - 1 octets', '4001 61 7f 80ffffff07 62', /ends within a field/],
      ['a value of 2^31 octets', '4001 61 7f 81ffffff07 62', /integer of 2\^31 or more/],
      ['a length without end', '4001 61 7f ff', /ends within a field/],
      ['a Huffman coded name that ends in a zero', '4081 1c 00', /Huffman-coded string of a field block does not end/],
      ['a Huffman coded value with EOS', '4001 61 84 ffffffff', /contains EOS/],
      ['a size update without end', '3f', /ends within a field/],
      ['a size update above our limit', '3fe21f', /sets the dynamic table to 4097 octets, want at most 4096/],
      ['a size update behind a field', '82 20', /changes the size of the dynamic table after its first field/],
      ['three size updates', '20 21 22', /changes the size of the dynamic table more than twice/],
    ] as const) {
      it(title, () => {
        assert.match(refusal(makeDecoder(), hex(block)), message);
      });
    }
  });

  it('refuses every block that is cut short within a field, and reads every one that is cut between fields', () => {
    const block = hex('82 4001 61 03 626364 0f0d 0131 1001 63 811f');
    const between = new Map([
      [0, 0],
      [1, 2],
      [8, 4],
      [12, 6],
      [17, 8],
    ]);
    for (let end = 0; end <= block.length; end += 1) {
      const fields = between.get(end);
      const part = block.subarray(0, end);
      if (fields === undefined) assert.match(refusal(makeDecoder(), part), /ends within a field/, `cut at ${end}`);
      else assert.equal(decodeBlock(makeDecoder(), part).fields.length, fields, `cut at ${end}`);
    }
  });

  it('reads the largest index of two blocks, at the last entry of a full table', () => {
    const decoder = makeDecoder();
    for (let i = 0; i < 200; i += 1) decodeBlock(decoder, added('', ''));
    // 4096 / 32 entries: the last is index 61 + 128.
    assert.deepEqual(decodeBlock(decoder, hex('ff3e')).fields, ['', '']);
    assert.match(refusal(decoder, hex('ff3f')), /refers to index 190, and the tables have 189 entries/);
  });

  describe('size of the dynamic table', () => {
    it('goes down and up again in one block, and what was evicted is gone', () => {
      const decoder = makeDecoder();
      decodeBlock(decoder, added('a', '1'));
      assert.deepEqual(decodeBlock(decoder, Buffer.concat([hex('20 3fe11f'), added('b', '2')])).fields, ['b', '2']);
      assert.deepEqual(decodeBlock(decoder, hex('be')).fields, ['b', '2']);
      assert.match(refusal(decoder, hex('bf')), /refers to index 63/);
    });

    it('may be larger than the initial one only after an update', () => {
      const decoder = makeDecoder({ maxTableBytes: 8192 });
      const value = 'x'.repeat(126);
      for (let i = 0; i < 100; i += 1) decodeBlock(decoder, added('a', value));
      assert.match(refusal(decoder, hex('da')), /and the tables have 86 entries/);
      decodeBlock(decoder, hex('3fe13f'));
      for (let i = 0; i < 100; i += 1) decodeBlock(decoder, added('a', value));
      assert.match(refusal(decoder, hex('f7')), /and the tables have 112 entries/);
    });

    it('must be changed by the next block once the peer has acknowledged a lower limit', () => {
      const decoder = makeDecoder({ maxTableBytes: 100 });
      decodeBlock(decoder, hex('3fe11f 82'));
      decoder.limitAcknowledged();
      assert.match(
        refusal(decoder, hex('82')),
        /does not begin with the change of the dynamic table to 100 octets or less/,
      );
      assert.match(refusal(decoder, hex('3f46')), /sets the dynamic table to 101 octets, want at most 100/);
      assert.deepEqual(decodeBlock(decoder, hex('3f45 82')).fields, [':method', 'GET']);
      assert.deepEqual(decodeBlock(decoder, hex('82')).fields, [':method', 'GET']);
      assert.match(refusal(decoder, hex('3fe11f')), /want at most 100/);
    });

    it('need not be changed when the acknowledged limit is not lower, or the peer had changed it before', () => {
      const same = makeDecoder();
      same.limitAcknowledged();
      assert.deepEqual(decodeBlock(same, hex('82')).fields, [':method', 'GET']);
      const before = makeDecoder({ maxTableBytes: 0 });
      decodeBlock(before, hex('20'));
      before.limitAcknowledged();
      assert.deepEqual(decodeBlock(before, hex('82')).fields, [':method', 'GET']);
    });
  });

  describe('list size', () => {
    it('counts names, values and 32 octets a field, and allows the limit itself', () => {
      const block = Buffer.concat([added('abc', 'de'), added('f', '')]);
      assert.equal(decodeBlock(makeDecoder({ maxListBytes: 70 }), block).tooLarge, false);
      const { fields, tooLarge } = decodeBlock(makeDecoder({ maxListBytes: 69 }), block);
      assert.ok(tooLarge);
      assert.deepEqual(fields, ['abc', 'de']);
    });

    it('that is too large drops the rest, keeps the dynamic table right, and counts anew in the next block', () => {
      const decoder = makeDecoder({ maxListBytes: 100 });
      const first = Buffer.concat([added('a', 'x'.repeat(90)), added('b', '1'), hex('82')]);
      assert.deepEqual(decodeBlock(decoder, first), {
        fields: [],
        tooLarge: true,
        invalid: undefined,
        sensitive: undefined,
      });
      assert.deepEqual(decodeBlock(decoder, hex('be')), {
        fields: ['b', '1'],
        tooLarge: false,
        invalid: undefined,
        sensitive: undefined,
      });
    });

    it('of a bomb of references to one large entry stays bounded', () => {
      const decoder = makeDecoder({ maxListBytes: 65_536 });
      decodeBlock(decoder, Buffer.concat([hex('4001 61 7f a11e'), Buffer.alloc(4000, 'x')]));
      const block = Buffer.alloc(16 * 1024 * 1024, 0xbe);
      const before = process.memoryUsage().heapUsed;
      const { fields, tooLarge } = decoder.decode(block, 0, block.length);
      const grown = process.memoryUsage().heapUsed - before;
      assert.ok(tooLarge);
      assert.equal(fields.length / 2, Math.floor(65_536 / (1 + 4000 + 32)));
      // What it stands for is 64 GiB.
      assert.ok(grown < 16 * 1024 * 1024, `heap grew by ${grown} bytes`);
    });

    it('bounds the number of fields, and of names that came never indexed', () => {
      const block = Buffer.concat(Array.from({ length: 100_000 }, () => hex('1000 00')));
      const { fields, sensitive, tooLarge } = decodeBlock(makeDecoder({ maxListBytes: 3200 }), block);
      assert.ok(tooLarge);
      assert.equal(fields.length, 200);
      assert.equal(sensitive?.length, 100);
    });
  });

  describe('validity of fields', () => {
    it('is asked once for a literal, never for what is in a table, and remembered while the field is in the table', () => {
      const asked: string[] = [];
      const decoder = makeDecoder({
        isValid: (name, value) => {
          asked.push(`${name}=${value}`);
          return name !== 'Bad';
        },
      });
      assert.equal(decodeBlock(decoder, Buffer.concat([hex('82'), added('ok', '1')])).invalid, undefined);
      assert.equal(decodeBlock(decoder, Buffer.concat([added('Bad', '2'), hex('bf')])).invalid, 'Bad');
      assert.equal(decodeBlock(decoder, hex('bf')).invalid, undefined);
      assert.equal(decodeBlock(decoder, hex('bf be')).invalid, 'Bad');
      assert.deepEqual(asked, ['ok=1', 'Bad=2']);
      // Evicted: the id is another field's.
      decodeBlock(decoder, Buffer.concat([hex('20 3fe11f'), added('ok', '3')]));
      assert.equal(decodeBlock(decoder, hex('be')).invalid, undefined);
    });

    it('is told of a literal that is not added, of one too large for the table, and of the first of several', () => {
      const decoder = makeDecoder({ maxTableBytes: 40, isValid: (_name, value) => !value.startsWith('!') });
      assert.equal(decodeBlock(decoder, hex('20 0001 61 01 21 0001 62 01 21')).invalid, 'a');
      assert.equal(decodeBlock(decoder, added('c', '!'.repeat(40))).invalid, 'c');
      assert.equal(decodeBlock(decoder, hex('82')).invalid, undefined);
    });
  });
});
