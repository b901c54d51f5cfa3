// fast-check arbitraries of HTTP/1.1: sound messages, and what an attacker makes of them.

import { METHODS } from 'node:http';
import fc from 'fast-check';

/** Mostly the first: an attack is one oddity in a message that is sound otherwise. */
function mostly(sound: string, odd: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof({ weight: 12, arbitrary: fc.constant(sound) }, { weight: 1, arbitrary: fc.constantFrom(...odd) });
}

// CONNECT is refused in any form, and Node knows no other methods than these.
const method = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('GET', 'POST') },
  { weight: 1, arbitrary: fc.constantFrom(...METHODS.filter((name) => name !== 'CONNECT')) },
);

const target = fc.constantFrom(
  ...[
    '/',
    '/a/b?c=d&e',
    '/%41%zz',
    '//x/..//y',
    '/a?b?c',
    '/a;p=1',
    '/"<>\\^`{|}',
    '/?',
    '*',
    'http://h/p?q',
    'HTTP://h',
  ],
  ...[
    'http://h?x',
    'http://h:80/',
    'http://[::1]/',
    'https://h/',
    'http://u@h/',
    'http://u:p@h/',
    'http:///',
    'http://:80/',
  ],
  ...[
    'ftp://h/',
    'h:80',
    'a',
    '/a#b',
    '/a\t',
    '/\xe4',
    '/?\xe4',
    'http://h/\xe4',
    'http://h h/',
    '?',
    '#',
    '@',
    '/\x7f',
    '',
  ],
);

const version = mostly('HTTP/1.1', [
  'HTTP/1.0',
  'HTTP/1.2',
  'HTTP/2.0',
  'HTTP/0.9',
  'http/1.1',
  'HTTP/1.1 ',
  'HTTP/1',
  '',
]);

const space = mostly(' ', ['  ', '\t', '', ' \t', '\x0b', '\x0c', '\xa0']);

const requestLine = fc
  .tuple(method, space, target, space, version)
  .map(([verb, gap1, uri, gap2, protocol]) => `${verb}${gap1}${uri}${gap2}${protocol}`);

const separator = mostly(': ', [':', ':\t', ':  \t ', ' : ', '\t:', ' :', ':\x0b', ':\r\n ', ':\n', '=']);

const lineEnd = mostly('\r\n', [
  '\n',
  '\r',
  '\r\r\n',
  ' \r\n',
  '\t \r\n',
  '\r\n ',
  '\r\n\t',
  '\0\r\n',
  '\x7f\r\n',
  '\n\r\n',
  '\r\n\r\n',
]);

const host = fc
  .tuple(mostly('Host', ['host', 'HOST', 'Host ', ' Host', 'Hos\xf6', 'H:ost']), separator, hostValue(), lineEnd)
  .map((parts) => parts.join(''));

function hostValue(): fc.Arbitrary<string> {
  return mostly('h', [
    '',
    'h:80',
    '[::1]',
    'H',
    'h,i',
    'h, i',
    'h i',
    'h/',
    'h@i',
    'u@h',
    'h:x',
    ':80',
    'h\\i',
    '\xe4',
    '"h"',
  ]);
}

const fieldName = fc.oneof(
  fc.constantFrom(
    'X-A',
    'x-b',
    'Accept',
    'Cookie',
    'Via',
    'Keep-Alive',
    'TE',
    'Trailer',
    'Proxy-Connection',
    "!#$%&'*+-.^_`|~",
  ),
  fc.constantFrom(
    '',
    'X(',
    'X@',
    'X Y',
    'X\tY',
    'X\xe4',
    '[X]',
    '{X}',
    'X"',
    'X/',
    'X,',
    'X;',
    'X\x00',
    'X\x7f',
    '\\X',
  ),
);

const fieldValue = fc.oneof(
  fc.constantFrom('', 'a', 'a b', ' a ', 'a,b', '"q"', 'a:b', 'a\tb', '\xe4\xff', '\u0080', '\t', 'x'.repeat(70)),
  fc.constantFrom('a\0b', 'a\rb', 'a\nb', 'a\x7fb', 'a\x1bb', 'a\x0bb', 'a\r\nX-Injected: 1', 'a\r\n folded'),
);

const field = fc.tuple(fieldName, separator, fieldValue, lineEnd).map((parts) => parts.join(''));

const control = fc.constantFrom(
  ...['Connection: close', 'Connection: keep-alive', 'Connection: X-A', 'Connection: Host', 'Connection: close, x-b'],
  ...[
    'Connection: Upgrade\r\nUpgrade: websocket',
    'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA',
  ],
  ...['Expect: 100-continue', 'Expect: 200-ok', 'Upgrade: h2c', 'Connection: ,,', 'Connection:', 'Connection: "close"'],
);

const lengthName = mostly('Content-Length', [
  'content-length',
  'Content-Length ',
  'Content_Length',
  'Content-Length\0',
]);

