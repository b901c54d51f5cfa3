import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { makeRewrite } from '../../../src/identifier/rewrite.js';
import { routePath } from '../../support/route-rules.js';

describe('rewrite', () => {
  for (const [path, rewriteTarget, target, expected] of [
    ['/api*', '/', '/api/x', '/x'],
    ['/api*', '/', '/api', '/'],
    ['/api*', '/', '/api/', '/'],
    ['/api*', '/v2', '/api/x', '/v2/x'],
    ['/api*', '/v2', '/api', '/v2'],
    ['/api*', '/v2', '/api/', '/v2/'],
    ['/api*', '/v2/', '/api/x', '/v2/x'],
    ['/api*', '/v2/', '/api', '/v2/'],
    ['/api/*', '/v2', '/api/x', '/v2/x'],
    ['/api/*', '/v2', '/api', '/v2'],
    ['/*', '/v2', '/x', '/v2/x'],
    ['/*', '/v2', '/', '/v2/'],
    ['/*', '/', '/x', '/x'],
    ['/api*', '/v2', '/api/x?q=/api&r', '/v2/x?q=/api&r'],
    ['/api*', '/v2', '/api?q', '/v2?q'],
    ['/api*', '/', '/api?q', '/?q'],
    ['/api*', '/v2/$1', '/api/x', '/v2/$1/x'],
    ['= /a', '/b', '/a', '/b'],
    ['= /a', '/b', '/a?q=1', '/b?q=1'],
    ['= /a', '', '/a?q=1', '/?q=1'],
    ['~ /a/(.*)', '/b', '/a/x?q', '/b?q'],
    ['~ /a/([^/]*)/(.*)', '/$2/$1', '/a/x/y/z?q=$1', '/y/z/x?q=$1'],
    ['~ /a/(.*)', '/$1-$1$2', '/a/x', '/x-x'],
    ['~ /a/(x)?(.*)', '/b/$1$2', '/a/y', '/b/y'],
    ['~ /a/(.*)', '$1', '/a/x', '/x'],
    ['~ /(.)(.)', '/$10', '/xy', '/x0'],
    ['~ /a/(.*)', '/$0', '/a/x', '/a/x'],
    ['~ /a/(.*)', '/$', '/a/x', '/$'],
    ['~ /a(/.*)', '/b/$1', '/a/%2F..%41', '/b//%2F..%41'],
  ] as const) {
    it(`of ${path} to ${JSON.stringify(rewriteTarget)} makes ${target} ${expected}`, () => {
      assert.equal(makeRewrite(rewriteTarget, routePath(path))(target), expected);
    });
  }

  for (const [what, path, rewriteTarget, target] of [
    ['what follows a prefix', '/api*', '/', '/api//evil.example.com/x'],
    ['a group', '~ /to/(.*)', '/$1', '/to//evil.example.com/x'],
    ['the rule', '= /x', '//evil.example.com/x', '/x'],
    ['the rule and what follows a prefix', '/api*', '///', '/api/evil.example.com/x'],
  ] as const) {
    it(`makes no target of two slashes, which reads as a host, of ${what}`, () => {
      assert.equal(makeRewrite(rewriteTarget, routePath(path))(target), '/evil.example.com/x');
    });
  }

  it('splits no request: what no path has is percent-encoded', () => {
    const rewrite = makeRewrite('/a HTTP/1.1\r\nHost: b\r\n\r\n?x#y\u00e9\u{1f600}\ud800', routePath('= /x'));
    assert.equal(rewrite('/x?q'), '/a%20HTTP/1.1%0D%0AHost:%20b%0D%0A%0D%0A%3Fx%23y%C3%A9%F0%9F%98%80%EF%BF%BD?q');
  });

  it('makes no target of any length of one long group', () => {
    const rewrite = makeRewrite('/$1'.repeat(300), routePath('~ /(.*)'));
    assert.equal(rewrite('/abc').length, 300 * 4);
    assert.throws(() => rewrite(`/${'a'.repeat(4000)}`), { code: 'request-line-too-long' });
  });

  it('makes targets that can be written in a request line, and keeps the query', () => {
    const element = fc.constantFrom('a', '', '..', '%2F', '$1', '@', ':80', '\\');
    const tail = fc.array(element, { maxLength: 4 }).map((elements) => elements.map((e) => `/${e}`).join(''));
    const text = fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)) });
    const paths = fc.constantFrom('/a*', '/*', '~ /a(.*)', '~ (/a)(/.*)?');
    fc.assert(
      fc.property(paths, text, tail, fc.constantFrom('', '?', '?q=//x'), (path, to, rest, query) => {
        const rewritten = makeRewrite(to, routePath(path))(`/a${rest}${query}`);
        assert.match(rewritten, /^\/(?!\/)[\x21-\x7e]*$/);
        assert.equal(rewritten.slice(rewritten.indexOf('?') < 0 ? rewritten.length : rewritten.indexOf('?')), query);
      }),
    );
  });
});
