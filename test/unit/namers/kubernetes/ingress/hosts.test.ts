import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { covers, parseRouteHost, wildcardOf } from '../../../../../namers/kubernetes/ingress/route-host.js';
import { backend, compile, ingress } from '../../../../support/ingress-scene.js';

describe('parseRouteHost', () => {
  it('takes names and wildcards of the first label, in lower case', () => {
    for (const [written, host] of [
      ['shop.example.com', 'shop.example.com'],
      ['Shop.EXAMPLE.com', 'shop.example.com'],
      ['*.Example.com', '*.example.com'],
      ['localhost', 'localhost'],
      ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ] as const) {
      assert.equal(parseRouteHost(written), host);
    }
  });

  it('says what anything else is', () => {
    for (const [written, is] of [
      ['10.0.0.1', 'an IP address'],
      ['::1', 'an IP address'],
      ['[::1]', 'an IP address'],
      ['shop.example.com:8080', 'a name with a port'],
      ['shop..com', 'a name with an empty label'],
      ['.example.com', 'a name with an empty label'],
      ['shop.example.com.', 'a name with an empty label'],
      ['*', 'no wildcard that there is'],
      ['*.*.example.com', 'no wildcard that there is'],
      ['a*.example.com', 'no wildcard that there is'],
      ['shop_1.example.com', 'no DNS name'],
      ['bücher.example', 'no DNS name'],
      ['shop.example.com/x', 'no DNS name'],
      [`${'a'.repeat(64)}.com`, 'no DNS name'],
      ['10.0.0.300', 'an IP address'],
      ['shop.123', 'no DNS name'],
    ] as const) {
      assert.throws(
        () => parseRouteHost(written),
        (error: Error) => {
          assert.ok(error.message.includes(`is ${is}`), error.message);
          assert.ok(
            error.message.endsWith(', want a DNS name such as shop.example.com or *.example.com'),
            error.message,
          );
          return true;
        },
      );
    }
  });

  it('has wildcards that are for one label', () => {
    assert.equal(wildcardOf('a.example.com'), '*.example.com');
    assert.equal(wildcardOf('localhost'), '');
    assert.equal(covers('*.example.com', 'a.example.com'), true);
    assert.equal(covers('*.example.com', '*.example.com'), true);
    assert.equal(covers('*.example.com', 'a.b.example.com'), false);
    assert.equal(covers('*.example.com', 'example.com'), false);
    assert.equal(covers('a.example.com', '*.example.com'), false);
  });
});

describe('a rule with a host that is none', () => {
  it('is left out alone', () => {
    const seen = compile([ingress('web', { routes: ['10.0.0.1/a', 'Good.example.com/b', 'x:80/c'] })]);
    assert.deepEqual(seen.rules, ['good.example.com prefix /b -> /shop/80/web']);
    assert.deepEqual(seen.messages('web'), [
      'spec.rules[0]: host "10.0.0.1" is an IP address, want a DNS name such as shop.example.com or *.example.com; the rule is left out',
      'spec.rules[2]: host "x:80" is a name with a port, want a DNS name such as shop.example.com or *.example.com; the rule is left out',
    ]);
  });
});

