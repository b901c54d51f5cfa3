import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { EMPTY_PATH, pathFromText } from '../../../src/base/path.js';
import { Route, Unidentified } from '../../../src/identifier/identifier.js';
import type { DefaultRoute, RoutePath, RouteRule, RouteSet } from '../../../src/identifier/route-rule.js';
import { makeRouteTable } from '../../../src/identifier/route-table.js';
import { ORIGIN } from '../../support/identify.js';
import { requestHead } from '../../support/requests.js';
import { defaultRoute, routePath, routeRule } from '../../support/route-rules.js';

/** Names a `GET` of `host` and `target` by a table of `set`: the backend's text, undefined for none. */
function nameOf(set: Partial<RouteSet>, host: string, target: string): string | undefined {
  const whole = { rules: [], defaults: [], ownedHosts: [], ...set };
  const table = makeRouteTable(whole, { dstPrefix: EMPTY_PATH, exposure: 'internal', random: Math.random });
  const answer = table.identify(requestHead([['Host', host]], { target }), ORIGIN);
  if (answer instanceof Unidentified) return undefined;
  assert.ok(answer instanceof Route);
  return answer.name.show();
}

/** Rules of one host, each named by its place. */
function rulesOf(paths: readonly string[]): RouteRule[] {
  return paths.map((path, i) => routeRule('a', path, `/${i}`));
}

