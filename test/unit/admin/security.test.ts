import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { makeAdminSecurity } from '../../../src/admin/security.js';
import { askAdmin } from '../../support/ask-admin.js';
import { fakeAdminSource } from '../../support/fake-admin-source.js';

describe('admin security', () => {
  test('serves every category when nothing is configured', () => {
    const security = makeAdminSecurity({});
    for (const category of ['ui', 'control', 'diagnostics'] as const)
      assert.ok(security.serves('/x', category), category);
  });

  const off = [
    ['uiEnabled', 'ui'],
    ['controlEnabled', 'control'],
    ['diagnosticsEnabled', 'diagnostics'],
  ] as const;
  for (const [key, category] of off) {
    test(`with ${key}: false refuses ${category} alone, save what is whitelisted`, () => {
      const security = makeAdminSecurity({ [key]: false, pathWhitelist: ['/white'] });
      assert.equal(security.serves('/x', category), false);
      assert.equal(security.serves('/white', category), true);
      for (const [, other] of off) if (other !== category) assert.equal(security.serves('/x', other), true, other);
    });
  }

  test('refuses what is blacklisted, whether its category is on or it is whitelisted', () => {
    const security = makeAdminSecurity({
      uiEnabled: false,
      pathWhitelist: ['/a.*'],
      pathBlacklist: ['/a/secret', '/b'],
    });
    assert.equal(security.serves('/a/open', 'ui'), true);
    assert.equal(security.serves('/a/secret', 'ui'), false);
    assert.equal(security.serves('/b', 'control'), false);
  });

  test('matches whole paths only, alternatives included', () => {
    const security = makeAdminSecurity({ pathBlacklist: ['/admin/sh', 'shutdown', '/a|/b', 'ADMIN'] });
    assert.equal(security.serves('/admin/shutdown', 'control'), true);
    assert.equal(security.serves('/a', 'ui'), false);
    assert.equal(security.serves('/b', 'ui'), false);
    assert.equal(security.serves('/ax', 'ui'), true);
    assert.equal(security.serves('/x/b', 'ui'), true);
    assert.equal(security.serves('/admin', 'ui'), true);
  });

  for (const bad of ['(', 'a)|(b', '*', '\\Q/admin\\E', '(?i)/admin']) {
    test(`refuses the expression ${bad} with its key`, () => {
      assert.throws(
        () => makeAdminSecurity({ pathBlacklist: ['/fine', bad] }),
        (error: Error) =>
          error.message.startsWith(
            `admin.security.pathBlacklist[1] is ${JSON.stringify(bad)}: want a regular expression`,
          ),
      );
      assert.throws(
        () => makeAdminSecurity({ pathWhitelist: [bad] }),
        /^Error: admin\.security\.pathWhitelist\[0\] is /,
      );
    });
  }
});

describe('categories of the pages', () => {
  const rows = [
    ['controlEnabled', ['/admin/shutdown', '/circuits.json', '/logging.json']],
    ['uiEnabled', ['/', '/admin/index.html', '/config.json', '/admin/metrics.json', '/delegator.json']],
    [
      'diagnosticsEnabled',
      [
        '/admin',
        '/admin/index.txt',
        '/admin/ping',
        '/admin/ready',
        '/admin/server_info',
        '/bound-names.json',
        '/client_state.json',
      ],
    ],
  ] as const;
  for (const [key, paths] of rows) {
    test(`${key}: false hides ${paths.join(', ')} and nothing else`, async () => {
      for (const path of rows.flatMap(([, each]) => each)) {
        const { status } = await askAdmin(fakeAdminSource(), `OPTIONS ${path}`, { security: { [key]: false } });
        assert.equal(status === 404, (paths as readonly string[]).includes(path), path);
      }
    });
  }

  test('a hidden page answers as one that does not exist, and the index does not list it', async () => {
    const security = { pathBlacklist: ['/config[.]json'] };
    const hidden = await askAdmin(fakeAdminSource(), 'GET /config.json', { security });
    const absent = await askAdmin(fakeAdminSource(), 'GET /nothing', { security });
    assert.deepEqual(hidden, absent);
    assert.doesNotMatch((await askAdmin(fakeAdminSource(), 'GET /admin', { security })).text, /config/);
  });
});
