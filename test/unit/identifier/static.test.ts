import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { staticIdentifier } from '../../../src/identifier/static.js';
import { makeNaming } from '../../support/identify.js';
import { requestHead } from '../../support/requests.js';

describe('identifier io.l5d.static', () => {
  it('gives every request the same name', () => {
    const identifier = makeNaming(staticIdentifier, { path: '/web/v2' });
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
