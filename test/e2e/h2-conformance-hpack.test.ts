// RFC 7541 on a whole gateway: every form in which a client may write a field, and the dynamic table in step at both ends. What
// a client must not write is in test/support/conformance/h2-frame-cases.ts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HEADERS } from '../../src/wire/h2/frames.js';
import { HpackDecoder } from '../../src/wire/h2/hpack-decoder.js';
import { HEADER_TABLE_SIZE } from '../../src/wire/h2/settings.js';
import { H2GatewayUnderTest } from '../support/conformance/h2-gateway-under-test.js';
import { GET } from '../support/h2-peer.js';
import { expectNoOpenHandles } from '../support/open-handles.js';

expectNoOpenHandles();

/** GET, http, / from the static table, and :authority as a literal that is not indexed: the dynamic table stays empty. */
const PLAIN = Buffer.from([0x82, 0x86, 0x84, 0x01, 3, ...Buffer.from('web')]);
/** First index of the dynamic table (§2.3.3), which is that of the field that came last. */
const NEWEST = 0x80 | 62;

/** RFC 7541 C.4.3. */
const HUFFMAN: Readonly<Record<string, string>> = {
  'custom-key': '25a849e95ba97d7f',
  'custom-value': '25a849e95bb8e8b4bf',
};

function string(text: string, huffman: boolean): Buffer {
  const coded = Buffer.from(HUFFMAN[text] ?? assert.fail(text), 'hex');
  return huffman ? Buffer.from([0x80 | coded.length, ...coded]) : Buffer.from([text.length, ...Buffer.from(text)]);
}

interface Indexing {
  readonly what: string;
  /** First octet with a new name; with the name of index 58, `user-agent`, as §5.1 writes it behind a prefix of this length. */
  readonly octet: number;
  readonly prefixBits: number;
  readonly section: string;
}

const INDEXINGS: readonly Indexing[] = [
  { what: 'with incremental indexing', octet: 0x40, prefixBits: 6, section: '6.2.1' },
  { what: 'without indexing', octet: 0x00, prefixBits: 4, section: '6.2.2' },
  { what: 'never indexed', octet: 0x10, prefixBits: 4, section: '6.2.3' },
];
const USER_AGENT = 58;

function nameOf({ octet, prefixBits }: Indexing, isKnown: boolean, huffman: boolean): Buffer {
  if (!isKnown) return Buffer.concat([Buffer.from([octet]), string('custom-key', huffman)]);
  const most = 2 ** prefixBits - 1;
  return USER_AGENT < most ? Buffer.from([octet | USER_AGENT]) : Buffer.from([octet | most, USER_AGENT - most]);
}

