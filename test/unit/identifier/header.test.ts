import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pathFromText } from '../../../src/base/path.js';
import { headerIdentifier } from '../../../src/identifier/header.js';
import { Unidentified } from '../../../src/identifier/identifier.js';
import { makeKind } from '../../support/make-kind.js';
import { requestHead } from '../../support/requests.js';

describe('identifier io.l5d.header', () => {
  const identifier = makeKind(headerIdentifier, {}, { dstPrefix: pathFromText('svc') });

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
    const other = headerIdentifier.make({ header: 'X-Dst' }, { dstPrefix: pathFromText('svc') });
    assert.equal(String(other(requestHead([['x-dst', '/web']]))), '/svc/web');
  });
});
