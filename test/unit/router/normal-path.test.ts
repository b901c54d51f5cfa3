import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { GatewayError } from '../../../src/base/errors.js';
import { type EncodedSlashes, normalTarget } from '../../../src/router/normal-path.js';

function normalOrCode(target: string, encodedSlashes: EncodedSlashes): string {
  try {
    return normalTarget(target, encodedSlashes);
  } catch (error) {
    assert.ok(error instanceof GatewayError, String(error));
    return error.code;
  }
}

const REFUSED = 'bad-request';

describe('normal target', () => {
  for (const [target, refuse, keep = refuse, decode = keep] of [
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/a/b/', '/a/b/'],
    ['/a?b/../c//%zz%00\\', '/a?b/../c//%zz%00\\'],
    ['/?', '/?'],
    // Dot segments.
    ['/.', '/'],
    ['/a/.', '/a/'],
    ['/a/./b', '/a/b'],
    ['/a/b/..', '/a/'],
    ['/a/../b', '/b'],
    ['/a/b/../../c', '/c'],
    ['/a/..', '/'],
    ['/a/%2e%2E/b', '/b'],
    ['/a/.%2e/b', '/b'],
    ['/a/%2e/b', '/a/b'],
    ['/..', REFUSED],
    ['/a/../..', REFUSED],
    ['/%2e%2e/a', REFUSED],
    ['//..', REFUSED],
    // Names that begin with dots are none.
    ['/.well-known/x', '/.well-known/x'],
    ['/...', '/...'],
    ['/..a/.b./c..', '/..a/.b./c..'],
    ['/.%2F', REFUSED, REFUSED, '/'],
    // Parameters.
    ['/a/..;/b', '/b'],
    ['/a/..;x=1/b', '/b'],
    ['/a/.;x/b', '/a/b'],
    ['/a/%2e%2e%3bx/b', '/b'],
    ['/..;/a', REFUSED],
    ['/a;x/b', '/a;x/b'],
    ['/a;/..;/b', '/b'],
    // Slashes.
    ['//', '/'],
    ['//a', '/a'],
    ['/a//b///', '/a/b/'],
    ['//example.com/..', '/'],
    ['/a%2fb', REFUSED, '/a%2Fb', '/a/b'],
    ['/a%5Cb', REFUSED, '/a%5Cb', '/a/b'],
    ['/a\\b', REFUSED, '/a%5Cb', '/a/b'],
    ['/a/b%2f..', REFUSED, REFUSED, '/a/'],
    ['/a%2f%2e%2e%2fb', REFUSED, REFUSED, '/b'],
    ['/%2f', REFUSED, '/%2F', '/'],
    ['/a%5c..;x%5cb', REFUSED, REFUSED, '/b'],
    // Encodings.
    ['/%61%7E%2d%5f', '/a~-_'],
    ['/%c3%a9%20', '/%C3%A9%20'],
    ['/%3f%23', '/%3F%23'],
    ['/%252e%252e/', '/%252e%252e/'],
    ['/%', REFUSED],
    ['/%4', REFUSED],
    ['/%zz', REFUSED],
    ['/%u002e', REFUSED],
    ['/%00', REFUSED],
    ['/a%00b', REFUSED],
    ['/%c0%ae%c0%ae/', REFUSED],
    ['/%E0%80%AE', REFUSED],
    ['/%F0%80%80%AE', REFUSED],
    ['/%c0', '/%C0'],
    ['/%E0%A4%A9', '/%E0%A4%A9'],
    // No paths.
    ['', REFUSED],
    ['*', REFUSED],
    ['a/b', REFUSED],
    ['?a', REFUSED],
    ['/a#b', REFUSED],
    ['/a b', REFUSED],
    ['/a\x00', REFUSED],
    ['/\xe9', REFUSED],
    ['/\x7f', REFUSED],
  ] as const) {
    it(`makes ${JSON.stringify(target)} to ${refuse}`, () => {
      assert.equal(normalOrCode(target, 'refuse'), refuse);
      assert.equal(normalOrCode(target, 'keep'), keep);
      assert.equal(normalOrCode(target, 'decode'), decode);
    });
  }

  it('quotes no more of a target than a line of the log can hold', () => {
    assert.throws(
      () => normalTarget(`/%zz${'a'.repeat(4000)}`, 'refuse'),
      ({ message }) => message.length < 200,
    );
  });
});

