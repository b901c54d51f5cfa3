import assert from 'node:assert/strict';
import type { OutgoingHttpHeaders } from 'node:http2';
import http2 from 'node:http2';
import { describe, it } from 'node:test';
import { HpackDecoder } from '../../../../src/wire/h2/hpack-decoder.js';
import { HpackEncoder } from '../../../../src/wire/h2/hpack-encoder.js';
import { STATIC_COUNT, STATIC_FIELDS } from '../../../../src/wire/h2/static-table.js';
import { expectNoOpenHandles } from '../../../support/open-handles.js';
import { decodeBlock, encodeBlock, hex } from './hpack-blocks.js';
import { nodeHpack } from './node-hpack.js';

const GET = [':method', 'GET', ':scheme', 'https', ':authority', 'example.com'];
const RESPONSES: readonly OutgoingHttpHeaders[] = Array.from({ length: 60 }, (_, i) => ({
  ':status': [200, 404, 302, 418][i % 4],
  date: `Mon, 21 Oct 2013 20:13:${10 + (i % 7)} GMT`,
  'content-type': i % 3 ? 'text/html' : 'application/json',
  etag: `"${i % 11}"`,
  'x-long': 'v'.repeat(i * 5),
  'set-cookie': [`a=${i}`, 'b=2'],
  ...(i % 5 === 0 && { authorization: 'secret', [http2.sensitiveHeaders]: ['authorization'] }),
}));

describe('hpack, against Node', () => {
  expectNoOpenHandles();

  for (const tableBytes of [0, 100, 256, 4096, 65_536]) {
    it(`decodes what Node encodes with a table of ${tableBytes}`, async () => {
      const decoder = new HpackDecoder({ maxTableBytes: tableBytes, maxListBytes: 65_536 });
      decoder.limitAcknowledged();
      const blocks = await nodeHpack.encode(RESPONSES, tableBytes);
      blocks.forEach((block, i) => {
        const { fields, sensitive } = decodeBlock(decoder, block);
        assert.deepEqual(fields, flat(RESPONSES[i] as OutgoingHttpHeaders));
        assert.equal(sensitive?.includes('authorization') ?? false, i % 5 === 0);
      });
    });

    it(`encodes what Node decodes with a table of ${tableBytes}`, async () => {
      const encoder = new HpackEncoder();
      encoder.limitTable(tableBytes);
      const lists = RESPONSES.map((response, i) => [...GET, ':path', `/${i % 3}`, ...flat(response).slice(2)]);
      const blocks = lists.map((fields) => encodeBlock(encoder, fields));
      assert.deepEqual(await nodeHpack.decode(blocks, tableBytes), lists);
    });
  }

  it('decodes every octet that may be in a value, Huffman coded by Node', async () => {
    const octets = Array.from({ length: 256 }, (_, i) => i).filter((i) => (i >= 0x20 && i !== 0x7f) || i === 9);
    // Enough short codes before it that coding pays.
    const values = octets.map((octet) => `${'e'.repeat(20)}${String.fromCharCode(octet)}${'e'.repeat(10)}`);
    const decoder = new HpackDecoder({ maxTableBytes: 4096, maxListBytes: 65_536 });
    const blocks = await nodeHpack.encode(
      values.map((value) => ({ ':status': 200, date: 'x', 'x-value': value })),
      4096,
    );
    blocks.forEach((block, i) => {
      assert.deepEqual(decodeBlock(decoder, block).fields, [':status', '200', 'date', 'x', 'x-value', values[i]]);
      // The first has the names as well.
      assert.ok(i === 0 || block.length < 35, 'not Huffman coded');
    });
  });

  it('has the static table that Node has', async () => {
    const head = [':method', 'GET', ':scheme', 'https', ':path', '/', ':authority', 'a'];
    const headBlock = hex('82 87 84 0101 61');
    // Pseudo-headers are in `head` and in the responses above; Transfer-Encoding may not be in a message.
    const own = new Set([':authority', ':method', ':path', ':scheme', ':status', 'transfer-encoding']);
    const blocks: Buffer[] = [];
    const lists: string[][] = [];
    for (let index = 1; index <= STATIC_COUNT; index += 1) {
      const [name, value] = STATIC_FIELDS.slice(2 * index) as [string, string];
      if (own.has(name)) continue;
      // The entry's name with a value of one digit and, where it has a value, the entry.
      lists.push([...head, name, '0']);
      blocks.push(Buffer.concat([headBlock, Buffer.of(0x0f, index - 15, 1), Buffer.from('0')]));
      if (value === '') continue;
      lists.push([...head, name, value]);
      blocks.push(Buffer.concat([headBlock, Buffer.of(0x80 | index)]));
    }
    assert.deepEqual(await nodeHpack.decode(blocks, 4096), lists);
  });
});

/** As Node sends them: in the order of the keys, a value of several one by one. */
function flat(headers: OutgoingHttpHeaders): string[] {
  return Object.entries(headers).flatMap(([name, value]) => [value].flat().flatMap((one) => [name, String(one)]));
}
