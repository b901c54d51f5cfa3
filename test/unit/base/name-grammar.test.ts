import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Dtab, showDtab, WILDCARD } from '../../../src/base/dtab.js';
import { MAX_NESTING, parseDtab, parseNameTree, parsePath } from '../../../src/base/name-grammar.js';
import { alt, EMPTY, FAIL, leaf, type NameTree, NEG, showNameTree, union } from '../../../src/base/name-tree.js';
import { ParseError } from '../../../src/base/parse-error.js';
import { Path } from '../../../src/base/path.js';
import { anyDtab, anyPath, treesOf } from '../../support/arbitrary-names.js';

function path(...elements: readonly string[]): NameTree<Path> {
  return leaf(new Path(elements));
}

function assertRefused(parse: (text: string) => unknown, text: string, message?: string | RegExp): void {
  assert.throws(
    () => parse(text),
    (error) => {
      assert.ok(error instanceof ParseError, `${String(error)} is a ParseError`);
      if (typeof message === 'string') assert.equal(error.message, message);
      if (message instanceof RegExp) assert.match(error.message, message);
      return true;
    },
    `"${text}" is refused`,
  );
}

describe('path grammar', () => {
  const read: readonly (readonly [string, readonly string[]])[] = [
    ['/', []],
    ['/a/b', ['a', 'b']],
    ['  /a  ', ['a']],
    ['/a # comment', ['a']],
    ['# before\n/a', ['a']],
    ['# one\n  # two\n /a', ['a']],
    ['/a#b', ['a#b']],
    ['/#/x', ['#', 'x']],
    ['/$/x', ['$', 'x']],
    ['/%/x', ['%', 'x']],
    ['/a\\x2fb', ['a/b']],
    ['/a\\x2Fb', ['a/b']],
    ['/\\xc3\\xA9', ['\xc3\xa9']],
    ['/\\x00', ['\0']],
    ['/0aZ_:.#$%-', ['0aZ_:.#$%-']],
    ['\t\n\u000b\f\r\u001c\u001d\u001e\u001f \u1680\u2000\u2006\u2008\u200a\u2028\u2029\u205f\u3000/a\u3000', ['a']],
  ];
  for (const [text, elements] of read) {
    test(`reads ${JSON.stringify(text)}`, () => assert.deepEqual(parsePath(text).elements, elements));
  }

  const refused: readonly (readonly [string, string])[] = [
    ['', "'/' expected but end of input found at '[]'"],
    [' ', "'/' expected but end of input found at ' []'"],
    ['a/b', "'/' expected but 'a' found at '[a]/b'"],
    ['invalid-param', "'/' expected but 'i' found at '[i]nvalid-param'"],
    ['//a', "end of input expected but '/' found at '/[/]a'"],
    ['/a/', "label char expected but end of input found at '/a/[]'"],
    ['/a//b', "label char expected but '/' found at '/a/[/]b'"],
    ['/a\\X2f', "'x' expected but 'X' found at '/a\\[X]2f'"],
    ['/a\\n', "'x' expected but 'n' found at '/a\\[n]'"],
    ['/a\\x2', "hex char expected but end of input found at '/a\\x2[]'"],
    ['/a\\x', "hex char expected but end of input found at '/a\\x[]'"],
    ['/a\\xg0', "hex char expected but 'g' found at '/a\\x[g]0'"],
    ['/a b', "end of input expected but 'b' found at '/a [b]'"],
    ['/*', "end of input expected but '*' found at '/[*]'"],
    ['/é', "end of input expected but 'é' found at '/[é]'"],
  ];
  for (const [text, message] of refused) {
    test(`refuses ${JSON.stringify(text)}`, () => assertRefused(parsePath, text, message));
  }
  for (const char of [
    '*',
    '~',
    ',',
    '@',
    '=',
    '?',
    '+',
    '&',
    '|',
    '!',
    '(',
    ';',
    '\0',
    '\u00a0',
    '\u2007',
    '\u202f',
    '\uffff',
  ]) {
    test(`refuses ${JSON.stringify(char)} unescaped in and around a label`, () => {
      assertRefused(parsePath, `/a${char}b`);
      assertRefused(parsePath, `/a${char}`);
      assertRefused(parsePath, `${char}/a`);
    });
  }

  test('tells where the error is', () => {
    assert.throws(() => parsePath('/a b'), { name: 'ParseError', offset: 3 });
  });

  test('quotes only the surroundings of an error in a very long text', () => {
    const long = 'a'.repeat(50_000);
    assertRefused(parsePath, `/${long}*${long}`, /found at '…a{1000}\[\*\]a{1000}…'$/);
  });

  test('reads back every path that is shown', () => {
    fc.assert(
      fc.property(anyPath, (path) => assert.deepEqual(parsePath(path.show()).elements, path.elements)),
      { numRuns: 300 },
    );
  });
});