test('h2 conformance: HPACK of requests', async (t) => {
  const server = await H2GatewayUnderTest.start(t);

  await t.test('an indexed field (§6.1 of RFC 7541)', async (t) => {
    const peer = await server.connect(t);
    // 16 is accept-encoding: gzip, deflate.
    peer.headers(1, Buffer.concat([PLAIN, Buffer.from([0x80 | 16])]), { endStream: true });
    await server.assertServed(1);
    assert.equal(server.received.header('accept-encoding'), 'gzip, deflate');
  });

  for (const indexing of INDEXINGS)
    for (const isKnown of [true, false])
      for (const huffman of [false, true]) {
        const { what, section } = indexing;
        const how = `${isKnown ? 'indexed' : 'new'} name, ${huffman ? 'Huffman' : 'plain'}`;
        await t.test(`a literal ${what}, ${how} (§${section}, §5.2 of RFC 7541)`, async (t) => {
          const peer = await server.connect(t);
          const name = isKnown ? 'user-agent' : 'custom-key';
          const literal = Buffer.concat([nameOf(indexing, isKnown, huffman), string('custom-value', huffman)]);
          peer.headers(1, Buffer.concat([PLAIN, literal]), { endStream: true });
          await server.assertServed(1);
          assert.equal(server.received.header(name), 'custom-value');
          // It is in the dynamic table if it was to be, and not otherwise.
          peer.headers(3, Buffer.concat([PLAIN, Buffer.from([NEWEST])]), { endStream: true });
          if (section === '6.2.1') {
            await server.assertServed(3);
            assert.equal(server.received.header(name), 'custom-value');
          } else await server.assertClosed('COMPRESSION_ERROR');
        });
      }

  await t.test('a change of the table size, and two, before the fields (§4.2, §6.3 of RFC 7541)', async (t) => {
    const peer = await server.connect(t);
    peer.headers(1, Buffer.concat([Buffer.from([0x20]), PLAIN]), { endStream: true });
    await server.assertServed(1);
    peer.headers(3, Buffer.concat([Buffer.from([0x20, 0x3f, 0xe1, 0x1f]), PLAIN]), { endStream: true });
    await server.assertServed(3);
  });

  await t.test('a table of size 0 keeps nothing (§4.3 of RFC 7541)', async (t) => {
    const peer = await server.connect(t);
    const literal = Buffer.concat([Buffer.from([0x40]), string('custom-key', false), string('custom-value', false)]);
    peer.headers(1, Buffer.concat([Buffer.from([0x20]), PLAIN, literal]), { endStream: true });
    await server.assertServed(1);
    peer.headers(3, Buffer.concat([PLAIN, Buffer.from([NEWEST])]), { endStream: true });
    await server.assertClosed('COMPRESSION_ERROR');
  });

  await t.test('the oldest entry leaves when a new one needs its room (§4.4 of RFC 7541)', async (t) => {
    const peer = await server.connect(t);
    const literal = Buffer.concat([Buffer.from([0x40]), string('custom-key', false), string('custom-value', false)]);
    // 54 octets each (§4.1), in a table of 100: the second takes the place of the first.
    peer.headers(1, Buffer.concat([Buffer.from([0x3f, 100 - 31]), PLAIN, literal, literal]), { endStream: true });
    await server.assertServed(1);
    peer.headers(3, Buffer.concat([PLAIN, Buffer.from([NEWEST])]), { endStream: true });
    await server.assertServed(3);
    peer.headers(5, Buffer.concat([PLAIN, Buffer.from([NEWEST + 1])]), { endStream: true });
    await server.assertClosed('COMPRESSION_ERROR');
  });

  await server.assertOthersUnharmed();
});

test('h2 conformance: HPACK of responses', async (t) => {
  const server = await H2GatewayUnderTest.start(t);

  await t.test('tells of a table that the client has made smaller, before the fields (§4.2 of RFC 7541)', async (t) => {
    const peer = await server.connect(t);
    peer.settings([[HEADER_TABLE_SIZE, 0]]);
    peer.headers(1, GET, { endStream: true });
    await server.answers(1);
    const first = peer.expect(HEADERS, 1).payload;
    assert.equal(first[0], 0x20);
    peer.headers(3, GET, { endStream: true });
    await server.answers(3);
    const second = peer.expect(HEADERS, 3).payload;
    // Once is enough; and neither block looks anything up, for this decoder has no table.
    assert.notEqual(second[0], 0x20);
    const decoder = new HpackDecoder({ maxTableBytes: 0, maxListBytes: 1 << 20 });
    for (const block of [first, second])
      assert.deepEqual(decoder.decode(block, 0, block.length).fields.slice(0, 2), [':status', '200']);
  });

  await t.test('uses no larger table than it likes, whatever the client allows (§4.2 of RFC 7541)', async (t) => {
    const peer = await server.connect(t);
    peer.settings([[HEADER_TABLE_SIZE, 2 ** 31]]);
    for (let id = 1; id < 20; id += 2) {
      peer.headers(id, GET, { endStream: true });
      await server.assertServed(id);
    }
  });

  await server.assertOthersUnharmed();
});
