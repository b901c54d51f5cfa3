import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parsePath } from '../../../src/base/name-grammar.js';
import { pathFromText } from '../../../src/base/path.js';
import { Redirect, type RequestOrigin, Route, Unidentified } from '../../../src/identifier/identifier.js';
import type { RouteOptions, RouteRule, RouteSet } from '../../../src/identifier/route-rule.js';
import { makeRouteTable, type RouteTable, type RouteTableOptions } from '../../../src/identifier/route-table.js';
import type { RequestHead } from '../../../src/service/message.js';
import { requestHead } from '../../support/requests.js';
import { canary, defaultRoute, routeOptions, routeRule } from '../../support/route-rules.js';

const PLAIN: RequestOrigin = { remoteAddress: '203.0.113.9', secure: false };
const SECURE: RequestOrigin = { ...PLAIN, secure: true };

function tableOf(set: Partial<RouteSet>, options: Partial<RouteTableOptions> = {}): RouteTable {
  const random = (): number => assert.fail('chance was asked');
  return makeRouteTable(
    { rules: [], defaults: [], ownedHosts: [], ...set },
    { dstPrefix: pathFromText('svc'), exposure: 'internal', random, ...options },
  );
}

function ask(host: string | undefined, target = '/', headers: readonly [string, string][] = []): RequestHead {
  return requestHead(host === undefined ? [...headers] : [['Host', host], ...headers], { target });
}

/** Text of the name, or of the reason why there is none. */
function answerOf({ identify }: RouteTable, request: RequestHead, origin = PLAIN): string {
  const answer = identify(request, origin);
  if (answer instanceof Unidentified) return answer.reason;
  if (answer instanceof Redirect) return `${answer.status} ${answer.location}`;
  assert.ok(answer instanceof Route);
  return answer.name.show();
}

const NONE = 'no ingress rule matches';

describe('route table, host', () => {
  const table = tableOf({
    rules: [
      routeRule(undefined, '/any*', '/any'),
      routeRule('*.example.com', '/*', '/wildcard'),
      routeRule('shop.example.com', '/shop*', '/shop'),
      routeRule('single', '/*', '/single'),
    ],
  });

  for (const [host, target, expected] of [
    ['shop.example.com', '/shop', '/svc/shop'],
    ['SHOP.example.Com', '/shop', '/svc/shop'],
    ['shop.example.com:8080', '/shop', '/svc/shop'],
    ['shop.example.com.', '/shop', '/svc/shop'],
    ['Shop.example.com.:80', '/shop', '/svc/shop'],
    ['a.example.com', '/x', '/svc/wildcard'],
    ['a.example.com.:80', '/x', '/svc/wildcard'],
    ['*.example.com', '/x', '/svc/wildcard'],
    ['a.b.example.com', '/any', '/svc/any'],
    ['example.com', '/any', '/svc/any'],
    ['.example.com', '/any', '/svc/any'],
    ['xexample.com', '/any', '/svc/any'],
    ['single', '/x', '/svc/single'],
    ['other', '/any/x', '/svc/any'],
    ['other', '/x', NONE],
    ['', '/any', '/svc/any'],
    ['.', '/any', '/svc/any'],
    ['[::1]', '/any', '/svc/any'],
    ['[::1]:8080', '/any', '/svc/any'],
    ['::1', '/any', '/svc/any'],
    ['[::ffff:10.0.0.1]:80', '/any', '/svc/any'],
    ['10.0.0.1:80', '/any', '/svc/any'],
    ['a:b:c', '/any', '/svc/any'],
    ['shop.example.com\xe9', '/any', '/svc/any'],
    ['__proto__', '/any', '/svc/any'],
    [undefined, '/any', '/svc/any'],
    [undefined, '/shop', NONE],
  ] as const) {
    it(`${JSON.stringify(host)} ${target}: ${expected}`, () =>
      assert.equal(answerOf(table, ask(host, target)), expected));
  }

  it('with rules of its own is not left to the rules of wider ones', () => {
    assert.equal(answerOf(table, ask('shop.example.com', '/x')), NONE);
    assert.equal(answerOf(table, ask('shop.example.com', '/any')), NONE);
    assert.equal(answerOf(table, ask('a.example.com', '/any')), '/svc/wildcard');
  });

  it('says nothing new when nothing matches', () => {
    assert.equal(table.identify(ask('x'), PLAIN), table.identify(ask('y', '/z'), PLAIN));
    assert.equal(answerOf(tableOf({}), ask('x')), NONE);
  });
});