describe('name tree grammar', () => {
  const read: readonly (readonly [string, NameTree<Path>])[] = [
    [
      '/a | /b & /c',
      alt([
        path('a'),
        union([
          { weight: 1, tree: path('b') },
          { weight: 1, tree: path('c') },
        ]),
      ]),
    ],
    ['/a|/b|/c', alt([path('a'), path('b'), path('c')])],
    [
      '0.7 * /a & 0.3 * /b',
      union([
        { weight: 0.7, tree: path('a') },
        { weight: 0.3, tree: path('b') },
      ]),
    ],
    [
      '/a & 2*/b',
      union([
        { weight: 1, tree: path('a') },
        { weight: 2, tree: path('b') },
      ]),
    ],
    [
      '.5*/a & 5.*/b',
      union([
        { weight: 0.5, tree: path('a') },
        { weight: 5, tree: path('b') },
      ]),
    ],
    ['0.5 * /a', path('a')],
    ['(/a)', path('a')],
    ['((/a))', path('a')],
    [
      '1 * (/a | /b) & /c',
      union([
        { weight: 1, tree: alt([path('a'), path('b')]) },
        { weight: 1, tree: path('c') },
      ]),
    ],
    ['(/a | /b) | /c', alt([alt([path('a'), path('b')]), path('c')])],
    [
      '0 * /a & /b',
      union([
        { weight: 0, tree: path('a') },
        { weight: 1, tree: path('b') },
      ]),
    ],
    ['$', EMPTY],
    ['/$', path('$')],
    ['!', FAIL],
    ['~', NEG],
    ['/', path()],
    ['/ | /a', alt([path(), path('a')])],
    [' /a # first\n | # then\n /b # last', alt([path('a'), path('b')])],
    ['( # open\n /a )', path('a')],
  ];
  for (const [text, tree] of read) {
    test(`reads ${JSON.stringify(text)}`, () => assert.deepEqual(parseNameTree(text), tree));
  }

  const refused: readonly (readonly [string, string])[] = [
    ['', "simple expected but end of input found at '[]'"],
    ['1', "'*' expected but end of input found at '1[]'"],
    ['. * /a', "weight expected but '.' found at '.[ ]* /a'"],
    ['1.2.3*/a', "number char expected but '.' found at '1.2[.]3*/a'"],
    ['-1*/a', "simple expected but '-' found at '[-]1*/a'"],
    ['1e3*/a', "'*' expected but 'e' found at '1[e]3*/a'"],
    ['/a |', "simple expected but end of input found at '/a |[]'"],
    ['| /a', "simple expected but '|' found at '[|] /a'"],
    ['()', "simple expected but ')' found at '([)]'"],
    ['(/a', "')' expected but end of input found at '(/a[]'"],
    ['/a)', "end of input expected but ')' found at '/a[)]'"],
    ['/a /b', "end of input expected but '/' found at '/a [/]b'"],
    ['2*3*/a', "simple expected but '3' found at '2*[3]*/a'"],
    ['/a/*', "label char expected but '*' found at '/a/[*]'"],
    ['$a', "end of input expected but 'a' found at '$[a]'"],
    ['\u0661*/a', "simple expected but '\u0661' found at '[\u0661]*/a'"],
  ];
  for (const [text, message] of refused) {
    test(`refuses ${JSON.stringify(text)}`, () => assertRefused(parseNameTree, text, message));
  }

  test('refuses a weight that is no finite number', () => {
    assertRefused(parseNameTree, `${'9'.repeat(400)}*/a & /b`, /^weight expected but '9{400}' found at /);
  });

  test('reads as deep as its limit and refuses the next parenthesis', () => {
    const nested = (depth: number): string => `${'('.repeat(depth)}/a${')'.repeat(depth)}`;
    assert.deepEqual(parseNameTree(nested(MAX_NESTING)), path('a'));
    assertRefused(
      parseNameTree,
      nested(MAX_NESTING + 1),
      /^at most 100 nested parentheses expected but '\(' found at /,
    );
  });

  test('reads back every tree that is shown', () => {
    fc.assert(
      fc.property(treesOf(anyPath), (tree) => assert.deepEqual(parseNameTree(showNameTree(tree)), tree)),
      { numRuns: 300 },
    );
  });
});

