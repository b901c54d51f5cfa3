import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseIpLiteral } from '../../../src/naming/ip-literal.js';

const rows: [host: string, expected: string | undefined][] = [
  ['127.0.0.1', '127.0.0.1'],
  ['127.1', '127.0.0.1'],
  ['10.258', '10.0.1.2'],
  ['10.1.258', '10.1.1.2'],
  ['2130706433', '127.0.0.1'],
  ['4294967295', '255.255.255.255'],
  ['0', '0.0.0.0'],
  ['4294967296', undefined],
  ['256.1', undefined],
  ['1.16777216', undefined],
  ['1.2.65536', undefined],
  ['1.2.3.256', undefined],
  ['1.2.3.4.5', undefined],
  ['010.1', undefined],
  ['010.0.0.1', undefined],
  ['0x7f.1', undefined],
  ['127.', undefined],
  ['.1', undefined],
  ['-1', undefined],
  ['', undefined],
  ['::1', '::1'],
  ['[::1]', '::1'],
  ['[127.0.0.1]', undefined],
  ['[::1', undefined],
  ['example.com', undefined],
];

describe('IP literal', () => {
  for (const [host, expected] of rows) {
    it(`"${host}" is ${expected ?? 'a name'}`, () => {
      assert.equal(parseIpLiteral(host), expected);
    });
  }
});
