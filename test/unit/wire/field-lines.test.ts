import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GatewayError } from '../../../src/base/errors.js';
import { Headers } from '../../../src/service/headers.js';
import { endOfToken, headText, isToken, quote, readFieldLines } from '../../../src/wire/field-lines.js';

type Field = [spelling: string, lower: string, value: string];

function read(text: string): Field[] {
  const headers = Headers.fromLines(
    readFieldLines(headText(text), 0, text.length, () => true),
    undefined,
  );
  return [...headers].map(([name, value], i) => [name, headers.lower[i] as string, value]);
}

function refusal(text: string): string {
  try {
    read(text);
  } catch (error) {
    assert.ok(error instanceof GatewayError);
    assert.equal(error.code, 'bad-request');
    return error.message;
  }
  return assert.fail(`${JSON.stringify(text)} was not refused`);
}

const ALL_BYTES = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
const TOKEN_CHARS = "!#$%&'*+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~";

describe('field lines', () => {
  it('are names as spelled, in lower case, and values without white space around them', () => {
    assert.deepEqual(read('Host: h\r\nX-A:b\r\nx-a: \t c  d\te \t\r\nEmpty:\r\nBlank:  \r\nA:b:c\r\n'), [
      ['Host', 'host', 'h'],
      ['X-A', 'x-a', 'b'],
      ['x-a', 'x-a', 'c  d\te'],
      ['Empty', 'empty', ''],
      ['Blank', 'blank', ''],
      ['A', 'a', 'b:c'],
    ]);
  });

  it('start and end where they are told to', () => {
    const text = 'first line\r\nA: b\r\nC: d\r\n\r\n';
    assert.equal(
      readFieldLines(headText(text), 12, 24, () => true),
      'A: b\r\nC: d\r\n',
    );
  });

  it('are shown, with their values, when they are not plain', () => {
    const seen: string[] = [];
    const text = 'Accept: a\r\nHOST:\th \r\nl5d-x: \r\nX-Host: b\r\nTE: trailers\r\n';
    readFieldLines(headText(text), 0, text.length, ({ lower, role }, head, from, to) => {
      seen.push(`${lower} ${role} ${JSON.stringify(head.text.substring(from, to))}`);
      return true;
    });
    assert.deepEqual(seen, ['host host "h"', 'l5d-x gateway ""', 'te te "trailers"']);
  });

  it('may have any two bytes beside each other that a value may have, and no others', () => {
    const allowed = /^[\t\x20-\x7e\x80-\xff]*$/;
    for (let pair = 0; pair < 0x10000; pair += 1) {
      const value = `${'v'.repeat(1 + (pair % 7))}${String.fromCharCode(pair >> 8, pair & 0xff)}vvvvv`;
      let lines: string | undefined;
      try {
        lines = readFieldLines(headText(`a: ${value}\r\n`), 0, value.length + 5, () => true);
      } catch {}
      if (lines !== (allowed.test(value) ? `a: ${value}\r\n` : undefined)) assert.fail(JSON.stringify([value, lines]));
    }
  });

  it('may have values of any length', () => {
    for (let length = 0; length < 20; length += 1) {
      const value = 'v'.repeat(length);
      assert.deepEqual(read(`a: ${value}\r\n`), [['a', 'a', value]]);
      // The byte that no value has, at each of these places.
      for (let i = 0; i < length; i += 1)
        refusal(`a: ${value.slice(0, i)}\0${value.slice(i + 1)}\r\n${'b: c\r\n'.repeat(length % 3)}`);
    }
  });

  it('may be none', () => {
    assert.deepEqual(read(''), []);
  });

  it('have token characters in names, and no other byte', () => {
    // A colon ends the name: what follows is the value.
    for (const char of ALL_BYTES.filter((one) => one !== ':')) {
      const name = `a${char}b`;
      if (TOKEN_CHARS.includes(char)) assert.deepEqual(read(`${name}: c\r\n`), [[name, name.toLowerCase(), 'c']]);
      else refusal(`${name}: c\r\n`);
    }
  });

  it('have printable bytes, those above ASCII and tabs in values, and no other byte', () => {
    for (const char of ALL_BYTES) {
      const value = `b${char}c`;
      if (char === '\t' || (char >= ' ' && char !== '\x7f'))
        assert.deepEqual(read(`a: ${value}\r\n`), [['a', 'a', value]]);
      else assert.equal(refusal(`a: ${value}\r\n`), 'header "a" has a control byte in its value');
    }
  });

  for (const [what, text, message] of [
    ['a space before the colon', 'Host : h\r\n', 'white space before the colon in header line "Host : h"'],
    ['a tab before the colon', 'Host\t: h\r\n', 'white space before the colon in header line "Host\\t: h"'],
    ['a folded line', 'A: b\r\n c: d\r\n', 'folded header line " c: d": obsolete line folding is not accepted'],
    ['a line folded by a tab', 'A: b\r\n\tc\r\n', 'folded header line "\\tc": obsolete line folding is not accepted'],
    ['no colon', 'Host\r\n', 'malformed header line "Host": want a token, a colon and a value'],
    ['no name', ': h\r\n', 'malformed header line ": h": want a token, a colon and a value'],
    ['an empty line', 'A: b\r\n\r\nC: d\r\n', 'malformed header line "": want a token, a colon and a value'],
    ['a bare CR in a name', 'A\rB: c\r\n', 'malformed header line "A\\rB: c": want a token, a colon and a value'],
    ['a bare CR at the start', '\rA: c\r\n', 'malformed header line "\\rA: c": want a token, a colon and a value'],
    ['a bare LF after a value', 'A: b\nC: d\r\n', 'header "A" has a control byte in its value'],
    ['a bare CR after a value', 'A: b\rC: d\r\n', 'header "A" has a control byte in its value'],
    ['two CRs before a LF', 'A: b\r\r\n', 'header "A" has a control byte in its value'],
    ['a value that is cut off', 'A: b', 'header "A" has a control byte in its value'],
    ['a value that ends in CR', 'A: b\r', 'header "A" has a control byte in its value'],
    [
      'a long line',
      `${'x'.repeat(99)}\r\n`,
      `malformed header line "${'x'.repeat(40)}": want a token, a colon and a value`,
    ],
    [
      'a tab after a length',
      'Content-Length: 5\t\r\n',
      'tab after the value of Content-Length, which parsers read differently',
    ],
    [
      'a tab within the space after a length',
      'content-length: 5 \t \r\n',
      'tab after the value of content-length, which parsers read differently',
    ],
    [
      'a tab after a coding',
      'Transfer-Encoding: chunked\t\r\n',
      'tab after the value of Transfer-Encoding, which parsers read differently',
    ],
  ] as const) {
    it(`are refused for ${what}`, () => {
      assert.equal(refusal(text), message);
    });
  }

  it('may have spaces after a length, and tabs before it', () => {
    assert.deepEqual(read('Content-Length:\t 5  \r\n'), [['Content-Length', 'content-length', '5']]);
  });

  it('know a name in any spelling, however many were seen before', () => {
    const names = Array.from({ length: 3000 }, (_, i) => `X-Name-${i}`);
    const text = names.map((name) => `${name}: v\r\n`).join('');
    for (let round = 0; round < 2; round++) {
      assert.deepEqual(
        read(text),
        names.map((name) => [name, name.toLowerCase(), 'v']),
      );
    }
    assert.deepEqual(read('HOST: h\r\nhost: h\r\nHoSt: h\r\n__proto__: x\r\n'), [
      ['HOST', 'host', 'h'],
      ['host', 'host', 'h'],
      ['HoSt', 'host', 'h'],
      ['__proto__', '__proto__', 'x'],
    ]);
    const long = `X-${'y'.repeat(500)}`;
    assert.deepEqual(read(`${long}: z\r\n`), [[long, long.toLowerCase(), 'z']]);
  });
});

