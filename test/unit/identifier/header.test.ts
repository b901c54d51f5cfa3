import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { headerIdentifier } from '../../../src/identifier/header.js';
import { Unidentified } from '../../../src/identifier/identifier.js';
import { makeNaming } from '../../support/identify.js';
import { requestHead } from '../../support/requests.js';

describe('identifier io.l5d.header', () => {
  const identifier = makeNaming(headerIdentifier, {});

  it('reads l5d-name as a path after dstPrefix', () => {
    assert.equal(String(identifier(requestHead([['L5d-Name', '/web/v2']]))), '/svc/web/v2');
    assert.equal(String(identifier(requestHead([['l5d-name', '/']]))), '/svc');
  });

  it('does not identify without the header', () => {
    for (const headers of [[], [['l5d-name', '']]] as [string, string][][]) {
      const answer = identifier(requestHead(headers));
      assert.ok(answer instanceof Unidentified);
      assert.equal(answer.reason, 'l5d-name header is absent');
    }
  });

  it('fails on a value that is no path, each time', () => {
    for (let i = 0; i < 2; i++) {
      assert.throws(() => identifier(requestHead([['l5d-name', 'web']])), {
        message: "'/' expected but 'w' found at '[w]eb'",
      });
    }
  });

  it('reads the header that is configured', () => {
    const other = makeNaming(headerIdentifier, { header: 'X-Dst' });
    assert.equal(String(other(requestHead([['x-dst', '/web']]))), '/svc/web');
  });
});