const PIECES = [
  '/',
  '.',
  '..',
  '%2e',
  '%2E',
  'a',
  'B',
  ';',
  '%3b',
  '%2f',
  '%5C',
  '\\',
  '%41',
  '%c3%a9',
  '%25',
  '%zz',
  '%00',
  '?',
  '',
];
const anyTarget = fc.array(fc.constantFrom(...PIECES), { maxLength: 14 }).map((pieces) => `/${pieces.join('')}`);
const anyPolicy = fc.constantFrom<EncodedSlashes>('refuse', 'keep', 'decode');

describe('normal target, whatever is asked for', () => {
  it('is normal, and what is not refused has neither dot segments nor empty ones', () => {
    fc.assert(
      fc.property(anyTarget, anyPolicy, (target, policy) => {
        const normal = normalOrCode(target, policy);
        if (normal === REFUSED) return;
        assert.equal(normalTarget(normal, policy), normal);
        const path = normal.split('?', 1)[0] as string;
        assert.doesNotMatch(path, /\/\/|\\|\/\.\.?(?:[/;]|%3B|$)/i);
        if (policy !== 'keep') assert.doesNotMatch(path, /%2f|%5c/i);
        // Nor has it any for whoever decodes it once more, but for what was encoded twice.
        const decoded = decodeURIComponent(path).replaceAll('\\', '/');
        assert.doesNotMatch(decoded, /\/\.\.?(?:[/;]|$)/);
      }),
      { numRuns: 2000 },
    );
  });

  it('is what decoding, cutting and RFC 3986 §5.2.4 make of it one after the other', () => {
    fc.assert(
      fc.property(anyTarget, anyPolicy, (target, policy) => {
        assert.equal(normalOrCode(target, policy), slowly(target, policy));
      }),
      { numRuns: 2000 },
    );
  });
});

/** The same, without regard to time. */
function slowly(target: string, policy: EncodedSlashes): string {
  const query = target.indexOf('?');
  const end = query < 0 ? target.length : query;
  let text = '';
  for (let i = 0; i < end; i++) {
    let code = target[i] as string;
    let char = code;
    if (code === '%') {
      const hex = target.slice(i + 1, Math.min(i + 3, end));
      if (!/^[0-9a-f]{2}$/i.test(hex)) return REFUSED;
      code = `%${hex.toUpperCase()}`;
      char = String.fromCharCode(Number.parseInt(hex, 16));
      i += 2;
      if (char === '\0') return REFUSED;
    }
    if (code !== '/' && (char === '/' || char === '\\')) {
      if (policy === 'refuse') return REFUSED;
      text += policy === 'decode' ? '/' : encodeURIComponent(char);
    } else {
      text += code.length === 1 || /[\w.~-]/.test(char) ? char : code;
    }
  }
  const bare = (part: string): string => part.replace(/(;|%3B).*/, '');
  const isDots = (part: string): boolean => ['.', '..'].includes(bare(part));
  // §5.2.4 on the whole text, with parameters of dot segments gone and no slash beside another.
  const parts = text.split('/').map((part) => (isDots(part) ? bare(part) : part));
  let input = parts.join('/').replace(/\/+/g, '/');
  let output = '';
  while (input !== '') {
    if (input.startsWith('/./')) input = input.slice(2);
    else if (input === '/.') input = '/';
    else if (input.startsWith('/../') || input === '/..') {
      if (output === '') return REFUSED;
      output = output.slice(0, output.lastIndexOf('/'));
      input = `/${input.slice(4)}`;
    } else {
      const segment = /^\/[^/]*/.exec(input)?.[0] ?? '';
      if (
        /%2F|%5C/.test(segment) &&
        segment
          .slice(1)
          .split(/%2F|%5C/)
          .some(isDots)
      )
        return REFUSED;
      output += segment;
      input = input.slice(segment.length);
    }
  }
  return output + target.slice(end);
}
