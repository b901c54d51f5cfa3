import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { signal } from '@preact/signals-core';
import { constant } from '../../../src/base/activity.js';
import { ADDR_PENDING } from '../../../src/base/addr.js';
import { parseAddressRanges } from '../../../src/base/address-ranges.js';
import { MetricsScope } from '../../../src/base/metrics.js';
import { parseDtab, parsePath } from '../../../src/base/name-grammar.js';
import { NEG } from '../../../src/base/name-tree.js';
import { EMPTY_PATH, Path } from '../../../src/base/path.js';
import type { ExposedListener, HostReport, ListenerReport, NameReport } from '../../../src/exposure/exposure.js';
import { exposureReport } from '../../../src/exposure/exposure-report.js';
import {
  type Identifier,
  Redirect,
  Route,
  type RouteSource,
  type ShownRoute,
  Unidentified,
} from '../../../src/identifier/identifier.js';
import { makeDenyAddresses } from '../../../src/naming/deny-addresses.js';
import { makeDtabInterpreter } from '../../../src/naming/dtab-interpreter.js';
import type { SystemNamer } from '../../../src/naming/namer.js';
import type { PublishedHost } from '../../../src/naming/publication.js';
import { FakeNamer } from '../../support/fake-namer.js';
import { ManualClock } from '../../support/manual-clock.js';

const EXT = parsePath('/ext');
const system: SystemNamer = { lookup: () => constant(NEG) };
const denied = makeDenyAddresses({
  ranges: parseAddressRanges(['169.254.0.0/16']),
  admin: undefined,
  prefix: parsePath('/%/linkgate.external'),
  metrics: new MetricsScope(),
});

/** As io.l5d.header.token does with Host. */
const byHost: Identifier = ({ headers }) => EXT.concat(new Path([headers.get('host') ?? '']));
/** As io.l5d.path does. */
const byPath: Identifier = ({ target }) => {
  const [, first = ''] = target.split('/');
  return first === '' ? new Unidentified('not enough segments in path') : EXT.concat(new Path([first]));
};

