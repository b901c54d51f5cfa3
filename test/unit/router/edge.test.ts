import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../../../src/base/errors.js';
import { MetricsScope } from '../../../src/base/metrics.js';
import { Path } from '../../../src/base/path.js';
import { seededRandom } from '../../../src/base/random.js';
import { Edge, withoutPort } from '../../../src/router/edge.js';
import type { Caller, Exchange } from '../../../src/service/exchange.js';
import type { RequestHead } from '../../../src/service/message.js';
import { metricValue } from '../../support/metric-value.js';
import { requestHead } from '../../support/requests.js';

const CALLER: Caller = {
  remoteAddress: '192.0.2.1',
  remotePort: 1,
  localAddress: '10.0.0.1',
  localPort: 2,
  secure: false,
  connectionId: 1,
};

function makeEdge(): { edge: Edge; metrics: MetricsScope; forwarded: unknown[] } {
  const metrics = new MetricsScope();
  const forwarded: unknown[] = [];
  const edge = new Edge({
    published: { find: (authority) => (/^shop(:|$)/i.test(authority) ? authority.toLowerCase() : undefined) },
    encodedSlashes: 'refuse',
    trustedProxies: undefined,
    addForwarded: (_headers, caller, host, scheme) => forwarded.push([caller.remoteAddress, host, scheme]),
    random: seededRandom(1),
    metrics,
  });
  return { edge, metrics, forwarded };
}

function exchangeOf(request: RequestHead): Exchange {
  return { request, caller: CALLER } as Exchange;
}

function refusalOf(request: RequestHead): string | undefined {
  const { edge } = makeEdge();
  const refusal = edge.refusal(request)?.code;
  try {
    edge.admit(exchangeOf(request));
  } catch (error) {
    assert.ok(error instanceof GatewayError);
    if (refusal !== undefined) assert.equal(error.code, refusal);
    return error.code;
  }
  assert.equal(refusal, undefined);
  return undefined;
}

test('edge admits a published host, in its one spelling, by its one path', () => {
  const { edge, forwarded } = makeEdge();
  const request = requestHead([['Host', 'SHOP:99']], { target: '/a/./b?c' });
  assert.equal(edge.admit(exchangeOf(request)), CALLER);
  assert.equal(request.headers.get('host'), 'shop:99');
  assert.equal(request.headers.get('x-forwarded-host'), 'SHOP:99');
  assert.equal(request.target, '/a/b?c');
  assert.deepEqual(forwarded, [['192.0.2.1', 'SHOP:99', 'http']]);
});

test('edge looks at the host before the path, and at the method before both', () => {
  const shop: [string, string][] = [['Host', 'shop']];
  const other: [string, string][] = [['Host', 'admin']];
  assert.equal(refusalOf(requestHead(shop)), undefined);
  assert.equal(refusalOf(requestHead(shop, { target: '/..' })), 'bad-request');
  assert.equal(refusalOf(requestHead(other, { target: '/..' })), 'not-found');
  assert.equal(refusalOf(requestHead([])), 'not-found');
  assert.equal(refusalOf(requestHead([['Host', '']])), 'not-found');
  for (const method of ['TRACE', 'TRACK', 'trace']) {
    assert.equal(refusalOf(requestHead(other, { method })), 'method-refused');
    assert.equal(refusalOf(requestHead(shop, { method, target: '/..' })), 'method-refused');
  }
  assert.equal(refusalOf(requestHead(shop, { method: 'PATCH' })), undefined);
});

test('edge takes OPTIONS of the whole server, and "*" of nothing else', () => {
  const shop: [string, string][] = [['Host', 'shop']];
  assert.equal(refusalOf(requestHead(shop, { method: 'OPTIONS', target: '*' })), undefined);
  assert.equal(refusalOf(requestHead(shop, { method: 'GET', target: '*' })), 'bad-request');
  assert.equal(refusalOf(requestHead(shop, { method: 'OPTIONS', target: '**' })), 'bad-request');
});

test('edge counts names that lead nowhere, and tells those inside which', () => {
  const { edge, metrics } = makeEdge();
  const error = edge.notFound(new GatewayError('no-hosts', 'of /ext/shop'));
  assert.deepEqual([error.code, error.message], ['not-found', 'of /ext/shop']);
  assert.equal(metricValue(metrics, 'refused', 'not-found'), 1);
});

test('names know no ports, upstreams do, also when there is no name', () => {
  const asked: (string | undefined)[] = [];
  const identify = withoutPort(({ headers }) => {
    const host = headers.get('host');
    asked.push(host);
    if (host === 'bad') throw new RangeError('no');
    return new Path(['ext', host ?? '']);
  });
  for (const [host, name] of [
    ['shop:8443', 'shop'],
    ['shop:', 'shop'],
    ['shop', 'shop'],
    ['[::1]:80', '[::1]'],
    ['[::1]', '[::1]'],
  ] as const) {
    const request = requestHead([['Host', host]]);
    assert.deepEqual(identify(request, CALLER), new Path(['ext', name]));
    assert.equal(request.headers.get('host'), host);
  }
  const request = requestHead([['Host', 'bad:1']]);
  assert.throws(() => identify(request, CALLER), RangeError);
  assert.equal(request.headers.get('host'), 'bad:1');
  assert.deepEqual(asked, ['shop', 'shop', 'shop', '[::1]', '[::1]', 'bad']);
});
