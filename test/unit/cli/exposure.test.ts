import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { DEFAULT_DENIED } from '../../../config/schema/exposure.js';
import { drawExposure } from '../../../src/cli/draw-exposure.js';
import type { NameReport } from '../../../src/exposure/exposure.js';
import { linkgate, type Outcome } from './fake-terminal.js';

let directory = '';

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cli-exposure-'));
  const disco = join(directory, 'disco');
  await mkdir(disco);
  await writeFile(join(disco, 'shop'), '10.0.0.1 80\n10.0.0.2 80\n');
  await writeFile(join(disco, 'api'), '10.0.0.3 80\n169.254.169.254 80\n');
});
after(() => rm(directory, { recursive: true }));

const EDGE = `
- protocol: http
  label: edge
  dtab: |
    /svc => /#/io.l5d.fs ;
    /ext/shop.example.com => /svc/api ;
    /ext/shop.example.com => /svc/shop ;
    /ext/v1.api.example.com => /svc/api ;
    /ext/old.example.com => /svc/shop ;
  servers:
  - {port: 0}
  - port: 0
    exposure: external
    externalHosts: [shop.example.com, "*.api.example.com", gone.example.com]
    denyAddresses: [default, 10.9.0.0/16]`;

const ALL = `
- protocol: h2
  label: all
  dtab: /svc => /#/io.l5d.fs ; /ext => /svc
  servers: [{port: 0, ip: "::1", exposure: external, externalHosts: [shop], denyAddresses: []}]`;

const exposure = (routers: string, ...words: readonly string[]): Promise<Outcome> => {
  const namers = `[{kind: io.l5d.fs, rootDir: ${directory}/disco}]`;
  return linkgate(['exposure', ...words, '-'], `admin: {port: 0}\nnamers: ${namers}\nrouters:${routers}\n`);
};

describe('exposure', () => {
  test('lists hosts, names, addresses, dead rules and warnings, listener by listener', async () => {
    assert.deepEqual(await exposure(EDGE + ALL), {
      code: 0,
      out: `127.0.0.1:0 of edge: 3 hosts, 1 of them 404, names begin with /ext
never reached: ${DEFAULT_DENIED.join(', ')}, 10.9.0.0/16

*.api.example.com   (externalHosts)
  (Host: any.api.example.com)  → /ext/any.api.example.com: nothing, 404
  (Host: v1.api.example.com)  → /ext/v1.api.example.com
    ✓ /#/io.l5d.fs/api   1 address, 1 denied

gone.example.com   (externalHosts)
  /ext/gone.example.com: nothing, 404

shop.example.com   (externalHosts)
  /ext/shop.example.com
    ✓ /#/io.l5d.fs/shop   2 addresses
    · /#/io.l5d.fs/api    1 address, 1 denied, only when those in use are gone

Rules that no published host gets to
  /ext/old.example.com=>/svc/shop

[::1]:0 of all: 1 host, names begin with /ext
never reached: no address is denied

shop   (externalHosts)
  /ext/shop
    ✓ /#/io.l5d.fs/shop   2 addresses

Warnings
  /ext=>/svc takes every host: whichever is published reaches the inside name of the same words (/ext/not-published.invalid becomes /svc/not-published.invalid)
`,
      err: '',
    });
  });

  test('says so when there is no listener for callers outside', async () => {
    assert.deepEqual(await exposure('\n- {protocol: http, servers: [{port: 0}]}'), {
      code: 0,
      out: 'Nothing can be reached from outside: no listener has exposure: external.\n',
      err: '',
    });
  });

  test('prints the same for machines with --json', async () => {
    const { code, out } = await exposure(ALL, '--json');
    assert.equal(code, 0);
    const { listeners, unanswered } = JSON.parse(out);
    const [{ warnings, ...listener }] = listeners;
    assert.deepEqual(unanswered, []);
    assert.equal(warnings.length, 1);
    const target = { id: '/#/io.l5d.fs/shop', inUse: true, addresses: 2, denied: 0, status: null, error: null };
    const name = { path: '*', by: null, name: '/ext/shop', outcome: 'reached', note: null, targets: [target] };
    assert.deepEqual(listener, {
      router: 'all',
      listener: '[::1]:0',
      dstPrefix: '/ext',
      denyAddresses: [],
      hosts: [{ host: 'shop', publishedBy: ['externalHosts'], names: [name] }],
      deadRules: [],
    });
  });

  test('prints what is known, says what did not answer in time, and fails', async (t) => {
    const silent = createServer((socket) => void socket.resume());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    assert.ok(typeof address === 'object' && address);
    const { port } = address;
    t.after(() => silent.close());
    const routers = '[{protocol: http, servers: [{port: 0, exposure: external, externalHosts: [shop.example.com]}]}]';
    const namers = `[{kind: io.l5d.consul, host: 127.0.0.1, port: ${port}, publish: true}]`;
    const config = `{admin: {port: 0}, namers: ${namers}, routers: ${routers}}`;
    const { code, out, err } = await linkgate(['exposure', '--timeout', '0.1', '-'], config);
    assert.equal(code, 1);
    assert.match(out, /\nshop\.example\.com {3}\(externalHosts\)\n {2}\/ext\/shop\.example\.com: nothing, 404\n/);
    assert.equal(err, `linkgate: not all is known after 0.1 s:\n  Consul 127.0.0.1:${port}: has not answered yet\n`);
  });

  for (const timeout of ['0', '-1', 'soon', '601', '1e3', '']) {
    test(`refuses --timeout=${timeout}`, async () => {
      const { code, out, err } = await linkgate(['exposure', `--timeout=${timeout}`, 'x.yaml']);
      assert.deepEqual([code, out], [2, '']);
      assert.match(err, /^linkgate: --timeout is ".*", want seconds from 0.001 to 600\n/);
    });
  }

  test('refuses a configuration that run would refuse', async () => {
    const wrong = await exposure('\n- {protocol: http, servers: [{port: 0, externalHosts: [a]}]}');
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /^linkgate: the configuration is refused\n<stdin>:\d+:\d+: .*externalHosts/);
    const tls = 'tls: {certPath: /absent.pem, keyPath: /absent.pem}';
    const made = await exposure(`\n- {protocol: http, servers: [{port: 0, ${tls}}]}`);
    assert.equal(made.code, 1);
    assert.match(made.err, /^linkgate: (<stdin>: |the configuration is refused\n).*absent\.pem/);
  });
});

