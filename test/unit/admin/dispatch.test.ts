import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TelemeterPage } from '../../../src/telemeter/telemeter.js';
import { askAdmin } from '../../support/ask-admin.js';
import { fakeAdminSource, fakeRouter } from '../../support/fake-admin-source.js';

const page = (path: string, text: string): TelemeterPage => ({
  path,
  contentType: 'text/x-test',
  description: 'A test.',
  render: () => [text],
});

describe('admin dispatch', () => {
  for (const path of [
    '/nothing',
    '/admin/',
    '/admin/ping/',
    '/admin//ping',
    '/admin/%70ing',
    '/ADMIN/ping',
    '',
    '/admin/contention',
    '/admin/pprof/heap',
    '/admin/threads',
    '/admin/lint',
    '/admin/tracing',
    '/files/x',
    '/delegator',
    '/help',
    '/requests',
  ]) {
    test(`answers 404 to ${path || 'an empty path'}`, async () => {
      assert.equal((await askAdmin(fakeAdminSource(), `GET ${path}`)).status, 404);
    });
  }

  test('answers 405 with Allow to a method that the page does not have', async () => {
    const { status, headers, text } = await askAdmin(fakeAdminSource(), 'POST /admin/ping');
    assert.deepEqual([status, headers.allow, text], [405, 'GET, HEAD', '']);
  });

  test('answers 500 with the message when a page throws or rejects', async () => {
    const source = fakeAdminSource({
      routers: [
        fakeRouter({
          clients: () => {
            throw new Error('clients are gone');
          },
        }),
      ],
    });
    const { status, text } = await askAdmin(source, 'GET /client_state.json');
    assert.deepEqual([status, text], [500, 'Internal error: clients are gone\n']);
  });

  test('answers 500 when the source itself throws', async () => {
    const source = fakeAdminSource({
      get namers(): never {
        throw 'not even an Error';
      },
    });
    const { status, text } = await askAdmin(source, 'GET /admin/ping');
    assert.deepEqual([status, text], [500, 'Internal error: not even an Error\n']);
  });

  test('refuses a rebound name even for reading', async () => {
    const headers = { host: 'evil.example', 'user-agent': 'Mozilla/5.0' };
    const { status, text } = await askAdmin(fakeAdminSource(), 'GET /config.json', { headers });
    assert.equal(status, 403);
    assert.match(text, /^Refused: Host is "evil\.example"/);
  });

  test('serves the pages of telemeters', async () => {
    const source = fakeAdminSource({ pages: [page('/admin/metrics/influxdb', 'a=1')] });
    const { status, contentType, text } = await askAdmin(source, 'GET /admin/metrics/influxdb');
    assert.deepEqual([status, contentType, text], [200, 'text/x-test', 'a=1']);
  });

  test('lets no page of a telemeter hide a built-in one, nor one of an earlier telemeter', async () => {
    const source = fakeAdminSource({ pages: [page('/a', '1'), page('/a', '2'), page('/admin/ping', '3')] });
    assert.equal((await askAdmin(source, 'GET /a')).text, '1');
    assert.equal((await askAdmin(source, 'GET /admin/ping')).text, 'pong');
  });
});
