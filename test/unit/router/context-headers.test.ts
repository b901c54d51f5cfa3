import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { showDtab } from '../../../src/base/dtab.js';
import { GatewayError } from '../../../src/base/errors.js';
import { seededRandom } from '../../../src/base/random.js';
import {
  addSuccessClass,
  clearRequestContext,
  EMPTY_CONTEXT,
  readContext,
  withoutContext,
  writeContext,
  writeDeadline,
} from '../../../src/router/context-headers.js';
import { Headers } from '../../../src/service/headers.js';
import { responseHead } from '../../support/requests.js';

type Lines = [string, string][];

function names(headers: Headers): string[] {
  return [...headers.lower];
}

/** The headers that go upstream for a request with `lines`. */
function passedOn(lines: Lines, random = seededRandom(3)): Headers {
  const headers = Headers.from(lines);
  const context = readContext(headers);
  writeContext(headers, context, random);
  if (context.deadline) writeDeadline(headers, context.deadline);
  return headers;
}

function traceBytes(...words: string[]): Buffer {
  return Buffer.from(words.join(''), 'hex');
}

const SPAN = '0102030405060708';
const PARENT = '1112131415161718';
const TRACE = '2122232425262728';
const FLAGS = '0000000000000006';
const TRACE_HIGH = '3132333435363738';

describe('context of a request', () => {
  it('is the shared empty one without l5d headers, which stay as they are', () => {
    const headers = Headers.from([
      ['Host', 'shop'],
      ['x-l5d-dtab', '/a=>/b'],
    ]);
    assert.equal(readContext(headers), EMPTY_CONTEXT);
    assert.deepEqual(names(headers), ['host', 'x-l5d-dtab']);
  });

  it('is empty but for what is read, and leaves other l5d headers and dtab-local alone', () => {
    const headers = Headers.from([
      ['l5d-name', '/web'],
      ['dtab-local', '/a=>/b'],
      ['l5d-custom', 'x'],
    ]);
    assert.deepEqual(readContext(headers), EMPTY_CONTEXT);
    assert.deepEqual(names(headers), ['l5d-name', 'dtab-local', 'l5d-custom']);
  });
});

describe('local dtab', () => {
  for (const [what, lines, shown] of [
    ['of l5d-ctx-dtab', [['L5d-Ctx-Dtab', '/a => /b ; ']], '/a=>/b'],
    ['of l5d-dtab', [['l5d-dtab', '/a => /b']], '/a=>/b'],
    [
      'of both, the caller of today last whatever the order of the lines',
      [
        ['l5d-dtab', '/a=>/user'],
        ['l5d-ctx-dtab', '/a=>/ctx'],
      ],
      '/a=>/ctx;/a=>/user',
    ],
    [
      'of several lines, with or without a semicolon or a comment at their end',
      [
        ['l5d-ctx-dtab', '/a=>/b;'],
        ['l5d-ctx-dtab', '/c=>/d # why'],
        ['l5d-dtab', '/e=>/f'],
        ['l5d-dtab', '/g=>/h'],
      ],
      '/a=>/b;/c=>/d;/e=>/f;/g=>/h',
    ],
    ['of an empty line', [['l5d-dtab', '']], ''],
  ] as [string, Lines, string][]) {
    it(`is that ${what}`, () => {
      const headers = Headers.from([['Host', 'shop'], ...lines]);
      assert.equal(showDtab(readContext(headers).localDtab), shown);
      assert.deepEqual(names(headers), ['host']);
    });
  }

  it('goes upstream as l5d-ctx-dtab alone, and not at all when it is empty', () => {
    const headers = passedOn([
      ['l5d-dtab', '/a => /b'],
      ['l5d-ctx-dtab', '/c => /d'],
    ]);
    assert.deepEqual(headers.getAll('l5d-ctx-dtab'), ['/c=>/d;/a=>/b']);
    assert.equal(headers.has('l5d-dtab'), false);
    assert.equal(passedOn([['l5d-ctx-dtab', ' ']]).has('l5d-ctx-dtab'), false);
    assert.equal(passedOn([]).has('l5d-ctx-dtab'), false);
  });

  it('that does not parse is an error with the message of the parser, each time', () => {
    for (const name of ['l5d-dtab', 'l5d-ctx-dtab', 'L5D-DTAB', 'l5d-dtab']) {
      assert.throws(
        () => readContext(Headers.from([[name, '/a=>/b;/c=']])),
        (error) =>
          error instanceof GatewayError &&
          error.code === 'bad-dtab' &&
          /expected but end of input found/.test(error.message),
      );
    }
  });

  it('is the same object for the same text, for as many texts as are remembered', () => {
    const read = (text: string) => readContext(Headers.from([['l5d-dtab', text]])).localDtab;
    const first = read('/a=>/first');
    assert.equal(read('/a=>/first'), first);
    for (let i = 0; i < 1000; i++) read(`/a=>/other${i}`);
    assert.notEqual(read('/a=>/first'), first);
    assert.equal(showDtab(read('/a=>/first')), '/a=>/first');
  });

  it('does not take the lines of another request for its own', () => {
    const two = readContext(
      Headers.from([
        ['l5d-dtab', '/a=>/b'],
        ['l5d-dtab', '/c=>/d'],
      ]),
    ).localDtab;
    const one = readContext(Headers.from([['l5d-dtab', '/a=>/b']])).localDtab;
    assert.equal(showDtab(two), '/a=>/b;/c=>/d');
    assert.equal(showDtab(one), '/a=>/b');
  });
});

