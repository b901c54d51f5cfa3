import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { effect } from '@preact/signals-core';
import { constant, type State } from '../../../src/base/activity.js';
import { type Bound, showAddress } from '../../../src/base/addr.js';
import type { Closable } from '../../../src/base/closable.js';
import { MetricsScope } from '../../../src/base/metrics.js';
import { parsePath } from '../../../src/base/name-grammar.js';
import { leaf, type NameTree } from '../../../src/base/name-tree.js';
import { Path } from '../../../src/base/path.js';
import { seededRandom } from '../../../src/base/random.js';
import { makeSystemNamer } from '../../../src/naming/built-in-namers.js';
import type { Name, SystemNamer, SystemNamerKind } from '../../../src/naming/namer.js';
import { FakeHostResolver, settled } from '../../support/fake-host-resolver.js';
import { ManualClock } from '../../support/manual-clock.js';

describe('system namer', () => {
  let clock: ManualClock;
  let resolver: FakeHostResolver;
  let namer: SystemNamer & Closable;
  const made = { count: 0, closed: 0 };
  const more: readonly SystemNamerKind[] = [
    {
      name: 'io.test.registry',
      make: () => {
        made.count += 1;
        return {
          lookup: (path) => constant(leaf<Name>({ type: 'path', path: parsePath('/asked').concat(path) })),
          close: () => {
            made.closed += 1;
          },
        };
      },
    },
  ];

  beforeEach(() => {
    clock = new ManualClock();
    resolver = new FakeHostResolver();
    namer = makeSystemNamer({ clock, random: seededRandom(1), metrics: new MetricsScope(), resolver, more });
  });
  afterEach(() => namer.close());

  const lookup = (path: string): State<NameTree<Name>> => namer.lookup(parsePath(path)).peek();

  const show = (path: string): string => {
    const now = lookup(path);
    if (now.state === 'failed') return `error ${now.error.message}`;
    if (now.state === 'pending') return now.state;
    if (now.value.type !== 'leaf') return now.value.type;
    const name = now.value.value;
    if (name.type === 'path') return `path ${name.path.show()}`;
    return `bound ${name.bound.id.show()} residual ${name.bound.residual.show()}`;
  };

  const bound = (path: string): Bound => {
    const now = lookup(path);
    assert.ok(now.state === 'ok' && now.value.type === 'leaf' && now.value.value.type === 'bound', show(path));
    return now.value.value.bound;
  };

  /** The addresses of a bound path once they are known. */
  const addresses = async (path: string): Promise<string> => {
    const { addr } = bound(path);
    let text = '';
    const stop = effect(() => {
      const now = addr.value;
      text = now.state === 'bound' ? now.addresses.map(showAddress).join(' ') : now.state;
      if (now.state === 'failed') text = `failed ${now.error.message}`;
    });
    await settled();
    stop();
    return text;
  };

  /** Observes the addresses until the namer is closed. */
  const keep = ({ addr }: Bound): void => {
    effect(() => void addr.value);
  };

  const unknown = (name: string, path: string): string => `error Unknown namer: ${name} for path: ${path}`;

  const rows: [path: string, expected: string][] = [
    ['/', 'neg'],
    ['/$', 'neg'],
    ['/svc/web', 'neg'],
    ['/#/io.l5d.fs/web', 'neg'],
    ['/$/inet/web/80', 'bound /$/inet/web/80 residual /'],
    ['/$/inet/web/80/r/s', 'bound /$/inet/web/80 residual /r/s'],
    ['/$/inet/127.1/8888', 'bound /$/inet/127.1/8888 residual /'],
    ['/$/inet/8080', 'bound /$/inet/8080 residual /'],
    ['/$/inet/8080/r', 'bound /$/inet/8080 residual /r'],
    ['/$/inet', unknown('inet', '/$/inet')],
    ['/$/inet/web', unknown('inet', '/$/inet/web')],
    ['/$/inet/host/notanumber', unknown('inet', '/$/inet/host/notanumber')],
    ['/$/fixedinet/web/80/r', 'bound /$/fixedinet/web/80 residual /r'],
    ['/$/fixedinet/8080', 'bound /$/fixedinet/8080 residual /'],
    ['/$/fixedinet/web', unknown('fixedinet', '/$/fixedinet/web')],
    ['/$/fail', 'fail'],
    ['/$/fail/x/y', 'fail'],
    ['/$/nil', 'empty'],
    ['/$/nil/x/y', 'empty'],
    ['/$/io.buoyant.rinet/80/localhost/x', 'bound /$/io.buoyant.rinet/80/localhost residual /x'],
    ['/$/io.buoyant.rinet/http/localhost', 'bound /$/io.buoyant.rinet/http/localhost residual /'],
    ['/$/io.buoyant.rinet/80', 'neg'],
    ['/$/io.buoyant.rinet', 'neg'],
    ['/$/io.buoyant.http.status/404/r', 'bound /$/io.buoyant.http.status/404 residual /r'],
    ['/$/io.buoyant.http.status/99', 'neg'],
    ['/$/io.buoyant.http.status/600', 'neg'],
    ['/$/io.buoyant.http.status/1000', 'neg'],
    ['/$/io.buoyant.http.status/ok', 'neg'],
    ['/$/io.buoyant.http.status', 'neg'],
    ['/$/io.buoyant.http.anyMethod/GET/r', 'path /r'],
    ['/$/io.buoyant.http.anyMethod/get/r', 'neg'],
    ['/$/io.buoyant.http.anyMethod', 'neg'],
    ['/$/io.buoyant.hostportPfx/x/h:80/e', 'path /x/h/80/e'],
    ['/$/io.buoyant.http.subdomainOfPfx/b.io/pfx/a.c.b.io:8080/r', 'path /pfx/a.c/r'],
    [
      '/$/io.buoyant.hostportPfx/x/:80',
      'error Cannot rewrite "/$/io.buoyant.hostportPfx/x/:80": a path element may not be empty',
    ],
    ['/$/nonsense', unknown('nonsense', '/$/nonsense')],
    ['/$/io.buoyant.nope/a/b', unknown('io.buoyant.nope', '/$/io.buoyant.nope/a/b')],
  ];
  for (const [path, expected] of rows) {
    it(`answers ${path} with ${expected}`, () => {
      assert.equal(show(path), expected);
    });
  }

  it('gives a name of its own to a namer that speaks to a registry, made when it is first asked and closed with it', async () => {
    assert.deepEqual([made.count, made.closed], [0, 0]);
    assert.equal(show('/$/io.test.registry/a/b'), 'path /asked/$/io.test.registry/a/b');
    assert.equal(show('/$/io.test.registry/c'), 'path /asked/$/io.test.registry/c');
    assert.deepEqual([made.count, made.closed], [1, 0]);
    await namer.close();
    assert.equal(made.closed, 1);
  });

  it('shows the escapes of an unknown name', () => {
    const now = namer.lookup(new Path(['$', 'a b'])).peek();
    assert.ok(now.state === 'failed');
    assert.equal(now.error.message, 'Unknown namer: \\x61\\x20\\x62 for path: /$/\\x61\\x20\\x62');
  });

  it('resolves hosts of inet, fixedinet and rinet', async () => {
    resolver.answers.set('web', ['10.0.0.1']);
    assert.equal(await addresses('/$/inet/web/80'), '10.0.0.1:80');
    assert.equal(await addresses('/$/fixedinet/web/80'), '10.0.0.1:80');
    assert.equal(await addresses('/$/io.buoyant.rinet/80/web'), '10.0.0.1:80');
  });

  it('takes this host for an inet without host, and the short form of an IPv4 address', async () => {
    assert.equal(await addresses('/$/inet/8080'), '127.0.0.1:8080');
    assert.equal(await addresses('/$/inet/127.1/8888'), '127.0.0.1:8888');
  });

  it('is Neg in the addresses, not in the tree, for an unknown host', async () => {
    assert.equal(await addresses('/$/inet/nowhere/80'), 'neg');
  });

  it('gives an error in the addresses for a port that is none', async () => {
    assert.match(await addresses('/$/io.buoyant.rinet/http/localhost'), /^failed .*port NaN is not in 1-65535$/);
    assert.match(await addresses('/$/inet/localhost/65536'), /^failed .*port 65536 is not in 1-65535$/);
  });

  it('looks up inet again every 5 s, fixedinet once', async () => {
    resolver.answers.set('a', ['10.0.0.1']);
    resolver.answers.set('b', ['10.0.0.1']);
    for (const path of ['/$/inet/a/80', '/$/fixedinet/b/80']) keep(bound(path));
    await settled();
    clock.advance(5000);
    await settled();
    assert.deepEqual(resolver.asked, ['a', 'b', 'a']);
  });

  for (const status of [100, 200, 503, 599]) {
    it(`makes a status namer of ${status} a name that no endpoint serves`, () => {
      const name = bound(`/$/io.buoyant.http.status/${status}`);
      assert.deepEqual(name.synthetic, { status });
      assert.deepEqual(name.addr.peek(), { state: 'bound', addresses: [], meta: {} });
    });
  }

  it('leaves the status out of every other name', () => {
    assert.equal('synthetic' in bound('/$/inet/web/80'), false);
  });

  it('ends lookups and closes the resolver when closed', async () => {
    keep(bound('/$/inet/a/80'));
    await namer.close();
    await settled();
    assert.equal(clock.pendingTimers, 0);
    assert.ok(resolver.closed);
  });
});
