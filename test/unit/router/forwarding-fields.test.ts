import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddressRanges } from '../../../src/base/address-ranges.js';
import { seededRandom } from '../../../src/base/random.js';
import type { RequestOrigin } from '../../../src/identifier/identifier.js';
import { ForwardingFields } from '../../../src/router/forwarding-fields.js';
import type { Caller } from '../../../src/service/exchange.js';
import { Headers } from '../../../src/service/headers.js';

const TRUSTED = ['10.0.0.0/8', 'fd00::/8'];

function caller(remoteAddress: string, secure = false): Caller {
  return { remoteAddress, remotePort: 1, localAddress: '10.0.0.1', localPort: 2, secure, connectionId: 1 };
}

function rewrite(
  fields: readonly (readonly [string, string])[],
  from: Caller,
  trusted: readonly string[] = TRUSTED,
): { origin: RequestOrigin; headers: Headers } {
  const own = new ForwardingFields({ trusted: parseAddressRanges(trusted), random: seededRandom(3) });
  const headers = Headers.from(fields);
  return { origin: own.rewrite(headers, from, 'Shop:1'), headers };
}

describe('forwarding fields of a caller that is not trusted', () => {
  it('are written anew', () => {
    const { origin, headers } = rewrite([['Host', 'shop']], caller('192.0.2.1', true));
    const id = headers.get('x-request-id') ?? '';
    assert.match(id, /^[0-9a-f]{32}$/);
    assert.deepEqual(
      [...headers],
      [
        ['Host', 'shop'],
        ['X-Forwarded-For', '192.0.2.1'],
        ['X-Forwarded-Proto', 'https'],
        ['X-Forwarded-Host', 'Shop:1'],
        ['X-Request-Id', id],
      ],
    );
    assert.deepEqual([origin.remoteAddress, origin.secure], ['192.0.2.1', true]);
  });

  for (const name of [
    ...['Forwarded', 'X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Host', 'X-Forwarded-Port'],
    ...['X-Forwarded-Prefix', 'X-Forwarded-Ssl', 'X-Forwarded', 'X-Real-IP', 'X-Request-Id', 'True-Client-IP'],
    ...['X-Original-URL', 'X-Rewrite-URL', 'Front-End-Https', 'X_Forwarded_For', 'X.Forwarded-Host', 'x_real_ip'],
  ]) {
    it(`do not hold the ${name} that it sent`, () => {
      const { headers, origin } = rewrite(
        [
          [name, '10.9.9.9'],
          ['A', 'b'],
          [name, 'again'],
        ],
        caller('192.0.2.1'),
      );
      assert.ok([...headers].every(([, value]) => value !== '10.9.9.9' && value !== 'again'));
      assert.equal(headers.get('a'), 'b');
      assert.equal(origin.remoteAddress, '192.0.2.1');
    });
  }

  it('are other fields than those that only look like them', () => {
    const fields = ['X-Forward', 'X-Realip', 'Forward', 'From', 'X-Requested-With', 'Traceparent'] as const;
    const { headers } = rewrite(
      fields.map((name) => [name, 'kept'] as const),
      caller('192.0.2.1'),
    );
    for (const name of fields) assert.equal(headers.get(name.toLowerCase()), 'kept', name);
  });

  it('show an IPv4 caller of an IPv6 listener as one of IPv4', () => {
    assert.equal(rewrite([], caller('::ffff:192.0.2.1')).headers.get('x-forwarded-for'), '192.0.2.1');
  });

  it('have another request id each time', () => {
    const own = new ForwardingFields({ trusted: undefined, random: seededRandom(3) });
    const ids = new Set<string | undefined>();
    for (let i = 0; i < 200; i++) {
      const headers = new Headers();
      own.rewrite(headers, caller('10.0.0.2'), 'shop');
      ids.add(headers.get('x-request-id'));
    }
    assert.equal(ids.size, 200);
  });
});

