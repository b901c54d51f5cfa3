import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Answer, decode, encode, type Packet, TRUNCATED_RESPONSE } from 'dns-packet';
import fc from 'fast-check';
import { comparable, decodeAnswer, encodeQuery, type Question } from '../../../../namers/dns/message.js';
import { GarbageError } from '../../../../namers/shared/registry-watch.js';

const WEB: Question = { name: '_http._tcp.web.test', type: 'SRV' };
const ID = 4711;

/** An answer to WEB, with `packet` in place of what it usually is. */
function answer(packet: Packet = {}): Buffer {
  return encode({
    type: 'response',
    id: ID,
    questions: [{ type: 'SRV', name: WEB.name, class: 'IN' }],
    answers: [srv('a.test', 8080)],
    ...packet,
  });
}

function srv(target: string, port: number): Answer {
  return { type: 'SRV', name: WEB.name, ttl: 30, class: 'IN', data: { priority: 1, weight: 2, port, target } };
}

describe('encodeQuery', () => {
  test('asks one question with recursion and 4,096 bytes by EDNS0', () => {
    const { id, questions, additionals, flag_rd, type } = decode(encodeQuery(ID, WEB, true));
    assert.deepEqual({ id, flag_rd, type }, { id: ID, flag_rd: true, type: 'query' });
    assert.deepEqual(questions, [{ name: WEB.name, type: 'SRV', class: 'IN' }]);
    const [options] = additionals ?? [];
    assert.equal(options?.type === 'OPT' && options.udpPayloadSize, 4096);
  });

  test('leaves EDNS0 out where it is not wanted', () => {
    assert.deepEqual(decode(encodeQuery(ID, WEB, false)).additionals, []);
  });
});

describe('decodeAnswer', () => {
  test('gives SRV records, addresses and aliases, in lower case and without last dots', () => {
    const bytes = answer({
      answers: [
        { type: 'CNAME', name: 'Web.Test', ttl: 9, class: 'IN', data: '_HTTP._tcp.web.test.' },
        srv('A.Test.', 8080),
        { type: 'TXT', name: WEB.name, ttl: 1, class: 'IN', data: 'no concern of ours' },
      ],
      additionals: [
        { type: 'A', name: 'A.test', ttl: 30, class: 'IN', data: '10.0.0.1' },
        { type: 'AAAA', name: 'a.test', ttl: 30, class: 'IN', data: 'fd00::1' },
        { type: 'A', name: 'a.test', ttl: 30, class: 'CH', data: '10.0.0.2' },
      ],
    });
    const decoded = decodeAnswer(bytes, ID, WEB);
    assert.deepEqual(decoded?.answers, [
      { type: 'alias', name: 'web.test', ttl: 9, target: WEB.name },
      { type: 'srv', name: WEB.name, ttl: 30, priority: 1, weight: 2, port: 8080, target: 'a.test' },
    ]);
    assert.deepEqual(decoded?.additionals, [
      { type: 'address', name: 'a.test', ttl: 30, ip: '10.0.0.1' },
      { type: 'address', name: 'a.test', ttl: 30, ip: 'fd00::1' },
    ]);
  });

  test('takes an echo of the question in another case', () => {
    const questions: Packet['questions'] = [{ type: 'SRV', name: '_HTTP._Tcp.WEB.test', class: 'IN' }];
    assert.equal(decodeAnswer(answer({ questions }), ID, WEB)?.answers.length, 1);
  });

  const unrelated: readonly (readonly [string, Buffer])[] = [
    ['another id', answer({ id: ID + 1 })],
    ['a query', answer({ type: 'query' })],
    ['an echo of another name', answer({ questions: [{ type: 'SRV', name: 'evil.test', class: 'IN' }] })],
    ['an echo of another type', answer({ questions: [{ type: 'A', name: WEB.name, class: 'IN' }] })],
    ['an echo of another class', answer({ questions: [{ type: 'SRV', name: WEB.name, class: 'CH' }] })],
    ['no echo', answer({ questions: [] })],
    ['NXDOMAIN without an echo', answer({ questions: [], flags: 3 })],
    ['two questions', answer({ questions: [WEB, WEB] })],
    ['less than a header', answer().subarray(0, 11)],
    ['nothing', Buffer.alloc(0)],
  ];
  for (const [what, bytes] of unrelated) {
    test(`ignores ${what}`, () => assert.equal(decodeAnswer(bytes, ID, WEB), undefined));
  }

  test('takes a refusal without an echo', () => {
    assert.equal(decodeAnswer(answer({ questions: [], answers: [], flags: 5 }), ID, WEB)?.rcode, 5);
  });

  test('does not read what is truncated', () => {
    const bytes = answer({ flags: TRUNCATED_RESPONSE }).subarray(0, -3);
    assert.deepEqual(decodeAnswer(bytes, ID, WEB)?.truncated, true);
  });

  test('joins the extended part of the code', () => {
    const options: Answer = {
      type: 'OPT',
      name: '.',
      udpPayloadSize: 4096,
      extendedRcode: 1,
      ednsVersion: 0,
      flags: 0,
      flag_do: false,
      options: [],
    };
    assert.equal(decodeAnswer(answer({ answers: [], additionals: [options] }), ID, WEB)?.rcode, 16);
  });

  test('tells a referral from an answer without records', () => {
    const ns: Answer = { type: 'NS', name: 'test', ttl: 1, class: 'IN', data: 'ns.test' };
    assert.equal(decodeAnswer(answer({ answers: [], authorities: [ns] }), ID, WEB)?.isReferral, true);
    assert.equal(decodeAnswer(answer({ authorities: [ns] }), ID, WEB)?.isReferral, false);
    assert.equal(decodeAnswer(answer({ answers: [] }), ID, WEB)?.isReferral, false);
  });

  test('takes a TTL with its highest bit set as 0', () => {
    const bytes = answer({ answers: [{ ...srv('a.test', 1), ttl: 0x80000001 } as Answer] });
    assert.equal(decodeAnswer(bytes, ID, WEB)?.answers[0]?.ttl, 0);
  });

  test('gives the root as an empty target', () => {
    const [record] = decodeAnswer(answer({ answers: [srv('.', 1)] }), ID, WEB)?.answers ?? [];
    assert.equal(record?.type === 'srv' && record.target, '');
  });
});

