import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parsePath } from '../../../src/base/name-grammar.js';
import { askAdmin } from '../../support/ask-admin.js';
import { fakeAdminSource, fakeRouter } from '../../support/fake-admin-source.js';
import { ManualClock } from '../../support/manual-clock.js';

const HOUR = 3_600_000;

describe('index page', () => {
  test('shows version, readiness, routers and their servers and dtab', async () => {
    const source = fakeAdminSource({
      build: { name: 'linkgate', version: '1.2.3', revision: 'abcdef0123456789', startedAt: 0 },
      routers: [
        fakeRouter({
          label: 'incoming',
          protocol: 'h2',
          servers: ['0.0.0.0:4140', '[::]:4141'],
          dtab: '/a=>/b;/c=>/d | /e',
        }),
      ],
    });
    const { status, contentType, text } = await askAdmin(source, 'GET /');
    assert.deepEqual([status, contentType], [200, 'text/html; charset=utf-8']);
    for (const part of [
      '1.2.3 (abcdef0123)',
      '>ready<',
      'incoming',
      'h2',
      '0.0.0.0:4140',
      '[::]:4141',
      '/a =&gt; /b',
      '/c =&gt; /d | /e',
    ]) {
      assert.ok(text.includes(part), part);
    }
  });

  test('shows why the gateway is not ready', async () => {
    const source = fakeAdminSource({ readiness: { ready: false, reasons: ['draining', 'x < y'] } });
    const { text } = await askAdmin(source, 'GET /');
    assert.ok(text.includes('not ready</a> draining; x &lt; y'));
  });

  for (const [ms, shown] of [
    [40_000, '40 s'],
    [12 * 60_000, '12 min'],
    [4 * HOUR + 60_000, '4 h 1 min'],
    [76 * HOUR, '3 d 4 h'],
    [-5, '0 s'],
  ] as const) {
    test(`shows an uptime of ${ms} ms as ${shown}`, async () => {
      const source = fakeAdminSource({ build: { name: 'linkgate', version: '1', startedAt: 1000 } });
      const { text } = await askAdmin(source, 'GET /', { clock: new ManualClock(1000 + ms) });
      assert.ok(text.includes(`up for ${shown}<`));
    });
  }

  test('links every page of the text index, save those that a click must not trigger', async () => {
    const source = fakeAdminSource({ namers: [{ prefix: parsePath('/#/fs'), state: () => 1 }] });
    const paths = (await askAdmin(source, 'GET /admin')).text.trimEnd().split('\n');
    assert.ok(paths.includes('/namer_state/fs.json') && paths.includes('/delegator.json'));
    const { text } = await askAdmin(source, 'GET /');
    for (const path of paths) {
      const linked = text.includes(`href="${path}"`) || text.includes(`href="${path}?`);
      assert.equal(linked, path !== '/admin/shutdown', path);
      assert.ok(text.includes(`<code>${path}</code>`), path);
    }
  });

  test('escapes what other people wrote, and holds no script', async () => {
    const evil = `<script>alert("1")</script>'&`;
    const source = fakeAdminSource({
      readiness: { ready: false, reasons: [evil] },
      routers: [fakeRouter({ label: evil, dtab: evil, servers: [evil], protocol: evil })],
      pages: [{ path: `/x"onclick="y`, contentType: 'text/plain', description: evil, render: () => [] }],
    });
    const { text } = await askAdmin(source, 'GET /');
    assert.doesNotMatch(text, /<script|"onclick/);
    assert.ok(text.includes('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;'));
  });

  test('is the same at /admin/index.html, and works without routers', async () => {
    const source = fakeAdminSource({ routers: [] });
    const page = await askAdmin(source, 'GET /');
    assert.ok(page.text.includes('None yet.'));
    assert.deepEqual(await askAdmin(source, 'GET /admin/index.html'), page);
  });
});

describe('text index', () => {
  test('lists every path, sorted, one a line, at both of its own', async () => {
    const { contentType, text } = await askAdmin(fakeAdminSource(), 'GET /admin/index.txt');
    assert.equal(contentType, 'text/plain; charset=utf-8');
    assert.equal(
      text,
      [
        '/',
        '/admin',
        '/admin/index.html',
        '/admin/index.txt',
        '/admin/metrics.json',
        '/admin/ping',
        '/admin/ready',
        '/admin/server_info',
        '/admin/shutdown',
        '/bound-names.json',
        '/circuits.json',
        '/client_state.json',
        '/config.json',
        '/delegator.json',
        '/exposure.json',
        '/logging.json',
        '',
      ].join('\n'),
    );
    assert.equal((await askAdmin(fakeAdminSource(), 'GET /admin')).text, text);
  });
});