describe('route table, defaults', () => {
  const rules = [routeRule('a.x', '/a*', '/a'), routeRule('*.x', '/w*', '/w'), routeRule(undefined, '/any*', '/any')];

  for (const [host, expected] of [
    ['a.x', '/svc/of-a'],
    ['b.x', '/svc/of-wildcard'],
    ['c.y', '/svc/of-all'],
    ['d.z', '/svc/of-d'],
    [undefined, '/svc/of-all'],
  ] as const) {
    it(`take what no rule of ${host} takes: the one that names it, of its wildcard, of all`, () => {
      const defaults = [
        defaultRoute(undefined, '/of-all'),
        defaultRoute(['*.x'], '/of-wildcard'),
        defaultRoute(['a.x'], '/of-a'),
        defaultRoute(['d.z'], '/of-d'),
      ];
      const table = tableOf({ rules, defaults });
      assert.equal(answerOf(table, ask(host, '/none')), expected);
    });
  }

  it('come after all rules of the host', () => {
    const table = tableOf({ rules, defaults: [defaultRoute(['a.x'], '/of-a'), defaultRoute(undefined, '/of-all')] });
    assert.equal(answerOf(table, ask('a.x', '/a/b')), '/svc/a');
    assert.equal(answerOf(table, ask('b.x', '/w')), '/svc/w');
    assert.equal(answerOf(table, ask('c', '/any')), '/svc/any');
  });

  it('of two for the same hosts are the first', () => {
    const defaults = ['/first', '/second'].flatMap((name) => [
      defaultRoute(['a.x'], name),
      defaultRoute(undefined, name),
    ]);
    const table = tableOf({ defaults });
    assert.equal(answerOf(table, ask('a.x')), '/svc/first');
    assert.equal(answerOf(table, ask('b')), '/svc/first');
  });

  it('make a host that they name one of its own', () => {
    const table = tableOf({ rules, defaults: [defaultRoute(['b.x'], '/of-b')] });
    assert.equal(answerOf(table, ask('b.x', '/w')), '/svc/of-b');
    assert.equal(answerOf(table, ask('c.x', '/w')), '/svc/w');
  });

  it('without hosts take nothing of hosts that have an owner, also where none of its rules is served', () => {
    const options = { exposure: 'external' } as const;
    const inside = routeRule('own.x', '/own*', '/own', { exposure: 'internal' });
    const set = {
      rules: [...rules, inside],
      defaults: [defaultRoute(undefined, '/of-all')],
      ownedHosts: ['own.x', '*.y', 'a.x'],
    };
    for (const [host, target, expected] of [
      ['own.x', '/own', NONE],
      ['own.x', '/any', NONE],
      ['own.x', '/w', NONE],
      ['b.y', '/any', NONE],
      ['a.x', '/none', NONE],
      ['a.x', '/a', '/svc/a'],
      ['c.z', '/none', '/svc/of-all'],
    ] as const) {
      assert.equal(answerOf(tableOf(set, options), ask(host, target)), expected, `${host} ${target}`);
    }
    assert.equal(answerOf(tableOf(set), ask('own.x', '/own')), '/svc/own');
  });

  it('rewrite as the prefix of all paths does', () => {
    const table = tableOf({
      defaults: [defaultRoute(undefined, '/d', { options: routeOptions({ rewriteTarget: '/v2' }) })],
    });
    const request = ask('a', '/x/y?q');
    assert.equal(answerOf(table, request), '/svc/d');
    assert.equal(request.target, '/v2/x/y?q');
  });
});

