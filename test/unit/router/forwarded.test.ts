import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '../../../src/base/random.js';
import { type LabelerConfig, makeForwarded } from '../../../src/router/forwarded.js';
import type { Caller } from '../../../src/service/exchange.js';
import { Headers } from '../../../src/service/headers.js';

function caller(overrides: Partial<Caller> = {}): Caller {
  return {
    remoteAddress: '192.0.2.7',
    remotePort: 51234,
    localAddress: '10.0.0.1',
    localPort: 4140,
    secure: false,
    connectionId: 1,
    ...overrides,
  };
}

function make(by: LabelerConfig, from: LabelerConfig, routerLabel = 'http') {
  const add = makeForwarded({ by, for: from }, { routerLabel, hostParameter: 'host', random: seededRandom(7) });
  return (from: Caller = caller(), host?: string, scheme?: string): string => {
    const headers = new Headers();
    add(headers, from, host, scheme);
    assert.equal(headers.size, 1);
    return headers.get('forwarded') as string;
  };
}

const RANDOM_LABEL = '_[0-9A-Za-z]{6}';

describe('forwarded header', () => {
  for (const [kind, from, value] of [
    ['ip', {}, 'by=10.0.0.1;for=192.0.2.7'],
    ['ip', { remoteAddress: '2001:db8::7' }, 'by=10.0.0.1;for="[2001:db8::7]"'],
    ['ip', { remoteAddress: '0.0.0.0', localAddress: '::' }, 'by=unknown;for=unknown'],
    ['ip', { remoteAddress: '/run/gate.sock' }, 'by=10.0.0.1;for=unknown'],
    ['ip:port', {}, 'by="10.0.0.1:4140";for="192.0.2.7:51234"'],
    ['ip:port', { remoteAddress: '2001:db8::7' }, 'by="10.0.0.1:4140";for="[2001:db8::7]:51234"'],
    ['ip:port', { remoteAddress: '', localAddress: '::' }, 'by=unknown;for=unknown'],
    ['router', {}, 'by=_http;for=_http'],
    ['router', { remoteAddress: '' }, 'by=_http;for=_http'],
  ] as ['ip' | 'ip:port' | 'router', Partial<Caller>, string][]) {
    it(`by ${kind} of ${JSON.stringify(from)} is ${value}`, () => {
      assert.equal(make({ kind }, { kind })(caller(from)), value);
    });
  }

  for (const [label, shown] of [
    ['edge', '_edge'],
    ['_edge', '_edge'],
    ['edge one', '"_edge one"'],
    ['a"b\\c', '"_a\\"b\\\\c"'],
  ] as const) {
    it(`shows the label ${label} as ${shown}, static or of the router`, () => {
      assert.equal(make({ kind: 'static', label }, { kind: 'router' }, label)(), `by=${shown};for=${shown}`);
    });
  }

  it('by requestRandom is new for each request and each end', () => {
    const forwarded = make({ kind: 'requestRandom' }, { kind: 'requestRandom' });
    const [first, second] = [forwarded(), forwarded()];
    assert.match(first, new RegExp(`^by=${RANDOM_LABEL};for=${RANDOM_LABEL}$`));
    const [by, from] = first.split(';').map((pair) => pair.slice(pair.indexOf('=')));
    assert.notEqual(by, from);
    assert.notEqual(first, second);
  });

  it('by connectionRandom stays the same for a connection and differs between any two', () => {
    const forwarded = make({ kind: 'router' }, { kind: 'connectionRandom' });
    assert.match(forwarded(), new RegExp(`^by=_http;for=${RANDOM_LABEL}$`));
    assert.equal(forwarded(), forwarded());
    const labels = new Set(Array.from({ length: 1000 }, (_, connectionId) => forwarded(caller({ connectionId }))));
    assert.equal(labels.size, 1000);
  });

  it('by connectionRandom gives both ends labels of their own', () => {
    const value = make({ kind: 'connectionRandom' }, { kind: 'connectionRandom' })();
    const [by, from] = value.split(';').map((pair) => pair.slice(pair.indexOf('=')));
    assert.notEqual(by, from);
  });

  it('has host and proto when they are known, quoted where they are no tokens', () => {
    const forwarded = make({ kind: 'router' }, { kind: 'router' });
    assert.equal(forwarded(caller(), 'shop.com', 'https'), 'by=_http;for=_http;host=shop.com;proto=https');
    assert.equal(forwarded(caller(), 'shop.com:81'), 'by=_http;for=_http;host="shop.com:81"');
    assert.equal(forwarded(caller(), ''), 'by=_http;for=_http');
  });

  it('does not let a Host forge another pair', () => {
    const forwarded = make({ kind: 'router' }, { kind: 'router' });
    assert.equal(forwarded(caller(), 'a";for=1.2.3.4;x="'), 'by=_http;for=_http;host="a\\";for=1.2.3.4;x=\\""');
    assert.equal(forwarded(caller(), 'a, for=1.2.3.4'), 'by=_http;for=_http;host="a, for=1.2.3.4"');
  });

  it('is a new line after those that came with the request', () => {
    const headers = Headers.from([['forwarded', 'for=203.0.113.1']]);
    makeForwarded(
      { by: { kind: 'ip' }, for: { kind: 'ip' } },
      { routerLabel: 'http', hostParameter: 'host', random: Math.random },
    )(headers, caller(), undefined, undefined);
    assert.deepEqual(headers.getAll('forwarded'), ['for=203.0.113.1', 'by=10.0.0.1;for=192.0.2.7']);
  });
});