describe('exposure report', () => {
  let namer: FakeNamer;
  let clock: ManualClock;
  beforeEach(() => {
    namer = new FakeNamer('/#/fs');
    clock = new ManualClock();
  });

  interface Given extends Partial<ExposedListener> {
    readonly rules?: string;
    readonly hosts?: readonly string[];
  }

  const listenerOf = ({ rules = '', hosts = [], ...overrides }: Given): ExposedListener => {
    const dtab = parseDtab(rules);
    return {
      address: '0.0.0.0:443',
      router: 'edge',
      protocol: 'http',
      dstPrefix: EXT,
      internalPrefix: parsePath('/svc'),
      externalHosts: hosts,
      denyAddresses: ['169.254.0.0/16'],
      publishers: [],
      sources: [],
      identify: byHost,
      interpreter: makeDtabInterpreter({ namers: [namer], system, dtab: constant(dtab) }),
      dtab,
      denied,
      ...overrides,
    };
  };
  const report = async (given: Given): Promise<ListenerReport> => {
    const { listeners, unanswered } = await exposureReport({
      listeners: [listenerOf(given)],
      clock,
      timeoutMs: 1000,
    });
    assert.deepEqual(unanswered, []);
    return listeners[0] ?? assert.fail('no listener');
  };
  /** `name: outcome id=addresses-denied …`, targets that are not in use in brackets. */
  const show = ({ path, by, name, outcome, note, targets }: NameReport): string => {
    const shown = targets.map(({ id, inUse, addresses, denied: no }) => {
      const text = `${id}=${addresses}${no > 0 ? `-${no}` : ''}`;
      return inUse ? text : `[${text}]`;
    });
    const request = [path, ...(by === null ? [] : [by])].join(' ');
    return [request, `${name ?? 'no name'}:`, outcome, ...(note === null ? [] : [`(${note})`]), ...shown].join(' ');
  };
  const namesOf = ({ hosts }: ListenerReport): Record<string, readonly string[]> =>
    Object.fromEntries(hosts.map(({ host, names }: HostReport) => [host, names.map(show)]));

  it('names who publishes each host, what it is called, and what that leads to', async () => {
    namer.exists('/shop', '10.0.0.1:80', '10.0.0.2:80');
    const published = signal<readonly PublishedHost[]>([
      { host: 'shop.example.com', by: 'Consul c:8500 service shop' },
      { host: 'api.example.com', by: 'ingress a/b' },
    ]);
    const found = await report({
      rules: '/svc => /#/fs; /ext/shop.example.com => /svc/shop',
      hosts: ['shop.example.com'],
      publishers: [{ published, pending: () => undefined }],
    });
    assert.deepEqual(
      found.hosts.map(({ host, publishedBy }) => [host, ...publishedBy]),
      [
        ['api.example.com', 'ingress a/b'],
        ['shop.example.com', 'externalHosts', 'Consul c:8500 service shop'],
      ],
    );
    assert.deepEqual(namesOf(found), {
      'api.example.com': ['* /ext/api.example.com: nothing'],
      'shop.example.com': ['* /ext/shop.example.com: reached /#/fs/shop=2'],
    });
    assert.deepEqual([found.router, found.listener, found.dstPrefix], ['edge', '0.0.0.0:443', '/ext']);
    assert.deepEqual(found.denyAddresses, ['169.254.0.0/16']);
    assert.deepEqual([found.deadRules, found.warnings], [[], []]);
  });

  it('counts the addresses that callers outside are kept from', async () => {
    namer.exists('/shop', '10.0.0.1:80', '169.254.169.254:80');
    const found = await report({ rules: '/ext/shop => /#/fs/shop', hosts: ['shop'] });
    assert.deepEqual(namesOf(found), { shop: ['* /ext/shop: reached /#/fs/shop=1-1'] });
  });

  it('shows what would be reached when what is in use is gone', async () => {
    namer.exists('/new', '10.0.0.1:80');
    namer.exists('/old', '10.0.0.2:80');
    const found = await report({
      rules: '/ext/shop => /#/fs/old; /ext/shop => /#/fs/new | /#/fs/none',
      hosts: ['shop'],
    });
    assert.deepEqual(namesOf(found), { shop: ['* /ext/shop: reached /#/fs/new=1 [/#/fs/old=1]'] });
  });

  it('tries hosts that rules speak of in the place of a wildcard', async () => {
    namer.exists('/v1', '10.0.0.1:80');
    const rules = '/ext/v1.api.example.com => /#/fs/v1; /ext/a.b.api.example.com => /#/fs/v1';
    const found = await report({ rules, hosts: ['*.api.example.com'] });
    assert.deepEqual(namesOf(found), {
      '*.api.example.com': [
        '* Host: any.api.example.com /ext/any.api.example.com: nothing',
        '* Host: v1.api.example.com /ext/v1.api.example.com: reached /#/fs/v1=1',
      ],
    });
    assert.deepEqual(found.deadRules, ['/ext/a.b.api.example.com=>/#/fs/v1']);
  });

  it('lists rules that no published host gets to, and none that some method of it may', async () => {
    const rules =
      '/svc => /#/fs; /ext/GET/shop => /svc/a; /ext/POST/shop => /svc/b; /ext/*/gone => /svc/c; /ext/* => /svc/d';
    const identify: Identifier = ({ method, headers }) => EXT.concat(new Path([method, headers.get('host') ?? '']));
    const found = await report({ rules, hosts: ['shop'], identify });
    assert.deepEqual(found.deadRules, ['/ext/*/gone=>/svc/c']);
  });

  it('warns of a rule that leads every published host to inside names', async () => {
    const found = await report({
      rules: '/svc => /#/fs; /web => /svc; /ext => /web; /ext/shop => /#/fs/shop',
      hosts: ['shop'],
    });
    assert.deepEqual(found.warnings, [
      '/ext=>/web takes every host: whichever is published reaches the inside name of the same words ' +
        '(/ext/not-published.invalid becomes /svc/not-published.invalid)',
    ]);
  });

  it('warns of a rule that looks every published host up, and of none that asks for more than a host', async () => {
    const found = await report({ rules: '/ext/*/v1 => /#/fs; /ext => /#/fs; /ext/* => /#/fs/web' });
    const warning = (rule: string, becomes: string): string =>
      `${rule} takes every host: whichever is published is looked up at once (/ext/not-published.invalid becomes ${becomes})`;
    assert.deepEqual(found.warnings, [
      warning('/ext/*=>/#/fs/web', '/#/fs/web'),
      warning('/ext=>/#/fs', '/#/fs/not-published.invalid'),
    ]);
  });

  it('lists what rules are for where the path makes the name, and warns that hosts keep nothing apart', async () => {
    namer.exists('/shop', '10.0.0.1:80');
    const rules = '/ext/shop => /#/fs/shop; /ext/*/x => /#/fs/x';
    const found = await report({ rules, hosts: ['a.example.com'], identify: byPath });
    assert.deepEqual(namesOf(found), { 'a.example.com': ['/shop* /ext/shop: reached /#/fs/shop=1'] });
    assert.deepEqual(found.warnings, [
      'names come from the path and not from the host: each published host reaches all below /ext',
    ]);
  });

  it('goes by the host where host and path make the name, and where every request has the same one', async () => {
    namer.exists('/shop', '10.0.0.1:80');
    const both: Identifier = ({ headers, target }) =>
      EXT.concat(new Path([headers.get('host') ?? '', ...target.split('/').filter((segment) => segment !== '')]));
    const fixed: Identifier = () => parsePath('/ext/shop');
    const rules = '/ext/shop => /#/fs/shop';
    for (const identify of [both, fixed]) {
      const found = await report({ rules, hosts: ['shop'], identify });
      assert.deepEqual(namesOf(found), { shop: ['* /ext/shop: reached /#/fs/shop=1'] });
      assert.equal(found.warnings.length, identify === fixed ? 1 : 0);
    }
  });

  describe('with routes', () => {
    const route = (
      host: string | undefined,
      path: string,
      name: string,
      more: Partial<ShownRoute> = {},
    ): ShownRoute => {
      return { host, path, name: parsePath(name), exposure: 'external', by: `ingress ${name.slice(1)}`, ...more };
    };
    const sourceOf = (...routes: readonly ShownRoute[]): RouteSource => {
      return { pending: undefined, start: () => {}, close: () => {}, routes: () => routes };
    };
    const policy = { backend: undefined, timeoutMs: undefined, attemptTimeoutMs: undefined, maxBodyBytes: undefined };

    it('lists those of the host for callers outside, and what requests get that none of them takes', async () => {
      namer.exists('/web', '10.0.0.1:80');
      const routes = [
        route('shop', '/', '/web'),
        route('shop', '/inner', '/secret', { exposure: 'internal' }),
        route('*.api', '/v1*', '/web'),
        route(undefined, '/any', '/none'),
      ];
      const identify: Identifier = ({ headers }) => {
        if (headers.get('host') === 'shop') return new Route(parsePath('/ext/web'), policy);
        return new Unidentified('no route');
      };
      const hosts = ['shop', 'v1.api', '*.api', 'else'];
      const found = await report({ rules: '/ext => /#/fs', hosts, sources: [sourceOf(...routes)], identify });
      assert.deepEqual(namesOf(found), {
        '*.api': ['/v1* ingress web /ext/web: reached /#/fs/web=1'],
        else: ['/any ingress none /ext/none: nothing'],
        shop: ['/ ingress web /ext/web: reached /#/fs/web=1'],
        'v1.api': ['/v1* ingress web /ext/web: reached /#/fs/web=1'],
      });
      assert.deepEqual(found.warnings, [], 'a host without a route has no name');
    });

    it('says why a host has no name', async () => {
      const answers: Record<string, () => ReturnType<Identifier>> = {
        none: () => new Unidentified('no route for it'),
        moved: () => new Redirect(308, 'https://moved/'),
        bad: () => {
          throw new Error('only 10.0.0.0/8 may');
        },
      };
      const identify: Identifier = ({ headers }) => (answers[headers.get('host') ?? ''] ?? (() => EMPTY_PATH))();
      const found = await report({ hosts: Object.keys(answers), identify });
      assert.deepEqual(namesOf(found), {
        bad: ['* no name: nothing (only 10.0.0.0/8 may)'],
        moved: ['* no name: nothing (redirected to https://moved/)'],
        none: ['* no name: nothing (no route for it)'],
      });
    });
  });

  describe('when something does not answer', () => {
    const late = async (given: Given) => {
      const running = exposureReport({ listeners: [listenerOf(given)], clock, timeoutMs: 1000 });
      for (let i = 0; i < 60; i++) {
        clock.advance(20);
        await new Promise(setImmediate);
      }
      const { listeners, unanswered } = await running;
      return { names: namesOf(listeners[0] ?? assert.fail('no listener')), unanswered };
    };

    it('waits for publishers no longer than the limit, and says which are missing', async () => {
      const published = signal<readonly PublishedHost[]>([]);
      const publishers = [{ published, pending: () => 'Consul c:8500: has not answered yet' }];
      assert.deepEqual(await late({ hosts: ['shop'], publishers }), {
        names: { shop: ['* /ext/shop: nothing'] },
        unanswered: ['Consul c:8500: has not answered yet'],
      });
    });

    it('waits until publishers are known', async () => {
      const published = signal<readonly PublishedHost[]>([]);
      let pending: string | undefined = 'not yet';
      clock.after(100, () => {
        pending = undefined;
        published.value = [{ host: 'shop', by: 'X' }];
      });
      assert.deepEqual(await late({ publishers: [{ published, pending: () => pending }] }), {
        names: { shop: ['* /ext/shop: nothing'] },
        unanswered: [],
      });
    });

    it('tells names that are bound to nothing yet, and registries that have failed', async () => {
      namer.pends('/slow');
      namer.fails('/bad', new Error('no such path'));
      namer.exists('/open', '10.0.0.1:80').addr.signal.value = ADDR_PENDING;
      const rules = '/ext/slow => /#/fs/slow; /ext/bad => /#/fs/bad; /ext/open => /#/fs/open';
      assert.deepEqual(await late({ rules, hosts: ['bad', 'open', 'slow'] }), {
        names: {
          bad: ['* /ext/bad: failed (no such path)'],
          open: ['* /ext/open: reached /#/fs/open=0'],
          slow: ['* /ext/slow: unknown'],
        },
        unanswered: [
          '/ext/open: what it is bound to is not known yet',
          '/ext/slow: what it is bound to is not known yet',
        ],
      });
    });
  });

  it('asks for a thousand names at most, and says so of the others', async () => {
    const hosts = Array.from({ length: 1002 }, (_, i) => `h${i}`);
    const names = Object.values(namesOf(await report({ hosts }))).flat();
    assert.equal(names.length, 1002);
    assert.deepEqual(
      names.filter((line) => !line.endsWith(': nothing')).map((line) => line.replace(/^\S+ \S+ /, '')),
      Array.from({ length: 2 }, () => 'unknown (not asked for: there are more than 1000 names)'),
    );
  });

  it('lets go of all that it asked for', async () => {
    const shop = namer.exists('/shop', '10.0.0.1:80');
    await report({ rules: '/ext => /#/fs', hosts: ['shop'] });
    assert.deepEqual([shop.addr.started > 0, shop.addr.isWatched, shop.tree.isWatched], [true, false, false]);
    assert.equal(clock.pendingTimers, 0);
  });

  it('is empty without listeners', async () => {
    assert.deepEqual(await exposureReport({ listeners: [], clock, timeoutMs: 0 }), { listeners: [], unanswered: [] });
  });
});