describe('deadline', () => {
  const NOW = '1700000000000000001';
  const SOON = '1700000001000000001';
  const LATER = '1700000002000000003';

  for (const [what, values, upstream] of [
    ['one as it came, to the nanosecond', [`${NOW} ${SOON}`], [`${NOW} ${SOON}`]],
    ['the strictest of several', [`1 ${LATER}`, `${NOW} ${SOON}`, `2 ${LATER}`], [`${NOW} ${SOON}`]],
    ['the later timestamp with the earlier deadline', [`${NOW} ${LATER}`, `1 ${SOON}`], [`${NOW} ${SOON}`]],
    ['what parses', ['soon', `${NOW} ${SOON}`, '1 2 3', ''], [`${NOW} ${SOON}`]],
    [
      'all as they are when nothing parses',
      ['soon', '9999999999999999999 1', '1'],
      ['soon', '9999999999999999999 1', '1'],
    ],
  ] as [string, string[], string[]][]) {
    it(`passes on ${what}`, () => {
      const headers = passedOn(values.map((value) => ['l5d-ctx-deadline', value]));
      assert.deepEqual(headers.getAll('l5d-ctx-deadline'), upstream);
    });
  }

  it('is none without the header', () => assert.equal(passedOn([['l5d-dtab', '']]).has('l5d-ctx-deadline'), false));
});

describe('trace', () => {
  for (const [bits, caller] of [
    [64, traceBytes(SPAN, PARENT, TRACE, FLAGS)],
    [128, traceBytes(SPAN, PARENT, TRACE, FLAGS, TRACE_HIGH)],
  ] as const) {
    it(`of ${bits} bits goes on in a new span below the caller's`, () => {
      const headers = passedOn([
        ['l5d-ctx-trace', caller.toString('base64')],
        ['l5d-reqid', 'forged'],
      ]);
      const ids = headers.getAll('l5d-ctx-trace');
      assert.equal(ids.length, 1);
      const upstream = Buffer.from(ids[0] as string, 'base64');
      assert.equal(upstream.length, caller.length);
      assert.notEqual(upstream.toString('hex', 0, 8), SPAN);
      assert.notEqual(upstream.toString('hex', 0, 8), PARENT);
      assert.equal(upstream.toString('hex', 8, 16), SPAN);
      assert.equal(upstream.toString('hex', 16), caller.toString('hex', 16));
      assert.deepEqual(headers.getAll('l5d-reqid'), [TRACE]);
    });
  }

  it('begins here when the caller has none: the root is parent and trace, no flags', () => {
    // One with 128 bits goes before, whose bytes must not be left in the next.
    passedOn([['l5d-ctx-trace', traceBytes(SPAN, PARENT, TRACE, FLAGS, TRACE_HIGH).toString('base64')]]);
    const headers = passedOn([]);
    const id = Buffer.from(headers.get('l5d-ctx-trace') as string, 'base64');
    assert.equal(id.length, 32);
    assert.equal(id.toString('hex', 8, 16), id.toString('hex', 16, 24));
    assert.notEqual(id.toString('hex', 0, 8), id.toString('hex', 8, 16));
    assert.equal(id.toString('hex', 24), '0000000000000000');
    assert.equal(headers.get('l5d-reqid'), id.toString('hex', 16, 24));
  });

  it('begins in the same way in headers that a codec has read, which are not cut out for it', () => {
    const headers = Headers.fromLines('Host: h\r\n', 'h');
    headers.mayHaveGatewayFields = false;
    writeContext(headers, EMPTY_CONTEXT, seededRandom(4));
    const id = /^Host: h\r\nl5d-ctx-trace: ([A-Za-z0-9+/]{43}=)\r\nl5d-reqid: ([0-9a-f]{16})\r\n$/.exec(headers.lines);
    assert.ok(id, headers.lines);
    const bytes = Buffer.from(id[1] as string, 'base64');
    assert.deepEqual([bytes.length, bytes.toString('hex', 16, 24)], [32, id[2]]);
  });

  it('has ids of its own for each request', () => {
    const random = seededRandom(9);
    const ids = Array.from({ length: 100 }, () => passedOn([], random).get('l5d-reqid'));
    assert.equal(new Set(ids).size, 100);
  });

  for (const text of [
    '',
    'AAAA',
    'not base64!',
    Buffer.alloc(33).toString('base64'),
    Buffer.alloc(41).toString('base64'),
  ]) {
    it(`begins here when the caller's is ${JSON.stringify(text)}`, () => {
      const headers = passedOn([['l5d-ctx-trace', text]]);
      assert.equal(headers.getAll('l5d-ctx-trace').length, 1);
      assert.equal(Buffer.from(headers.get('l5d-ctx-trace') as string, 'base64').length, 32);
    });
  }

  for (const [rate, chance, flags] of [
    ['1', 0.999, 6],
    ['1.0', 0.5, 6],
    ['7', 0.999, 6],
    ['0.5', 0.4, 6],
    ['0.5', 0.5, 2],
    ['.5', 0.6, 2],
    ['0', 0, 2],
    ['-1', 0, 2],
    ['often', 0, 0],
    ['', 0, 0],
    ['0x1', 0, 0],
  ] as const) {
    it(`begun with l5d-sample "${rate}" has flags ${flags} at chance ${chance}`, () => {
      const headers = passedOn([['l5d-sample', rate]], () => chance);
      assert.equal(headers.has('l5d-sample'), false);
      const id = Buffer.from(headers.get('l5d-ctx-trace') as string, 'base64');
      assert.equal(id.toString('hex', 24), flags.toString(16).padStart(16, '0'));
    });
  }

  it('of the caller keeps its flags whatever l5d-sample says, and that goes no further', () => {
    const caller = traceBytes(SPAN, PARENT, TRACE, '0000000000000002').toString('base64');
    const headers = passedOn([
      ['l5d-sample', '1'],
      ['l5d-ctx-trace', caller],
    ]);
    const id = Buffer.from(headers.get('l5d-ctx-trace') as string, 'base64');
    assert.equal(id.toString('hex', 24), '0000000000000002');
    assert.equal(headers.has('l5d-sample'), false);
  });
});