describe('decodeAnswer, of hostile bytes,', () => {
  /** Undefined or an answer, or what GarbageError says. */
  function read(bytes: Buffer): unknown {
    try {
      return decodeAnswer(bytes, ID, WEB);
    } catch (error) {
      assert.ok(error instanceof GarbageError, String(error));
      return error.message;
    }
  }

  test('refuses an answer that is cut off anywhere', () => {
    const whole = answer();
    for (let size = 12; size < whole.length; size++) {
      assert.match(String(read(whole.subarray(0, size))), /cannot be read/, `${size} bytes`);
    }
  });

  test('refuses a name that points to itself, or ahead', () => {
    for (const target of [12, 200]) {
      const bytes = answer();
      bytes.writeUInt16BE(0xc000 | target, 12);
      assert.match(String(read(bytes)), /bad pointer|cannot be read/);
    }
  });

  test('refuses a chain of pointers at once, where following it would take most of a second', () => {
    const bytes = Buffer.concat([answer({ answers: [] }), Buffer.alloc(60_000)]);
    const start = answer({ answers: [] }).length;
    for (let at = start; at < 0x3ffe; at += 2) bytes.writeUInt16BE(0xc000 | (at === start ? 12 : at - 2), at);
    bytes.writeUInt16BE(4000, 6);
    assert.match(String(read(bytes)), /pointers to pointers/);
  });

  test('refuses counts of records that are not there', () => {
    const bytes = answer();
    bytes.writeUInt16BE(0xffff, 6);
    assert.match(String(read(bytes)), /cannot be read/);
  });

  test('throws nothing but GarbageError, whatever 64 KiB there are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (tail, isLong) => {
        const head = answer({ answers: [] });
        head.writeUInt16BE(20, 6);
        read(Buffer.concat([head, tail, Buffer.alloc(isLong ? 65_000 : 0, 0xc1)]));
      }),
    );
  });

  test('throws nothing but GarbageError when some bytes of an answer are others', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }), (changes) => {
        const bytes = answer({ additionals: [{ type: 'A', name: 'a.test', ttl: 1, class: 'IN', data: '10.0.0.1' }] });
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        read(bytes);
      }),
    );
  });
});

test('comparable lower-cases ASCII letters alone and drops the last dot', () => {
  assert.equal(comparable('GRÖßE.Test.'), 'grÖße.test');
  assert.equal(comparable('.'), '');
});