describe('route table, path', () => {
  for (const [what, paths, targets] of [
    [
      'exact takes the very path',
      ['= /a'],
      { '/a': 0, '/a?q': 0, '/a/': undefined, '/a/b': undefined, '/A': undefined, '/': undefined },
    ],
    ['exact of a slash takes the root alone', ['= /'], { '/': 0, '/?q=/x': 0, '/a': undefined }],
    ['exact with a slash at its end is another', ['= /a/'], { '/a/': 0, '/a': undefined, '/a//': undefined }],
    [
      'prefix takes whole elements',
      ['/a*'],
      { '/a': 0, '/a/': 0, '/a/b': 0, '/a//b': 0, '/a?q': 0, '/ab': undefined, '/': undefined, '/b/a': undefined },
    ],
    ['prefix is the same with a slash at its end', ['/a/*'], { '/a': 0, '/a/': 0, '/a/b': 0, '/ab': undefined }],
    ['prefix of a slash takes all', ['/*'], { '/': 0, '/a': 0, '//': 0, '/?q': 0, '/a/b/c': 0 }],
    [
      'longest prefix first, whatever the order',
      ['/*', '/a*', '/a/b*'],
      { '/a/b/c': 2, '/a/b': 2, '/a/bc': 1, '/a': 1, '/b': 0 },
    ],
    ['longest prefix first, the other way round', ['/a/b*', '/a*', '/*'], { '/a/b/c': 0, '/a/bc': 1, '/b': 2 }],
    ['exact before prefix of the same length', ['/a*', '= /a'], { '/a': 1, '/a/': 0, '/a?q': 1 }],
    ['of equal ones the first', ['/a*', '/a/*', '= /b', '= /b', '~ /c.', '~ /c.'], { '/a/x': 0, '/b': 2, '/cx': 4 }],
    ['regex matches the whole path', ['~ /a'], { '/a': 0, '/a?q': 0, '/ab': undefined, '/x/a': undefined }],
    ['regex sees no query', ['~ /a.*x'], { '/ax': 0, '/a?x': undefined, '/abx?q': 0 }],
    ['longest regex first', ['~ /.*', '~ /a/.*', '~ /a/b.*'], { '/a/bc': 2, '/a/c': 1, '/c': 0 }],
    ['regex before a shorter prefix', ['/a*', '~ /a/.*'], { '/a/b': 1, '/a': 0 }],
    ['regex after a longer prefix', ['/a/b/c/d*', '~ /a/.*'], { '/a/b/c/d': 0, '/a/b/c': 1 }],
    [
      'regex after a prefix and an exact path of the same length',
      ['~ /a.', '/aa*', '~ /b.', '= /bb'],
      { '/aa': 1, '/bb': 3, '/ac': 0 },
    ],
    ['regex with groups', ['~ /(a|b)/([0-9]+)'], { '/a/1': 0, '/c/1': undefined }],
    ['a longer regex that does not match leaves it to others', ['~ /a/[0-9]+/x', '~ /.*', '/a*'], { '/a/b': 1 }],
    [
      'what is encoded is as it is',
      ['/a%2Fb*', '= /%41', '/a*'],
      { '/a%2Fb/c': 0, '/a/b': 2, '/A': undefined, '/a%2fb': undefined },
    ],
    ['empty elements are elements', ['/a//b*', '= //', '/a*'], { '/a//b/c': 0, '/a/b': 2, '//': 1, '/a///b': 2 }],
    ['two slashes at the end of a prefix are one', ['/a//*', '/a*'], { '/a/': 0, '/a//': 0, '/a': 1, '/a/b': 1 }],
    ['of two slashes is a prefix of its own', ['/*', '//*'], { '/': 1, '//': 1, '//a': 1, '/a': 0 }],
    ['dot segments are as they are', ['/a*', '/b*'], { '/a/../b': 0, '/./b': undefined }],
    [
      'names of the language are elements',
      ['/__proto__*', '= /constructor'],
      { '/__proto__/x': 0, '/constructor': 1, '/toString': undefined },
    ],
  ] as const) {
    it(what, () => {
      for (const [target, expected] of Object.entries(targets as Record<string, number | undefined>)) {
        const name = nameOf({ rules: rulesOf(paths) }, 'a', target);
        assert.equal(name, expected === undefined ? undefined : `/${expected}`, target);
      }
    });
  }

  it('* of OPTIONS and the host of CONNECT are taken by the prefix of all paths alone', () => {
    const others = rulesOf(['~ .*', '/a*', '= /a', '~ .+:1']);
    for (const target of ['*', 'a:1']) {
      assert.equal(nameOf({ rules: others }, 'a', target), undefined);
      assert.equal(nameOf({ rules: [...others, routeRule('a', '/*', '/all')] }, 'a', target), '/all');
    }
  });

  it('is found among 10,000 of one host', () => {
    const kindOf = (i: number): number => (i % 10 === 0 ? 2 : i % 2);
    const paths = Array.from({ length: 10_000 }, (_, i) => [`/p${i}*`, `= /p${i}/x`, `~ /p${i}/[a-z]+/z`][kindOf(i)]);
    const rules = rulesOf(paths as string[]);
    const random = (): number => assert.fail('chance was asked');
    const { identify } = makeRouteTable(
      { rules, defaults: [], ownedHosts: [] },
      { dstPrefix: EMPTY_PATH, exposure: 'external', random },
    );
    for (const [i, { backend }] of rules.entries()) {
      const target = [`/p${i}/a/b`, `/p${i}/x`, `/p${i}/abc/z`][kindOf(i)] as string;
      const answer = identify(requestHead([['Host', 'a']], { target }), ORIGIN);
      assert.ok(answer instanceof Route && answer.name.equals(backend), target);
    }
  });

  it('of very many elements ends', () => {
    assert.equal(nameOf({ rules: rulesOf(['/*', '/a/a/a*']) }, 'a', '/a'.repeat(50_000)), '/1');
  });

  it('is refused when expressions that were written to cost much would take it too long', () => {
    const rules = rulesOf(Array.from({ length: 50 }, (_, i) => `~ (.*x${i}.*){40}`));
    assert.equal(nameOf({ rules }, 'a', '/short'), undefined);
    assert.throws(() => nameOf({ rules }, 'a', `/${'a'.repeat(4000)}`), {
      name: 'GatewayError',
      code: 'request-line-too-long',
      message: 'a path of 4001 characters is too long for the regular expressions of its host',
    });
  });
});