describe('lines of the fields that are kept', () => {
  /** With those of one hop left out. */
  function kept(text: string): string {
    return readFieldLines(headText(text), 0, text.length, ({ role }) => role !== 'hop');
  }

  it('are all lines when all are kept and written as we write them', () => {
    assert.equal(kept('A: b\r\nC: \r\nD: e f\r\n'), 'A: b\r\nC: \r\nD: e f\r\n');
  });

  it('leave out what is dropped at the beginning, in the middle and at the end', () => {
    const x = 'Keep-Alive: 1\r\n';
    assert.equal(kept(`${x}A: b\r\n${x}${x}C: d\r\nE: f\r\n${x}`), 'A: b\r\nC: d\r\nE: f\r\n');
    assert.equal(kept(x), '');
  });

  for (const [line, written] of [
    ['A:b', 'A: b'],
    ['A:  b', 'A: b'],
    ['A:\tb', 'A: b'],
    ['A: b ', 'A: b'],
    ['A: b\t', 'A: b'],
    ['A:', 'A: '],
    ['A:  ', 'A: '],
  ] as const) {
    it(`are written anew for ${JSON.stringify(line)}`, () => {
      assert.equal(kept(`${line}\r\nC: d\r\n`), `${written}\r\nC: d\r\n`);
      assert.equal(kept(`B: c\r\n${line}\r\n`), `B: c\r\n${written}\r\n`);
      assert.equal(kept(`Keep-Alive${line.slice(1)}\r\n${line}\r\nC: d\r\n`), `${written}\r\nC: d\r\n`);
    });
  }
});

describe('tokens', () => {
  it('are one or more token characters', () => {
    assert.ok(isToken(TOKEN_CHARS));
    for (const text of ['', ' ', 'a b', 'a:', 'ä', 'a\0', '"a"', 'a,b', 'a/b', '\u0141'])
      assert.ok(!isToken(text), text);
  });

  it('end at the first other character, or with the text', () => {
    assert.equal(endOfToken(headText('GET /'), 0), 3);
    assert.equal(endOfToken(headText('GET'), 0), 3);
    assert.equal(endOfToken(headText('GET'), 3), 3);
    assert.equal(endOfToken(headText(' GET'), 0), 0);
  });
});

describe('quoted text', () => {
  it('is printable ASCII, whatever it quotes', () => {
    assert.equal(quote('a"b\\c\r\n\0\x7f\xe4\u2028'), '"a\\"b\\\\c\\r\\n\\u0000\\u007f\\u00e4\\u2028"');
    assert.match(quote(ALL_BYTES.join('')), /^[\x20-\x7e]+$/);
  });
});
