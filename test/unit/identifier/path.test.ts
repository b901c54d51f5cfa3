import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Unidentified } from '../../../src/identifier/identifier.js';
import { pathIdentifier } from '../../../src/identifier/path.js';
import { makeNaming } from '../../support/identify.js';
import { requestHead } from '../../support/requests.js';

function make(segments: number, consume = false) {
  return makeNaming(pathIdentifier, { segments, consume });
}

describe('identifier io.l5d.path', () => {
  for (const [target, segments, name, consumed] of [
    ['/a', 1, '/svc/a', '/'],
    ['/a/', 1, '/svc/a', '/'],
    ['/a//', 1, '/svc/a', '/'],
    ['/a/b', 1, '/svc/a', '/b'],
    ['/a/b/', 1, '/svc/a', '/b/'],
    ['/a/b/c/', 2, '/svc/a/b', '/c/'],
    ['/a/b', 2, '/svc/a/b', '/'],
    ['/a?q=/b/c', 1, '/svc/a', '/?q=/b/c'],
    ['/a/?q=1', 1, '/svc/a', '/?q=1'],
    ['/a/b?', 1, '/svc/a', '/b?'],
    ['/a/b/?q=1?2', 1, '/svc/a', '/b/?q=1?2'],
    ['/a/b/?q', 2, '/svc/a/b', '/?q'],
    ['/%41/b', 1, '/svc/%41', '/b'],
    ['/a+b/c', 1, '/svc/\\x61\\x2b\\x62', '/c'],
    ['/a//b', 1, '/svc/a', '//b'],
  ] as const) {
    it(`names ${target} ${name} by ${segments}, and consumes it to ${consumed}`, () => {
      const request = requestHead([], { target });
      assert.equal(String(make(segments)(request)), name);
      assert.equal(request.target, target);
      assert.equal(String(make(segments, true)(request)), name);
      assert.equal(request.target, consumed);
    });
  }

  for (const [target, segments] of [
    ['/', 1],
    ['//', 1],
    ['/?a/b', 1],
    ['*', 1],
    ['/a', 2],
    ['/a/', 2],
    ['/a//', 2],
    ['/a?/b', 2],
    ['/a/b/', 3],
  ] as const) {
    it(`does not find ${segments} segments in ${target}, and leaves it alone`, () => {
      const request = requestHead([], { target });
      const answer = make(segments, true)(request);
      assert.ok(answer instanceof Unidentified);
      assert.equal(answer.reason, 'not enough segments in path');
      assert.equal(request.target, target);
    });
  }

  for (const [target, segments, message] of [
    ['//a', 1, 'segment 1 of "/" is empty, and no element of a name may be'],
    ['/a//b', 2, 'segment 2 of "/a/" is empty, and no element of a name may be'],
  ] as const) {
    it(`fails on ${target} by ${segments}`, () => {
      const request = requestHead([], { target });
      assert.throws(() => make(segments, true)(request), { message });
      assert.equal(request.target, target);
    });
  }

  it('gives the same object for the same segments, whatever follows them', () => {
    const identifier = make(1);
    const first = identifier(requestHead([], { target: '/a/b?c' }));
    identifier(requestHead([], { target: '/b' }));
    assert.equal(identifier(requestHead([], { target: '/a/' })), first);
  });

  it('has the defaults of Linkerd and wants at least one segment', () => {
    assert.deepEqual(pathIdentifier.config.parse({}), { segments: 1, consume: false });
    const none = pathIdentifier.config.safeParse({ segments: 0 });
    assert.equal(none.error?.issues[0]?.message, '`segments` must be >= 1');
  });
});
