import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { headerPathIdentifier } from '../../../src/identifier/header-path.js';
import { headerTokenIdentifier } from '../../../src/identifier/header-token.js';
import { Unidentified } from '../../../src/identifier/identifier.js';
import { makeNaming } from '../../support/identify.js';
import { requestHead } from '../../support/requests.js';

function name(config: object, target: string, headers: readonly [string, string][] = []): string {
  const identify = makeNaming(headerPathIdentifier, config);
  const answer = identify(requestHead(headers, { target }));
  return answer instanceof Unidentified ? answer.reason : answer.show();
}

describe('io.l5d.header.path', () => {
  it('names a request after its whole path, without query and without a slash at the end', () => {
    assert.equal(name({}, '/a/b/c'), '/svc/a/b/c');
    assert.equal(name({}, '/a/b/?x=/y'), '/svc/a/b');
    assert.equal(name({}, '/a%41?'), '/svc/a%41');
  });

  it('takes the first segments, whatever the others are', () => {
    assert.equal(name({ segments: 1 }, '/pkg.Service/Method'), '/svc/pkg.Service');
    assert.equal(name({ segments: 2 }, '/a/b/~not+a@path,'), '/svc/a/b');
    assert.equal(name({ segments: 2 }, '/a/b'), '/svc/a/b');
  });

  it('does not name a path with fewer segments', () => {
    assert.equal(name({ segments: 3 }, '/a/b'), 'Path must have at least 3 segment(s)');
    assert.equal(name({ segments: 1 }, '/'), 'Path must have at least 1 segment(s)');
  });

  it('refuses what is no path of names', () => {
    assert.throws(() => name({}, '/a+b'));
    assert.throws(() => name({ segments: 1 }, '/~a/b'));
  });

  it('reads another header where it is told so', () => {
    assert.equal(name({ header: 'X-Dest' }, '/', [['x-dest', '/over/there']]), '/svc/over/there');
    assert.equal(name({ header: 'x-dest' }, '/'), 'Missing destination path');
  });

  it('wants at least one segment', () => {
    const { error } = headerPathIdentifier.config.safeParse({ segments: 0 });
    assert.equal(error?.issues[0]?.message, '`segments` must be >= 1');
  });
});

describe('io.l5d.header.token of a pseudo-header', () => {
  it('is the part of the request that HTTP/2 calls so', () => {
    const request = requestHead([['host', 'Web:80']], { method: 'PUT', target: '/a', absoluteScheme: 'https' });
    for (const [header, value] of [
      [':authority', 'Web:80'],
      [':method', 'PUT'],
      [':path', '/a'],
      [':scheme', 'https'],
    ] as const) {
      const answer = makeNaming(headerTokenIdentifier, { header })(request);
      assert.deepEqual(answer instanceof Unidentified ? answer.reason : answer.elements, ['svc', value]);
    }
  });
});
