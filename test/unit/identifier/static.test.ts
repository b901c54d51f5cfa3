import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pathFromText } from '../../../src/base/path.js';
import { staticIdentifier } from '../../../src/identifier/static.js';
import { makeKind } from '../../support/make-kind.js';
import { requestHead } from '../../support/requests.js';

describe('identifier io.l5d.static', () => {
  it('gives every request the same name', () => {
    const identifier = makeKind(staticIdentifier, { path: '/web/v2' }, { dstPrefix: pathFromText('svc') });
    const first = identifier(requestHead([['Host', 'a']]));
    assert.equal(String(first), '/svc/web/v2');
    assert.equal(identifier(requestHead([], { target: '/b' })), first);
  });

  it('needs a path that parses', () => {
    assert.equal(staticIdentifier.config.safeParse({}).success, false);
    assert.equal(staticIdentifier.config.safeParse({ path: 'web' }).success, false);
    assert.equal(staticIdentifier.config.safeParse({ path: '/web/' }).success, false);
  });
});
