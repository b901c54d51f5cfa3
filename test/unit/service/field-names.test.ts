import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fieldNameAt, isHopByHop, roleOf } from '../../../src/service/field-names.js';

function nameOf(spelling: string): ReturnType<typeof fieldNameAt> {
  const bytes = Buffer.from(`..${spelling}: value`, 'latin1');
  return fieldNameAt(bytes, 2, 2 + spelling.length);
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
    // Of one length and first letter.
    for (const other of ['Accepu', 'Bccept', 'accept', 'Apcect']) assert.notEqual(nameOf(other), nameOf('Accept'));
  });

  it('do not change with the bytes that they were read from', () => {
    const bytes = Buffer.from('X-Shared');
    const name = fieldNameAt(bytes, 0, 8);
    bytes.fill(0x61);
    assert.equal(fieldNameAt(Buffer.from('X-Shared'), 0, 8), name);
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