describe('route table', () => {
  it('answers what a plain reading of the rules answers', () => {
    const element = fc.constantFrom('a', 'b', 'ab', '', 'a.b');
    const path = fc.array(element, { maxLength: 3 }).map((elements) => `/${elements.join('/')}`);
    const pattern = fc.oneof(
      path.map((value) => routePath(`= ${value}`)),
      path.map((value) => routePath(`${value}*`)),
      path.chain((value) => fc.constantFrom('.*', '[ab]', '(/b)?', '').map((tail) => routePath(`~ ${value}${tail}`))),
    );
    const ruleHost = fc.constantFrom('a.x', 'b.x', '*.x', '*.a.x', undefined);
    const exposure = fc.constantFrom('external', 'internal');
    const rules = fc
      .array(fc.tuple(ruleHost, pattern, exposure), { maxLength: 8 })
      .map((given) => given.map(([host, path, exposure], i) => routeRule(host, '/*', `/r${i}`, { path, exposure })));
    const defaults = fc
      .array(
        fc.tuple(
          fc.option(fc.array(fc.constantFrom('a.x', '*.x', 'c.x'), { minLength: 1, maxLength: 2 }), { nil: undefined }),
          exposure,
        ),
        { maxLength: 3 },
      )
      .map((given) => given.map(([hosts, exposure], i) => defaultRoute(hosts, `/d${i}`, { exposure })));
    const ownedHosts = fc.subarray(['a.x', 'd.x', '*.x']);
    const requestHost = fc.constantFrom(
      'a.x',
      'A.X:80',
      'b.x.',
      'c.x',
      'd.x',
      'y.a.x',
      'z',
      '[::1]:80',
      '.x',
      undefined,
    );
    fc.assert(
      fc.property(
        rules,
        defaults,
        ownedHosts,
        exposure,
        requestHost,
        path,
        (rules, defaults, ownedHosts, exposure, host, target) => {
          const set = { rules, defaults, ownedHosts };
          const options = { dstPrefix: pathFromText('svc'), exposure, random: Math.random } as const;
          const fresh = makeRouteTable(set, options);
          // Some of its hosts are those of the table before, some are not.
          const replaced = makeRouteTable(set, {
            ...options,
            previous: makeRouteTable({ ...set, rules: rules.slice(1) }, options),
          });
          const expected = plainReading(set, exposure, host, target);
          for (const { identify } of [fresh, replaced]) {
            const answer = identify(
              requestHead(host === undefined ? [] : [['Host', host]], { target: `${target}?q` }),
              ORIGIN,
            );
            assert.equal(answer instanceof Route ? answer.name.show() : undefined, expected && `/svc${expected}`);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});

/** All rules and all defaults, one by one. */
function plainReading(
  { rules, defaults, ownedHosts }: RouteSet,
  exposure: 'external' | 'internal',
  hostHeader: string | undefined,
  target: string,
): string | undefined {
  const isServed = (route: RouteRule | DefaultRoute) => exposure === 'internal' || route.exposure === 'external';
  const name = hostHeader?.replace(/:\d+$/, '').replace(/\.$/, '').toLowerCase();
  const wildcard = name !== undefined && /^[^.]+\./.test(name) ? name.replace(/^[^.]+/, '*') : undefined;
  const isNamed = (host: string | undefined) =>
    rules.some((rule) => isServed(rule) && rule.host === host) ||
    defaults.some((route) => isServed(route) && host !== undefined && route.hosts?.includes(host)) ||
    (host !== undefined && ownedHosts.includes(host));
  const host = [name, wildcard].find((candidate) => candidate !== undefined && isNamed(candidate));
  const taking = rules.filter((rule) => isServed(rule) && rule.host === host && takes(rule.path, target));
  const rank = ['exact', 'prefix', 'regex'];
  const [best] = taking.toSorted(
    (a, b) =>
      length(b.path) - length(a.path) ||
      rank.indexOf(a.path.type) - rank.indexOf(b.path.type) ||
      // Both have one character, and `//` is the prefix of fewer paths.
      Number(a.path.value === '/') - Number(b.path.value === '/'),
  );
  if (best) return best.backend.show();
  const ofHost = (wanted: string | undefined) =>
    defaults.find((route) => isServed(route) && wanted !== undefined && route.hosts?.includes(wanted));
  if (host !== undefined && ownedHosts.includes(host)) return ofHost(host)?.backend.show();
  const forAll = defaults.find((route) => isServed(route) && route.hosts === undefined);
  return (ofHost(host) ?? (host === undefined ? undefined : ofHost(wildcard)) ?? forAll)?.backend.show();
}

function takes(path: RoutePath, target: string): boolean {
  if (path.type === 'exact') return path.value === target;
  if (path.type === 'regex') return new RegExp(`^(?:${path.value})$`).test(target);
  const prefix = path.value.replace(/\/$/, '');
  return target === prefix || target.startsWith(`${prefix}/`);
}

/** A slash at the end of a prefix does not count, but for the root. */
function length({ type, value }: RoutePath): number {
  return type === 'prefix' && value.length > 1 ? value.replace(/\/$/, '').length : value.length;
}