describe('route table, exposure', () => {
  const set = {
    rules: [
      routeRule('a', '/in*', '/inside', { exposure: 'internal' }),
      routeRule('a', '/*', '/outside'),
      routeRule('b', '/*', '/b', { exposure: 'internal' }),
    ],
    defaults: [defaultRoute(['c'], '/c', { exposure: 'internal' }), defaultRoute(['d'], '/d')],
  };

  it('external: has the routes that are external alone', () => {
    const table = tableOf(set, { exposure: 'external', dstPrefix: pathFromText('ext') });
    assert.equal(answerOf(table, ask('a', '/in/x')), '/ext/outside');
    assert.equal(answerOf(table, ask('b')), NONE);
    assert.equal(answerOf(table, ask('c')), NONE);
    assert.equal(answerOf(table, ask('d')), '/ext/d');
    assert.deepEqual(
      table.routes().map(({ name }) => name.show()),
      ['/outside', '/d'],
    );
  });

  it('internal: has all', () => {
    const table = tableOf(set);
    assert.equal(answerOf(table, ask('a', '/in/x')), '/svc/inside');
    assert.equal(answerOf(table, ask('b')), '/svc/b');
    assert.equal(answerOf(table, ask('c')), '/svc/c');
    assert.equal(table.routes().length, 5);
  });

  it('of the first of two equal rules decides for each table by itself', () => {
    const rules = [routeRule('a', '/*', '/in', { exposure: 'internal' }), routeRule('a', '/*', '/out')];
    assert.equal(answerOf(tableOf({ rules }), ask('a')), '/svc/in');
    assert.equal(answerOf(tableOf({ rules }, { exposure: 'external' }), ask('a')), '/svc/out');
  });
});

/** A table of one rule for `/api` of host `a`. */
function tableOfOne(options: RouteOptions, given: Partial<RouteRule> = {}, random?: () => number): RouteTable {
  const rules = [routeRule('a', '/api*', '/web', { options, ...given })];
  return tableOf({ rules }, random ? { random } : {});
}

describe('route table, route', () => {
  it('is the same object for all requests of a rule, with the policy of its resource', () => {
    const policy = { backend: 'grpc', timeoutMs: 1000, attemptTimeoutMs: 300, maxBodyBytes: 5 } as const;
    const { identify } = tableOfOne(routeOptions({ policy }));
    const route = identify(ask('a', '/api/x'), PLAIN);
    assert.ok(route instanceof Route);
    assert.equal(route.policy, policy);
    assert.equal(identify(ask('A:80', '/api?q'), SECURE), route);
  });

  it('rewrites the target of what it takes, and of nothing else', () => {
    const table = tableOf({
      rules: [
        routeRule('a', '/api*', '/web', { options: routeOptions({ rewriteTarget: '/v2' }) }),
        routeRule('a', '~ /users/([^/]+)/(.*)', '/users', { options: routeOptions({ rewriteTarget: '/$2?id=$1' }) }),
        routeRule('b', '/*', '/b', { options: routeOptions({ rewriteTarget: '/v2' }) }),
      ],
    });
    for (const [host, target, expected] of [
      ['a', '/api/x?q=/api', '/v2/x?q=/api'],
      ['a', '/users/7/cart', '/cart%3Fid=7'],
      ['a', '/other', '/other'],
      ['b', '*', '*'],
      ['b', 'b:80', 'b:80'],
      ['b', '/', '/v2/'],
    ] as const) {
      const request = ask(host, target);
      table.identify(request, PLAIN);
      assert.equal(request.target, expected);
    }
  });
});

describe('route table, httpsRedirect', () => {
  const options = routeOptions({ httpsRedirect: true, rewriteTarget: '/v2' });

  it('sends requests without TLS to the same URL with https', () => {
    const request = ask('A:8080', '/api/x?q=1');
    assert.equal(answerOf(tableOfOne(options), request), '308 https://A/api/x?q=1');
    assert.equal(request.target, '/api/x?q=1');
  });

  it('leaves requests with TLS', () => {
    const request = ask('a', '/api/x');
    assert.equal(answerOf(tableOfOne(options), request, SECURE), '/svc/web');
    assert.equal(request.target, '/v2/x');
  });

  it('refuses what has no such URL', () => {
    const table = tableOf({ rules: [routeRule(undefined, '/*', '/web', { options })] });
    const message = 'ingress test/web redirects to https, which takes a Host and a path';
    assert.throws(() => table.identify(ask(undefined), PLAIN), { code: 'bad-request', message });
    const connect = requestHead([['Host', 'a:1']], { method: 'CONNECT', target: 'a:1' });
    assert.throws(() => table.identify(connect, PLAIN), { code: 'bad-request', message });
  });
});