describe('dtab grammar', () => {
  const read: readonly (readonly [string, string])[] = [
    ['', ''],
    [' \n\t ', ''],
    ['# nothing here', ''],
    ['# nothing\n# at all\n', ''],
    ['/a=>/b', '/a=>/b'],
    ['/a => /b ;', '/a=>/b'],
    ['/a => /b ; # end', '/a=>/b'],
    [' /a\n=>\n/b ;\n\n/c => /d | /e # why\n;', '/a=>/b;/c=>/d | /e'],
    ['/a=>/b;/a=>/b', '/a=>/b;/a=>/b'],
    ['/a/*/b=>/c', '/a/*/b=>/c'],
    ['/*/*=>/c', '/*/*=>/c'],
    ['/=>/c', '/=>/c'],
    ['/ => /c', '/=>/c'],
    ['/a => ~', '/a=>~'],
    ['/a => $ | !', '/a=>$ | !'],
  ];
  for (const [text, shown] of read) {
    test(`reads ${JSON.stringify(text)}`, () => assert.equal(showDtab(parseDtab(text)), shown));
  }

  test('tells a wildcard from an escaped star', () => {
    assert.deepEqual(parseDtab('/*/\\x2a=>/c').dentries[0]?.prefix, [WILDCARD, '*']);
    assert.equal(showDtab(parseDtab('/*/\\x2a=>/c')), '/*/\\x2a=>/c');
  });

  const refused: readonly (readonly [string, string])[] = [
    [';', "'/' expected but ';' found at '[;]'"],
    [';/a=>/b', "'/' expected but ';' found at '[;]/a=>/b'"],
    ['/a=>/b;;', "'/' expected but ';' found at '/a=>/b;[;]'"],
    ['/a=>/b\n/c=>/d', "end of input expected but '/' found at '/a=>/b\n[/]c=>/d'"],
    ['/foo*=>/b', "'=' expected but '*' found at '/foo[*]=>/b'"],
    ['/*bar=>/b', "'=' expected but 'b' found at '/*[b]ar=>/b'"],
    ['/**=>/b', "'=' expected but '*' found at '/*[*]=>/b'"],
    ['/a/=>/b', "label char expected but '=' found at '/a/[=]>/b'"],
    ['/a= >/b', "'>' expected but ' ' found at '/a=[ ]>/b'"],
    ['/a', "'=' expected but end of input found at '/a[]'"],
    ['/a=>', "simple expected but end of input found at '/a=>[]'"],
    ['/a=>;', "simple expected but ';' found at '/a=>[;]'"],
    ['/a=>/*', "end of input expected but '*' found at '/a=>/[*]'"],
    ['/a=>/b/*', "label char expected but '*' found at '/a=>/b/[*]'"],
    ['a=>/b', "'/' expected but 'a' found at '[a]=>/b'"],
  ];
  for (const [text, message] of refused) {
    test(`refuses ${JSON.stringify(text)}`, () => assertRefused(parseDtab, text, message));
  }

  test('reads back every dtab that is shown', () => {
    const parts = (dtab: Dtab): unknown => dtab.dentries.map(({ prefix, dst }) => [prefix, dst]);
    fc.assert(
      fc.property(anyDtab, (dtab) => assert.deepEqual(parts(parseDtab(showDtab(dtab))), parts(dtab))),
      { numRuns: 300 },
    );
  });
});

describe('every grammar', () => {
  const grammars: readonly ((text: string) => unknown)[] = [parsePath, parseNameTree, parseDtab];

  test('answers garbage with ParseError and nothing else', () => {
    const token = fc.constantFrom(...'/ab*=>;|&()!~$#.0\\x\n \u3000é'.split(''), '=>', '\\x2f', '/a', '/a=>/b');
    const garbage = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(token, { maxLength: 30 }).map((tokens) => tokens.join('')),
    );
    fc.assert(
      fc.property(garbage, fc.constantFrom(...grammars), (text, parse) => {
        try {
          parse(text);
        } catch (error) {
          assert.ok(error instanceof ParseError, String(error));
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('withstands 100,000 parentheses', () => {
    const open = '('.repeat(100_000);
    assertRefused(parseNameTree, open, /^at most 100 nested parentheses expected but '\(' found/);
    assertRefused(parseDtab, `/a => ${open}`, /^at most 100 nested parentheses expected but '\(' found/);
  });

  test('takes time in proportion to the length of the text', () => {
    const million = (part: string): string => part.repeat(1_000_000 / part.length);
    const texts = [
      `/${million('a')}`,
      `/${million('\\x2f')}`,
      million('/a'),
      million(' '),
      million('# \n'),
      million('('),
      million('/a|'),
      million('0.1*/a&'),
      `/a=>${million('9')}`,
      million('/a=>~;'),
      `/a=>${million('/b | ')}`,
    ];
    const { user: before } = process.cpuUsage();
    for (const text of texts) {
      for (const parse of grammars) {
        try {
          parse(text);
        } catch (error) {
          assert.ok(error instanceof ParseError, String(error));
        }
      }
    }
    // Some 0.5 s; with anything quadratic in it, minutes.
    assert.ok(process.cpuUsage().user - before < 20_000_000);
  });
});