describe('clearContext', () => {
  it('removes every l5d header of a request, in any case, and nothing else', () => {
    const headers = Headers.from([
      ['Host', 'shop'],
      ['L5D-DTAB', '/svc => /$/inet/evil/80'],
      ['l5d-ctx-deadline', '1 2'],
      ['l5d-whatever', 'x'],
      ['x-l5d-y', 'z'],
      ['l5d', 'not prefixed'],
    ]);
    clearRequestContext(headers);
    assert.deepEqual(
      [...headers],
      [
        ['Host', 'shop'],
        ['x-l5d-y', 'z'],
        ['l5d', 'not prefixed'],
      ],
    );
  });

  for (const [what, status, lines, kept, hasBody] of [
    [
      'of a Linkerd',
      502,
      [
        ['L5d-Err', 'no+hosts'],
        ['Content-Type', 'text/plain'],
        ['l5d-success-class', '0.0'],
      ],
      ['content-type'],
      false,
    ],
    [
      'of the service',
      500,
      [
        ['l5d-success-class', '1.0'],
        ['Server', 'x'],
      ],
      ['server'],
      true,
    ],
    ['without l5d headers', 500, [['Server', 'x']], ['server'], true],
    [
      'that is no error, whatever it says',
      200,
      [
        ['l5d-err', 'x'],
        ['Server', 'x'],
      ],
      ['server'],
      true,
    ],
  ] as [string, number, Lines, string[], boolean][]) {
    it(`removes every l5d header of a response ${what}, and ${hasBody ? 'keeps its body' : 'its body'}`, () => {
      const head = withoutContext(
        responseHead(status, { headers: Headers.from(lines), hasBody: true, contentLength: 9 }),
      );
      assert.deepEqual([names(head.headers), head.hasBody, head.status], [kept, hasBody, status]);
    });
  }
});

describe('success class', () => {
  it('is added to a response, in place of one that another gateway wrote', () => {
    const headers = Headers.from([['Server', 'x']]);
    addSuccessClass(headers, true);
    assert.deepEqual(headers.getAll('l5d-success-class'), ['1.0']);
    addSuccessClass(headers, false);
    assert.deepEqual(headers.getAll('l5d-success-class'), ['0.0']);
  });
});