describe('route table, allowedSources', () => {
  const options = routeOptions({ allowedSources: ['10.0.0.0/8', 'fd00::/8'], httpsRedirect: true });

  it('takes callers from them', () => {
    const table = tableOfOne(options);
    for (const remoteAddress of ['10.1.2.3', '::ffff:10.1.2.3', 'fd00::1']) {
      assert.equal(answerOf(table, ask('a', '/api'), { remoteAddress, secure: true }), '/svc/web');
    }
  });

  it('refuses others, before any redirect, and names the resource and the address', () => {
    for (const remoteAddress of ['203.0.113.9', '2001:db8::1', '']) {
      assert.throws(() => tableOfOne(options).identify(ask('a', '/api'), { remoteAddress, secure: false }), {
        name: 'GatewayError',
        code: 'forbidden',
        message: `ingress test/web takes no requests from ${remoteAddress}, only from 10.0.0.0/8, fd00::/8`,
      });
    }
  });
});

describe('route table, canary', () => {
  const always: [string, string] = ['x-canary', 'always'];

  it('goes to its backend with its own options', () => {
    const policy = { backend: 'https', timeoutMs: 1, attemptTimeoutMs: 2, maxBodyBytes: 3 } as const;
    const given = canary('/new', { header: 'x-canary', options: routeOptions({ policy, rewriteTarget: '/new' }) });
    const table = tableOfOne(routeOptions({ rewriteTarget: '/old' }), { canary: given });
    const taken = ask('a', '/api/x', [always]);
    const route = table.identify(taken, PLAIN);
    assert.ok(route instanceof Route);
    assert.equal(route.name.show(), '/svc/new');
    assert.equal(route.policy, policy);
    assert.equal(taken.target, '/new/x');
    assert.equal(table.identify(ask('a', '/api', [always]), PLAIN), route);
    const left = ask('a', '/api/x', [['x-canary', 'never']]);
    assert.equal(answerOf(table, left), '/svc/web');
    assert.equal(left.target, '/old/x');
  });

  it('by weight takes its share', () => {
    const values = [0.09, 0.1, 0.5, 0, 0.99];
    const table = tableOfOne(
      routeOptions(),
      { canary: canary('/new', { weight: 0.1 }) },
      () => values.shift() ?? assert.fail(),
    );
    const names = Array.from({ length: 5 }, () => answerOf(table, ask('a', '/api')));
    assert.deepEqual(names, ['/svc/new', '/svc/web', '/svc/web', '/svc/new', '/svc/web']);
  });

  it('is no way round the sources and the redirect of the rule', () => {
    const given = { canary: canary('/new', { header: 'x-canary' }) };
    const guarded = tableOfOne(routeOptions({ allowedSources: ['10.0.0.0/8'] }), given);
    assert.throws(() => guarded.identify(ask('a', '/api', [always]), PLAIN), {
      code: 'forbidden',
      message: /^ingress test\/web /,
    });
    const redirected = tableOfOne(routeOptions({ httpsRedirect: true }), given);
    assert.equal(answerOf(redirected, ask('a', '/api', [always])), '308 https://a/api');
  });

  it('has sources and a redirect of its own beside them', () => {
    const options = routeOptions({ allowedSources: ['203.0.113.0/24'], httpsRedirect: true });
    const table = tableOfOne(routeOptions(), { canary: canary('/new', { header: 'x-canary', options }) });
    assert.equal(answerOf(table, ask('a', '/api')), '/svc/web');
    assert.equal(answerOf(table, ask('a', '/api', [always])), '308 https://a/api');
    assert.equal(answerOf(table, ask('a', '/api', [always]), SECURE), '/svc/new');
    const stranger = { remoteAddress: '192.0.2.1', secure: true };
    assert.throws(() => table.identify(ask('a', '/api', [always]), stranger), {
      code: 'forbidden',
      message: /^ingress test\/new /,
    });
  });
});