function lengthField(body: string): fc.Arbitrary<string> {
  const n = String(body.length);
  const values = [
    `0${n}`,
    `+${n}`,
    `-${n}`,
    `${n},${n}`,
    `${n}, ${n}`,
    `0x${n}`,
    `${n}.0`,
    `${n}e0`,
    '',
    `${n} ${n}`,
    `\x0b${n}`,
    `${n};`,
  ];
  const huge = ['18446744073709551616', '9007199254740993', '999999999999999', `${n}\r\nContent-Length: ${n}`];
  return fc
    .tuple(
      lengthName,
      separator,
      mostly(n, [...values, ...huge, `${n}\r\nContent-Length: 0`, String(body.length + 1)]),
      lineEnd,
    )
    .map((parts) => parts.join(''));
}

const codingField = fc
  .tuple(
    mostly('Transfer-Encoding', [
      'transfer-encoding',
      'Transfer-Encoding ',
      'Transfer_Encoding',
      'X-Transfer-Encoding',
    ]),
    separator,
    mostly('chunked', [
      ...[
        'Chunked',
        'xchunked',
        'chunked, identity',
        'identity, chunked',
        'chunked, chunked',
        'identity',
        'gzip, chunked',
        '',
      ],
      ...[
        'chunked;q=1',
        '"chunked"',
        'chunked,',
        ', chunked',
        'chunked\x0b',
        'chun\tked',
        'chunked\r\nTransfer-Encoding: chunked',
      ],
      'chunked\r\nTransfer-Encoding: identity',
    ]),
    lineEnd,
  )
  .map((parts) => parts.join(''));

const data = fc.constantFrom(
  'a',
  'hello',
  '0\r\n\r\n',
  'GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n',
  '\0\xff\r\n',
  'x'.repeat(300),
);

const extension = fc.constantFrom(
  ...[
    ';a',
    ';a=b',
    ';a=b;c=d',
    ';a="b c;\\"d"',
    ';a=""',
    ';',
    ';;a',
    '; a',
    ';a =b',
    ';a= b',
    ';a=',
    ';=b',
    ' ;a',
    ';a="',
    ';a=b=c',
  ],
  ...[
    ';a\n',
    ';\0',
    ';a\rb',
    ';a=b ',
    ';\xe4',
    ';a="\xe4"',
    ';a="\r\n"',
    ';a\x0b',
    `;${'x'.repeat(300)}`,
    ';a="b"c',
    ';a="b";c',
  ],
);

function chunk(content: string): fc.Arbitrary<string> {
  const hex = content.length.toString(16);
  const sizes = [
    hex.toUpperCase(),
    `0${hex}`,
    `000000${hex}`,
    `0x${hex}`,
    `+${hex}`,
    `-${hex}`,
    `${hex} `,
    ` ${hex}`,
    `${hex}\t`,
    `${hex}g`,
  ];
  const more = ['', `${hex},`, 'fffffffffffffffff', '7fffffffffffffff', 'ffffffffffff', `${hex}\r`, `${hex}_0`, '\xb9'];
  return fc
    .tuple(
      mostly(hex, [...sizes, ...more, (content.length + 1).toString(16)]),
      fc.oneof({ weight: 6, arbitrary: fc.constant('') }, { weight: 1, arbitrary: extension }),
      mostly('\r\n', ['\n', '\r', '\r\r\n', ' \r\n', '']),
      fc.constant(content),
      mostly('\r\n', ['\n', '\r', '', '\r\r\n', ' \r\n', 'x\r\n']),
    )
    .map((parts) => parts.join(''));
}

const trailer = fc.oneof(
  fc.constantFrom(
    'X-T: 1\r\n',
    'Content-Length: 5\r\n',
    'Host: evil\r\n',
    'l5d-ctx-dtab: /a=>/b\r\n',
    'Transfer-Encoding: chunked\r\n',
  ),
  field,
);

const chunkedBody = fc
  .tuple(
    fc.array(data.chain(chunk), { maxLength: 3 }),
    mostly('0', ['00', '0;a=b', '0 ', '-0', '', '0;a=b;', '0x0']),
    mostly('\r\n', ['\n', '\r', '']),
    fc.array(trailer, { maxLength: 2 }),
    mostly('\r\n', ['\n', '', '\r', ' \r\n']),
  )
  .map(([chunks, zero, end, trailers, last]) => chunks.join('') + zero + end + trailers.join('') + last);

/** Framing fields and the body that goes (or does not go) with them. */
const framed: fc.Arbitrary<{ readonly fields: string; readonly body: string }> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ fields: '', body: '' }) },
  {
    weight: 3,
    arbitrary: fc.oneof(fc.constant(''), data).chain((body) => lengthField(body).map((fields) => ({ fields, body }))),
  },
  { weight: 4, arbitrary: fc.tuple(codingField, chunkedBody).map(([fields, body]) => ({ fields, body })) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(codingField, chunkedBody)
      .chain(([coding, body]) =>
        lengthField(body).chain((length) =>
          fc.constantFrom(coding + length, length + coding).map((fields) => ({ fields, body })),
        ),
      ),
  },
);

