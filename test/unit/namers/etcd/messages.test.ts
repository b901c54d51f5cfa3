import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  readAuthenticateAnswer,
  readRangeAnswer,
  readWatchAnswer,
  writeAuthenticateRequest,
  writeProgressRequest,
  writeRangeRequest,
  writeWatchRequest,
} from '../../../../namers/etcd/messages.js';
import { readMessage, writeMessage } from '../../../../namers/etcd/protobuf.js';
import { GarbageError } from '../../../../namers/shared/registry-watch.js';

describe('protobuf', () => {
  it('reads back the numbers and bytes that it wrote', () => {
    const field = fc.tuple(
      fc.integer({ min: 1, max: 2 ** 29 - 1 }),
      fc.oneof(
        fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      ),
    );
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const read = [...readMessage(writeMessage(...fields))].map(({ number, value }) => [number, value]);
        assert.deepEqual(read, fields);
      }),
    );
  });

  it('leaves out what is zero or absent, as proto3 does', () => {
    assert.equal(writeMessage([1, 0], [2, false], [3, undefined]).length, 0);
  });

  it('passes over fields of fixed size', () => {
    const fixed = Buffer.from([0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x15, 1, 2, 3, 4]);
    assert.deepEqual([...readMessage(Buffer.concat([fixed, writeMessage([3, 7])]))], [{ number: 3, value: 7 }]);
  });

  const bad: [what: string, bytes: number[]][] = [
    ['a number that does not end', [0x08, 0x80]],
    ['a number of more than 64 bits', [0x08, ...Array<number>(10).fill(0xff), 1]],
    ['bytes that are not there', [0x0a, 5, 1]],
    ['a length of 2^63', [0x0a, ...Array<number>(9).fill(0xff), 1]],
    ['a group, which proto3 does not have', [0x0b]],
    ['a fixed number that is cut off', [0x09, 1, 2]],
  ];
  for (const [what, bytes] of bad) {
    it(`refuses ${what}`, () => {
      assert.throws(() => [...readMessage(Buffer.from(bytes))], GarbageError);
    });
  }

  it('answers or refuses whatever bytes it is given', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        for (const read of [readRangeAnswer, readWatchAnswer, readAuthenticateAnswer]) {
          try {
            read(Buffer.from(bytes));
          } catch (error) {
            assert.ok(error instanceof GarbageError, String(error));
          }
        }
      }),
    );
  });
});

// Bytes as the protocol buffer compiler's own libraries write them for these messages.
describe('etcd messages', () => {
  const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

  it('writes a range with its limit and revision', () => {
    const request = { key: Buffer.from('a'), rangeEnd: Buffer.from('b'), limit: 500, revision: 7 };
    assert.deepEqual(writeRangeRequest(request), hex('0a0161 120162 18f403 2007'));
  });

  it('writes a count of one key', () => {
    assert.deepEqual(writeRangeRequest({ key: Buffer.from('a'), countOnly: true }), hex('0a0161 4801'));
  });

  it('writes a watch from a revision on, in pieces where it must be', () => {
    const request = { key: Buffer.from('a'), rangeEnd: Buffer.from('b'), startRevision: 300 };
    assert.deepEqual(writeWatchRequest(request), hex('0a0d 0a0161 120162 18ac02 2001 4001'));
  });

  it('writes the question for progress, and a login', () => {
    assert.deepEqual(writeProgressRequest(), hex('1a00'));
    assert.deepEqual(writeAuthenticateRequest('u', 'pw'), hex('0a0175 12027077'));
  });

  it('reads a range answer', () => {
    const answer = readRangeAnswer(hex('0a04 0801 1807 1208 0a016b 10022a0176 1801 2002'));
    assert.deepEqual(answer, {
      revision: 7,
      entries: [{ key: Buffer.from('k'), value: Buffer.from('v') }],
      more: true,
    });
  });

  it('reads the changes of a watch: what was put and what is gone', () => {
    const answer = readWatchAnswer(hex('0a02 1809 5a08 1206 0a016b 2a0176 5a07 0801 1203 0a016c'));
    assert.deepEqual(answer, {
      revision: 9,
      created: false,
      canceled: false,
      cancelReason: '',
      compactRevision: 0,
      changes: [
        { key: Buffer.from('k'), value: Buffer.from('v') },
        { key: Buffer.from('l'), value: undefined },
      ],
    });
  });

  it('reads the end of a watch', () => {
    const { created, canceled, cancelReason, compactRevision } = readWatchAnswer(hex('1801 2001 2805 320178'));
    assert.deepEqual([created, canceled, cancelReason, compactRevision], [true, true, 'x', 5]);
  });

  it('reads the token of a login', () => {
    assert.equal(readAuthenticateAnswer(hex('0a00 1203 612e62')), 'a.b');
    assert.equal(readAuthenticateAnswer(hex('0a00')), '');
  });
});