describe('hostOwnership first', () => {
  const two = (older: string, younger: string, namespaces = ['a', 'b']) =>
    compile([
      ingress(`${namespaces[1]}/younger`, { routes: [younger], age: 2 }),
      ingress(`${namespaces[0]}/older`, { routes: [older], age: 1 }),
    ]);

  it('gives a host to the namespace of the oldest Ingress that names it', () => {
    const seen = two('x.example.com/a', 'x.example.com/b');
    assert.deepEqual(seen.rules, ['x.example.com prefix /a -> /a/80/web']);
    assert.deepEqual(seen.verdict('b/younger'), {
      accepted: true,
      isServed: false,
      problems: [
        {
          reason: 'HostOwned',
          message:
            'host x.example.com belongs to namespace a (ingress a/older comes first, by age, then name); what is for it is left out while hostOwnership is first',
        },
      ],
    });
    assert.deepEqual(seen.compiled.routes.ownedHosts, ['x.example.com']);
  });

  it('lets a namespace have its own host in several Ingresses', () => {
    const seen = two('x.example.com/a', 'x.example.com/b', ['a', 'a']);
    assert.deepEqual(seen.rules, ['x.example.com prefix /a -> /a/80/web', 'x.example.com prefix /b -> /a/80/web']);
    assert.deepEqual(seen.reasons('a/younger'), []);
  });

  it('goes by name when two are of the same age', () => {
    const routes = ['x.example.com/'];
    const seen = compile([ingress('b/web', { routes }), ingress('a/web2', { routes }), ingress('a/web1', { routes })]);
    assert.deepEqual(seen.rules, ['x.example.com prefix / -> /a/80/web']);
    assert.deepEqual(seen.reasons('a/web1'), []);
    assert.deepEqual(seen.reasons('a/web2'), ['DuplicatePath']);
    assert.deepEqual(seen.reasons('b/web'), ['HostOwned']);
  });

  it('keeps a younger wildcard off hosts of another namespace, and younger hosts out of a wildcard', () => {
    const below = two('*.example.com/', 'x.example.com/');
    assert.deepEqual(below.rules, ['*.example.com prefix / -> /a/80/web']);
    assert.match(below.messages('b/younger')[0] ?? '', /ingress a\/older, through \*\.example\.com comes first/);
    const above = two('x.example.com/', '*.example.com/');
    assert.deepEqual(above.rules, ['x.example.com prefix / -> /a/80/web']);
    assert.match(above.messages('b/younger')[0] ?? '', /ingress a\/older, through x\.example\.com comes first/);
    assert.deepEqual(two('*.example.com/', 'x.example.com/', ['a', 'a']).rules.length, 2);
  });

  it('finds the other namespace among many hosts below a wildcard', () => {
    const seen = compile([
      ingress('b/web', { routes: ['x.example.com/', 'y.example.com/'], age: 1 }),
      ingress('a/web', { routes: ['z.example.com/'], age: 2 }),
      ingress('b/wild', { routes: ['*.example.com/'], age: 3 }),
    ]);
    assert.deepEqual(seen.reasons('b/wild'), ['HostOwned']);
  });

  it('leaves hosts further below a wildcard alone, since it is for one label', () => {
    assert.equal(two('*.example.com/', 'x.y.example.com/').rules.length, 2);
    assert.equal(two('*.example.com/', 'example.com/').rules.length, 2);
    assert.equal(two('*.example.com/', '*.y.example.com/').rules.length, 2);
  });

  it('gives rules without a host to one namespace, beside the hosts of others', () => {
    const seen = compile([
      ingress('a/web', { routes: ['/a'], age: 1 }),
      ingress('b/web', { routes: ['/b', 'x.example.com/'], age: 2 }),
    ]);
    assert.deepEqual(seen.rules, ['* prefix /a -> /a/80/web', 'x.example.com prefix / -> /b/80/web']);
    assert.match(
      seen.messages('b/web')[0] ?? '',
      /^rules and default backends without a host belong to namespace a \(/,
    );
  });

  it('counts a default backend without any rule as one for any host', () => {
    const seen = compile([
      ingress('a/web', { spec: { defaultBackend: backend('fallback') }, age: 1 }),
      ingress('b/web', { routes: ['/b'], age: 2 }),
    ]);
    assert.deepEqual(seen.rules, []);
    assert.deepEqual(seen.reasons('b/web'), ['HostOwned']);
  });

  it('leaves hosts with an Ingress that is not served because of a mistake', () => {
    const seen = compile([
      ingress('a/web', { routes: ['x.example.com/'], annotations: { exposre: 'internal' }, age: 1 }),
      ingress('b/web', { routes: ['x.example.com/'], age: 2 }),
    ]);
    assert.deepEqual(seen.rules, []);
    assert.deepEqual(seen.reasons('b/web'), ['HostOwned']);
    assert.deepEqual(seen.compiled.routes.ownedHosts, ['x.example.com'], 'nothing without a host may answer for it');
  });

  it('hands a host on when its owner goes', () => {
    const younger = ingress('b/web', { routes: ['x.example.com/'], age: 2 });
    assert.deepEqual(compile([younger]).rules, ['x.example.com prefix / -> /b/80/web']);
  });
});

describe('hostOwnership shared', () => {
  it('checks nothing, and owns nothing', () => {
    const seen = compile(
      [
        ingress('a/web', { routes: ['x.example.com/a', '/'], age: 1 }),
        ingress('b/web', { routes: ['x.example.com/b', '*.example.com/', '/b'], age: 2 }),
      ],
      { hostOwnership: 'shared' },
    );
    assert.equal(seen.rules.length, 5);
    assert.deepEqual(seen.reasons('b/web'), []);
    assert.deepEqual(seen.compiled.routes.ownedHosts, []);
  });
});
