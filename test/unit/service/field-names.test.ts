import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fieldNameAt, isHopByHop, knownFieldNameAt, roleOf } from '../../../src/service/field-names.js';
import { wordsOf } from '../../../src/wire/field-lines.js';

function nameOf(spelling: string): ReturnType<typeof fieldNameAt> {
  const bytes = Buffer.from(`..${spelling}: value`, 'latin1');
  return fieldNameAt(bytes, wordsOf(bytes), 2, 2 + spelling.length);
}

describe('field names', () => {
  it('are as spelled, and known in lower case', () => {
    for (const spelling of ['Host', 'HOST', 'hOST', 'X-Name', '__proto__', `X-${'y'.repeat(500)}`]) {
      const { spelling: seen, lower, bytes } = nameOf(spelling);
      assert.deepEqual([seen, lower], [spelling, spelling.toLowerCase()]);
      assert.equal(Buffer.from(bytes).toString('latin1'), spelling);
    }
  });

  it('are one object for one spelling, even where others look like it', () => {
    assert.equal(nameOf('Accept'), nameOf('Accept'));
    // Of one length, or with the same letters at the beginning or end.
    for (const other of ['Accepu', 'Bccept', 'accept', 'Apcect', 'Accep', 'Accept-', 'Acce', 'Acc', 'A']) {
      assert.equal(nameOf(other).spelling, other);
      assert.equal(nameOf('Accept').spelling, 'Accept');
      assert.equal(nameOf(other), nameOf(other));
    }
  });

  it('are known once they have been seen, up to their colon and wherever they stand', () => {
    const known = (text: string, start: number): string | undefined => {
      const bytes = Buffer.from(text, 'latin1');
      return knownFieldNameAt(bytes, wordsOf(bytes), start)?.spelling;
    };
    for (const spelling of ['K', 'Ke', 'Kept', 'Kept-1', 'Kept-Name']) {
      assert.equal(known(`${spelling}: x`, 0), undefined);
      nameOf(spelling);
      for (let start = 0; start < 5; start += 1) {
        assert.equal(known(`${'K'.repeat(start)}${spelling}:`, start), spelling);
        assert.equal(known(`${'K'.repeat(start)}${spelling} :`, start), undefined);
        assert.equal(known(`${'K'.repeat(start)}${spelling}`, start), undefined);
        assert.equal(known(`${'K'.repeat(start)}${spelling}z:`, start), undefined);
      }
    }
  });

  it('are known wherever their line stands, also at the very end of what there is', () => {
    for (const spelling of ['E', 'Em', 'Emp', 'Empt', 'Empty', 'Empty-N', 'Empty-Na', 'Empty-Name', 'Empty-Name-13']) {
      const name = nameOf(spelling);
      for (let start = 0; start < 5; start += 1) {
        const bytes = Buffer.from(`${'x'.repeat(start)}${spelling}:\r\n`, 'latin1');
        assert.equal(knownFieldNameAt(bytes, wordsOf(bytes), start), name, spelling);
      }
    }
  });

  it('are read right also where there are more of them than are remembered', () => {
    // Of one hash, as the first twelve letters are alike; and then more than there is room for altogether.
    for (let round = 0; round < 2; round += 1) {
      for (let i = 0; i < 60; i += 1) assert.equal(nameOf(`Very-Similar-${i}`).spelling, `Very-Similar-${i}`);
      for (let i = 0; i < 20_000; i += 1) assert.equal(nameOf(`${i}-Name`).spelling, `${i}-Name`);
    }
    // The latest is known for all that.
    assert.equal(nameOf('Very-Similar-7'), nameOf('Very-Similar-7'));
  });

  it('do not change with the bytes that they were read from', () => {
    const bytes = Buffer.from('X-Shared:');
    const name = fieldNameAt(bytes, wordsOf(bytes), 0, 8);
    bytes.fill(0x61);
    assert.equal(nameOf('X-Shared'), name);
    assert.equal(name.spelling, 'X-Shared');
  });
});

describe('roles of fields', () => {
  for (const [name, role] of [
    ['host', 'host'],
    ['content-length', 'length'],
    ['transfer-encoding', 'coding'],
    ['via', 'gateway'],
    ['l5d-anything', 'gateway'],
    ['grpc-timeout', 'gateway'],
    ['x-forwarded-client-cert', 'gateway'],
    ['accept', 'plain'],
    ['constructor', 'plain'],
  ] as const) {
    it(`have ${role} for ${name}`, () => {
      assert.equal(roleOf(name), role);
      assert.equal(nameOf(name.toUpperCase()).role, role);
    });
  }
});

describe('hop-by-hop fields', () => {
  for (const name of [
    ...['connection', 'proxy-connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer'],
    ...['upgrade', 'http2-settings'],
  ]) {
    it(`have ${name} among them`, () => assert.ok(isHopByHop(name)));
  }

  it('do not have those that are for all recipients among them', () => {
    for (const name of ['host', 'via', 'accept', 'cookie', 'authorization', 'x-te']) assert.ok(!isHopByHop(name), name);
  });
});
