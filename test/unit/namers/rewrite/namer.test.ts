import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rewriteNamer } from '../../../../namers/rewrite/index.js';
import { makeRewriteNamer } from '../../../../namers/rewrite/namer.js';
import { parsePath } from '../../../../src/base/name-grammar.js';

const prefix = parsePath('/#/rewrite');

function rewrite(pattern: string, name: string, path: string): string {
  const now = makeRewriteNamer({ prefix, pattern, name }).lookup(parsePath(path)).peek();
  if (now.state === 'failed') return `error ${now.error.message}`;
  if (now.state === 'pending') return 'pending';
  if (now.value.type !== 'leaf') return now.value.type;
  return now.value.value.type === 'path' ? now.value.value.path.show() : 'bound';
}

describe('io.l5d.rewrite', () => {
  const rows: [pattern: string, name: string, path: string, expected: string][] = [
    ['/{service}/api', '/srv/{service}', '/foo/api/x', '/srv/foo'],
    ['/{a}-{b}', '/x/{a}/{b}', '/a-b-c', '/x/a-b/c'],
    ['/foo/{x}', '/bar/{x}', '/foo', 'neg'],
    ['/foo/*', '/bar', '/foo', 'neg'],
    ['/', '/always', '/any/thing', '/always'],
    ['/{my_svc}', '/srv/{my_svc}', '/foo', '/srv/foo'],
    ['/{x}', '/srv/{x}', '/\\x61\\x2f\\x62', '/srv/\\x61\\x2f\\x62'],
  ];
  for (const [pattern, name, path, expected] of rows) {
    it(`with ${pattern} and ${name} makes ${path} ${expected}`, () => {
      assert.equal(rewrite(pattern, name, path), expected);
    });
  }

  it('fails, and does not answer Neg, when the name uses a capture that the pattern lacks', () => {
    assert.match(rewrite('/{a}', '/srv/{b}', '/x'), /^error Cannot rewrite "\/x" to "\/srv\/\{b\}": /);
  });

  it('fails when an empty capture leaves an empty element', () => {
    assert.match(rewrite('/foo-{a}', '/srv/{a}/y', '/foo-'), /^error Cannot rewrite "\/foo-" to "\/srv\/\/y": /);
  });

  it('has the prefix that it was given', () => {
    assert.equal(makeRewriteNamer({ prefix, pattern: '/', name: '/x' }).prefix.show(), '/#/rewrite');
  });

  it('wants pattern and name, and no other key', () => {
    assert.equal(rewriteNamer.config.safeParse({ pattern: '/{a}', name: '/x/{a}' }).success, true);
    assert.equal(rewriteNamer.config.safeParse({ pattern: '/{a}' }).success, false);
    assert.equal(rewriteNamer.config.safeParse({ name: '/x' }).success, false);
    assert.equal(rewriteNamer.config.safeParse({ pattern: '/{a}', name: '/x', nmae: '/y' }).success, false);
  });
});