describe('route table, routes()', () => {
  it('shows what is served, host by host, without the prefix', () => {
    const table = tableOf({
      rules: [
        routeRule('a', '/api*', '/web', { canary: canary('/new') }),
        routeRule(undefined, '= /', '/root', { exposure: 'internal' }),
        routeRule('a', '~ /x/(.*)', '/x'),
        routeRule('a', '/api/*', '/shadowed'),
        routeRule('a', '~ /x/(.*)', '/shadowed'),
        routeRule('*.b', '/*', '/b'),
      ],
      defaults: [defaultRoute(['a', 'c'], '/d'), defaultRoute(undefined, '/all')],
      ownedHosts: ['e'],
    });
    const shown = table.routes().map(({ host, path, name, exposure, by }) => [host, path, name.show(), exposure, by]);
    assert.deepEqual(shown, [
      ['a', '/api*', '/web', 'external', 'ingress test/web'],
      ['a', '/api*', '/new', 'external', 'ingress test/new'],
      ['a', '~ /x/(.*)', '/x', 'external', 'ingress test/x'],
      [undefined, '= /', '/root', 'internal', 'ingress test/root'],
      ['*.b', '/*', '/b', 'external', 'ingress test/b'],
      ['a', 'default', '/d', 'external', 'ingress test/d'],
      ['c', 'default', '/d', 'external', 'ingress test/d'],
      [undefined, 'default', '/all', 'external', 'ingress test/all'],
    ]);
  });

  it('shows a prefix without text as that of all paths', () => {
    const rules = [routeRule('a', '/*', '/web', { path: { type: 'prefix', value: '' } })];
    assert.equal(tableOf({ rules }).routes()[0]?.path, '/*');
    assert.equal(answerOf(tableOf({ rules }), ask('a', '/x/y')), '/svc/web');
  });
});

describe('route table that replaces another', () => {
  const a = routeRule('a', '/*', '/a');
  const b = routeRule('b', '/*', '/b');

  it('keeps the routes of hosts whose rules are the same', () => {
    const before = tableOf({ rules: [a, b] });
    const after = tableOf({ rules: [a, { ...b, backend: parsePath('/new') }] }, { previous: before });
    assert.equal(after.identify(ask('a'), PLAIN), before.identify(ask('a'), PLAIN));
    assert.equal(answerOf(after, ask('b')), '/svc/new');
    assert.equal(answerOf(before, ask('b')), '/svc/b');
  });

  it('has nothing of what is gone, and what came', () => {
    const before = tableOf({ rules: [a, b], defaults: [defaultRoute(undefined, '/d')] });
    const after = tableOf(
      { rules: [a, routeRule('a', '/x*', '/x')], defaults: [defaultRoute(['a'], '/e')] },
      { previous: before },
    );
    assert.equal(answerOf(after, ask('a', '/x')), '/svc/x');
    assert.equal(answerOf(after, ask('b')), NONE);
    const last = tableOf(
      { rules: [routeRule('a', '/x*', '/x')], defaults: [defaultRoute(['a'], '/e')] },
      { previous: after },
    );
    assert.equal(answerOf(last, ask('a', '/y')), '/svc/e');
  });

  it('keeps the rules of a host whose default changed', () => {
    const rules = [routeRule('a', '/x*', '/x')];
    const before = tableOf({ rules, defaults: [defaultRoute(['a'], '/d')] });
    const after = tableOf({ rules, defaults: [defaultRoute(['a'], '/e')] }, { previous: before });
    assert.equal(after.identify(ask('a', '/x'), PLAIN), before.identify(ask('a', '/x'), PLAIN));
    assert.equal(answerOf(after, ask('a', '/y')), '/svc/e');
  });
});