const request = fc
  .tuple(
    mostly('', ['\r\n', '\r\n\r\n', '\n', ' ', '\r']),
    requestLine,
    lineEnd,
    fc
      .array(host, { minLength: 0, maxLength: 8 })
      .map((lines) => lines.slice(0, lines.length > 6 ? 2 : lines.length > 0 ? 1 : 0)),
    fc.array(
      fc.oneof(
        field,
        control.map((text) => `${text}\r\n`),
      ),
      { maxLength: 2 },
    ),
    framed,
    fc.boolean(),
    mostly('\r\n', ['\n', '', '\r', '\r\r\n', ' \r\n', '\r\n\r\n']),
  )
  .map(([before, start, end, hosts, fields, { fields: framing, body }, framingFirst, last]) => {
    const lines = framingFirst ? [framing, ...hosts, ...fields] : [...hosts, ...fields, framing];
    return before + start + end + lines.join('') + last + body;
  });

const soundRequest = fc
  .tuple(
    method,
    fc.constantFrom('/', '/a?b'),
    fc.constantFrom('', 'X-A: 1\r\n', 'Connection: close\r\n'),
    fc.oneof(fc.constant(''), data),
    fc.boolean(),
  )
  .map(([verb, uri, fields, body, isChunked]) => {
    const start = `${verb} ${uri} HTTP/1.1\r\nHost: h\r\n${fields}`;
    if (!isChunked) return `${start}Content-Length: ${body.length}\r\n\r\n${body}`;
    const chunks = body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`;
    return `${start}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`;
  });

interface Mutation {
  readonly at: number;
  readonly remove: number;
  readonly insert: string;
}

const mutation: fc.Arbitrary<Mutation> = fc.record(
  {
    at: fc.nat(100_000),
    remove: fc.constantFrom(0, 0, 1, 2),
    insert: fc.oneof(
      fc.constantFrom(
        '\r',
        '\n',
        '\0',
        ' ',
        '\t',
        ':',
        ',',
        ';',
        '0',
        '-',
        '\x7f',
        '\x80',
        '\r\n',
        '\r\n\r\n',
        '\r\n ',
        '',
        '',
        '',
      ),
      fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    ),
  },
  { noNullPrototype: true },
);

function mutate(text: string, { at, remove, insert }: Mutation): string {
  const where = text.length === 0 ? 0 : at % text.length;
  return text.slice(0, where) + insert + text.slice(where + remove);
}

/** The bytes of a connection, as latin1: one to three requests, sound or not, some with bytes changed at random. */
export const hostileRequests: fc.Arbitrary<string> = fc
  .tuple(
    fc.array(fc.oneof({ weight: 2, arbitrary: request }, { weight: 1, arbitrary: soundRequest }), {
      minLength: 1,
      maxLength: 3,
    }),
    fc.oneof(
      { weight: 2, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(mutation, { minLength: 1, maxLength: 3 }) },
    ),
  )
  .map(([requests, mutations]) => mutations.reduce(mutate, requests.join('')));

const statusLine = fc
  .tuple(
    mostly('HTTP/1.1', ['HTTP/1.0', 'HTTP/1.2', 'HTTP/2', 'http/1.1', 'HTTP/0.9', ' HTTP/1.1']),
    space,
    fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom('200', '404', '503', '204', '304', '599') },
      {
        weight: 1,
        arbitrary: fc.constantFrom('100', '103', '101', '99', '099', '1000', '2 0', '0x1', '', '20', '600', '-1'),
      },
    ),
    mostly(' OK', [' ', '', '  OK', '\tOK', ' O\rK', ' O\nK', ' \xe4', ' O\0K', ' \x7f', 'OK', ' a b\tc']),
  )
  .map((parts) => parts.join(''));

const response = fc
  .tuple(
    mostly('', ['\r\n', '\n', ' ', '\r\n\r\n']),
    statusLine,
    lineEnd,
    fc.array(
      fc.oneof(
        field,
        control.map((text) => `${text}\r\n`),
      ),
      { maxLength: 2 },
    ),
    framed,
    fc.boolean(),
    mostly('\r\n', ['\n', '', '\r', '\r\r\n', ' \r\n', '\r\n\r\n']),
  )
  .map(([before, start, end, fields, { fields: framing, body }, framingFirst, last]) => {
    const lines = framingFirst ? [framing, ...fields] : [...fields, framing];
    return before + start + end + lines.join('') + last + body;
  });

/** The bytes of an upstream's connection, as latin1: one response or two, sound or not, some with bytes changed. */
export const hostileResponses: fc.Arbitrary<string> = fc
  .tuple(
    fc.array(response, { minLength: 1, maxLength: 2 }),
    fc.oneof(
      { weight: 2, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(mutation, { minLength: 1, maxLength: 3 }) },
    ),
  )
  .map(([responses, mutations]) => mutations.reduce(mutate, responses.join('')));
