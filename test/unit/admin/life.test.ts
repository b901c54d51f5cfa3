import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { askAdmin } from '../../support/ask-admin.js';
import { fakeAdminSource } from '../../support/fake-admin-source.js';
import { ManualClock } from '../../support/manual-clock.js';

describe('life pages', () => {
  test('ping answers pong, ready or not', async () => {
    const source = fakeAdminSource({ readiness: { ready: false, reasons: ['x'] } });
    const { status, text } = await askAdmin(source, 'GET /admin/ping');
    assert.deepEqual([status, text], [200, 'pong']);
  });

  test('ready is 200 when ready', async () => {
    const { status, text } = await askAdmin(fakeAdminSource(), 'GET /admin/ready');
    assert.deepEqual([status, text], [200, 'ready\n']);
  });

  test('ready is 503 with every reason while starting and while draining', async () => {
    let readiness = { ready: false, reasons: ['router "http" has not bound 0.0.0.0:4140', 'config not loaded'] };
    const source = fakeAdminSource({
      get readiness() {
        return readiness;
      },
    });
    const starting = await askAdmin(source, 'GET /admin/ready');
    assert.deepEqual(
      [starting.status, starting.text],
      [503, 'not ready\nrouter "http" has not bound 0.0.0.0:4140\nconfig not loaded\n'],
    );
    readiness = { ready: true, reasons: [] };
    assert.equal((await askAdmin(source, 'GET /admin/ready')).status, 200);
    readiness = { ready: false, reasons: ['draining'] };
    assert.equal((await askAdmin(source, 'GET /admin/ready')).status, 503);
  });

  test('server_info tells build, start and uptime', async () => {
    const clock = new ManualClock(1_700_000_000_000);
    clock.advance(1500);
    const build = { name: 'linkgate', version: '1.2.3', revision: 'abc', startedAt: 1_700_000_000_000 };
    const { contentType, text } = await askAdmin(fakeAdminSource({ build }), 'GET /admin/server_info', { clock });
    assert.equal(contentType, 'application/json');
    assert.deepEqual(JSON.parse(text), {
      name: 'linkgate',
      version: '1.2.3',
      build_revision: 'abc',
      start_time: '2023-11-14T22:13:20.000Z',
      uptime: 1500,
    });
  });

  test('shutdown is asked for by any method, once a request', async () => {
    let asked = 0;
    const source = fakeAdminSource({ requestShutdown: () => (asked += 1) });
    for (const method of ['POST', 'GET', 'PUT', 'DELETE']) {
      const { status, text } = await askAdmin(source, `${method} /admin/shutdown`);
      assert.deepEqual([status, text], [200, 'quitting\n'], method);
    }
    assert.equal(asked, 4);
  });

  test('shutdown is not obeyed when a page of another site makes a browser GET it', async () => {
    let asked = 0;
    const source = fakeAdminSource({ requestShutdown: () => (asked += 1) });
    for (const headers of [
      { origin: 'http://evil.example' },
      { 'sec-fetch-site': 'cross-site' },
      { 'user-agent': 'Mozilla/5.0' },
    ]) {
      assert.equal((await askAdmin(source, 'GET /admin/shutdown', { headers })).status, 403);
    }
    assert.equal(asked, 0);
  });
});