describe('the drawing of an exposure report', () => {
  const draw = (...names: readonly NameReport[]): readonly string[] => {
    const hosts = [{ host: 'shop', publishedBy: ['a', 'b'], names }];
    const listener = {
      router: 'edge',
      listener: 'l',
      dstPrefix: '/ext',
      denyAddresses: [],
      hosts,
      deadRules: [],
      warnings: [],
    };
    return drawExposure({ listeners: [listener], unanswered: [] })
      .trimEnd()
      .split('\n')
      .slice(3);
  };
  const name = {
    path: '/cart*',
    by: 'ingress shop/web',
    name: '/ext/a',
    outcome: 'reached',
    note: null,
    targets: [],
  } as const;
  const target = { id: '/#/a', inUse: true, addresses: 0, denied: 0, status: null, error: null };

  test('shows routes, and why names lead nowhere', () => {
    assert.deepEqual(
      draw(
        { ...name, outcome: 'failed', note: 'too deep' },
        { ...name, outcome: 'unknown' },
        { ...name, path: '*', by: null, name: null, outcome: 'nothing', note: 'no route' },
      ),
      [
        'shop   (a, b)',
        '  /cart* (ingress shop/web)  → /ext/a: 502 (too deep)',
        '  /cart* (ingress shop/web)  → /ext/a: not known',
        '  no name: nothing, 404 (no route)',
      ],
    );
    assert.deepEqual(draw(), ['shop   (a, b)', '  no name: 404']);
  });

  test('shows why a target has no addresses, and what the gateway answers itself', () => {
    const targets = [
      { ...target, error: 'not known yet' },
      { ...target, id: '/$/status', status: 503 },
      { ...target, denied: 2, inUse: false },
    ];
    assert.deepEqual(draw({ ...name, targets }).slice(2), [
      '    ✓ /#/a        not known yet',
      '    ✓ /$/status   answers 503 itself',
      '    · /#/a        0 addresses, 2 denied, only when those in use are gone',
    ]);
  });
});