describe('origin by the word of trusted proxies', () => {
  const MANY = Array<string>(3000).fill('10.1.1.1').join(',');
  for (const [way, address] of [
    [undefined, '10.0.0.2'],
    ['', '10.0.0.2'],
    ['198.51.100.7', '198.51.100.7'],
    ['1.1.1.1, 198.51.100.7', '198.51.100.7'],
    ['198.51.100.7, 10.1.1.1,10.2.2.2', '198.51.100.7'],
    ['10.3.3.3, 10.1.1.1', '10.3.3.3'],
    ['198.51.100.7:443', '198.51.100.7'],
    ['2001:db8::7', '2001:db8::7'],
    ['[2001:db8::7]:443, fd00::1', '2001:db8::7'],
    ['"[2001:db8::7]"', '2001:db8::7'],
    ['::ffff:10.1.1.1', '10.1.1.1'],
    ['198.51.100.7, unknown', '10.0.0.2'],
    ['198.51.100.7, unknown, 10.1.1.1', '10.1.1.1'],
    ['_hidden', '10.0.0.2'],
    ['198.51.100.7,', '10.0.0.2'],
    [',,,', '10.0.0.2'],
    ['fe80::1%eth0', '10.0.0.2'],
    ['1.2.3', '10.0.0.2'],
    ['256.1.1.1', '10.0.0.2'],
    ['198.51.100.7:99999999', '10.0.0.2'],
    ['x'.repeat(100_000), '10.0.0.2'],
    [`198.51.100.7,${MANY}`, '10.1.1.1'],
  ] as const) {
    it(`is ${address} where X-Forwarded-For is ${String(way).slice(0, 40)}`, () => {
      const fields = way === undefined ? [] : [['X-Forwarded-For', way] as const];
      const { origin, headers } = rewrite(fields, caller('10.0.0.2'));
      assert.equal(origin.remoteAddress, address);
      assert.equal(headers.get('x-forwarded-for'), way ? `${way}, 10.0.0.2` : '10.0.0.2');
    });
  }

  it('is read from all lines, the last one nearest', () => {
    const fields = [
      ['X-Forwarded-For', '198.51.100.7'],
      ['X-Forwarded-For', '10.1.1.1'],
    ] as const;
    const { origin, headers } = rewrite(fields, caller('10.0.0.2'));
    assert.equal(origin.remoteAddress, '198.51.100.7');
    assert.deepEqual(headers.getAll('x-forwarded-for'), ['198.51.100.7, 10.1.1.1, 10.0.0.2']);
  });

  it('is not read from Forwarded, which stays', () => {
    const { origin, headers } = rewrite([['Forwarded', 'for=198.51.100.7;proto=https']], caller('10.0.0.2'));
    assert.deepEqual([origin.remoteAddress, origin.secure], ['10.0.0.2', false]);
    assert.equal(headers.get('forwarded'), 'for=198.51.100.7;proto=https');
  });

  for (const [lines, secure] of [
    [[], false],
    [['https'], true],
    [['HTTPS '], true],
    [['http'], false],
    [['https, http'], false],
    [['http', 'https'], true],
    [['wss'], true],
    [['gopher'], false],
    [[''], false],
  ] as const) {
    it(`is ${secure ? '' : 'not '}secure where X-Forwarded-Proto is ${JSON.stringify(lines)}`, () => {
      const { origin, headers } = rewrite(
        lines.map((line) => ['X-Forwarded-Proto', line] as const),
        caller('10.0.0.2'),
      );
      assert.equal(origin.secure, secure);
      assert.deepEqual(headers.getAll('x-forwarded-proto'), [secure ? 'https' : 'http']);
    });
  }

  it('is secure by TLS to us where the proxy says nothing of it', () => {
    assert.equal(rewrite([['X-Forwarded-Proto', '?']], caller('10.0.0.2', true)).origin.secure, true);
  });
});

describe('fields of trusted proxies', () => {
  for (const [name, kept, replaced] of [
    ['X-Request-Id', ['a', 'A-b.c_d~1', 'x'.repeat(128)], ['', 'a b', 'a,b', 'x'.repeat(129), 'a"b', 'a\xe9']],
    ['X-Forwarded-Host', ['a', 'a.example:1', '[::1]:8'], ['', 'a, b', 'a b', 'a:x', 'a/b', 'a@b', 'x'.repeat(300)]],
  ] as const) {
    it(`are kept where ${name} makes sense, and replaced where it does not`, () => {
      const valuesFor = (...values: string[]) =>
        rewrite(
          values.map((value) => [name, value] as const),
          caller('10.0.0.2'),
        ).headers.getAll(name.toLowerCase());
      for (const value of kept) assert.deepEqual(valuesFor(value), [value]);
      for (const value of replaced) {
        const [one, ...more] = valuesFor(value);
        assert.equal(more.length, 0);
        assert.notEqual(one, value);
      }
      assert.equal(valuesFor('a', 'b').length, 1);
      assert.notEqual(valuesFor('a', 'b')[0], 'a');
    });
  }

  it('hold none that its own callers wrote for CGI', () => {
    const { headers } = rewrite(
      [
        ['X_Forwarded_For', '1.1.1.1'],
        ['X-Real-IP', '198.51.100.7'],
      ],
      caller('10.0.0.2'),
    );
    assert.equal(headers.has('x_forwarded_for'), false);
    assert.equal(headers.get('x-real-ip'), '198.51.100.7');
  });
});
