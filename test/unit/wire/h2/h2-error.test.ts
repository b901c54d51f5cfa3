import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { H2_ERROR_CODES, H2Error, h2ErrorCodeFromNumber } from '../../../../src/wire/h2/h2-error.js';

describe('h2 error', () => {
  it('names every number of RFC 9113 §7, and takes an unknown one for INTERNAL_ERROR', () => {
    assert.equal(Object.keys(H2_ERROR_CODES).length, 14);
    for (const [code, number] of Object.entries(H2_ERROR_CODES)) assert.equal(h2ErrorCodeFromNumber(number), code);
    assert.equal(h2ErrorCodeFromNumber(0x0b), 'ENHANCE_YOUR_CALM');
    for (const number of [14, 255, 0xffffffff]) assert.equal(h2ErrorCodeFromNumber(number), 'INTERNAL_ERROR');
  });

  it('carries its code', () => {
    const error = new H2Error('FRAME_SIZE_ERROR', 'PING of 7 octets, want 8');
    assert.equal(error.code, 'FRAME_SIZE_ERROR');
    assert.equal(error.message, 'PING of 7 octets, want 8');
  });
});
