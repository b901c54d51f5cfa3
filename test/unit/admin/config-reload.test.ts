import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ConfigError } from '../../../config/schema/config-error.js';
import type { AdminReloader, ReloadOutcome, ReloadStatus } from '../../../src/admin/handler.js';
import { type AskOptions, askAdmin } from '../../support/ask-admin.js';
import { fakeAdminSource } from '../../support/fake-admin-source.js';

const ERROR: ConfigError = {
  file: 'linkerd.yaml',
  line: 4,
  column: 11,
  path: 'routers[0].servers[0].port',
  message: '70000 outside valid range for ports',
};
const TAKEN: ReloadOutcome = { ok: true, changed: ['routers[0].dtab'], errors: [] };
const REFUSED: ReloadOutcome = { ok: false, changed: [], errors: [ERROR] };

/** A reloader that answers `outcome` and notes what it was asked for. */
function scene(outcome: ReloadOutcome = TAKEN, status: Partial<ReloadStatus> = {}) {
  const asked: (string | undefined)[] = [];
  const reloader: AdminReloader = {
    status: { source: 'linkerd.yaml', loadedAt: 1_700_000_000_000, reloads: 2, refused: 1, last: undefined, ...status },
    reload: async (text) => {
      asked.push(text);
      return outcome;
    },
  };
  const ask = async (what: string, options?: AskOptions) => {
    const answer = await askAdmin(fakeAdminSource({ reloader }), what, options);
    return { ...answer, json: (): unknown => JSON.parse(answer.text) };
  };
  return { asked, ask };
}

describe('/config', () => {
  test('GET tells which configuration is in force, and asks for nothing', async () => {
    const { asked, ask } = scene();
    const { status, contentType, json } = await ask('GET /config');
    assert.deepEqual([status, contentType], [200, 'application/json']);
    assert.deepEqual(json(), { source: 'linkerd.yaml', loaded: '2023-11-14T22:13:20.000Z', reloads: 2, refused: 1 });
    assert.deepEqual(asked, []);
  });

  test('GET tells how the last reload went', async () => {
    const last = async (outcome: ReloadOutcome): Promise<unknown> => {
      const { json } = await scene(TAKEN, { last: outcome }).ask('GET /config');
      return (json() as { readonly last: unknown }).last;
    };
    assert.deepEqual(await last(TAKEN), { reloaded: true, changed: ['routers[0].dtab'] });
    assert.deepEqual(await last(REFUSED), { reloaded: false, errors: [ERROR] });
  });

  for (const body of ['', ' \r\n\t']) {
    test(`POST has the file read again where the body is ${JSON.stringify(body)}`, async () => {
      const { asked, ask } = scene();
      const { status, contentType, json } = await ask('POST /config', { body });
      assert.deepEqual([status, contentType], [200, 'application/json']);
      assert.deepEqual(json(), { reloaded: true, changed: ['routers[0].dtab'] });
      assert.deepEqual(asked, [undefined]);
    });
  }

  test('POST has the body taken, whatever it calls itself', async () => {
    const { asked, ask } = scene();
    for (const type of ['application/yaml', 'application/json', 'application/x-www-form-urlencoded']) {
      assert.equal(
        (await ask('POST /config', { body: ' routers: []\n', headers: { 'content-type': type } })).status,
        200,
      );
    }
    assert.deepEqual(asked, Array(3).fill(' routers: []\n'));
  });

  test('POST answers 422 with each error and its place where it is refused', async () => {
    const { status, contentType, json } = await scene(REFUSED).ask('POST /config', { body: 'routers: []' });
    assert.deepEqual([status, contentType], [422, 'application/json']);
    assert.deepEqual(json(), { reloaded: false, errors: [ERROR] });
  });

  test('takes no other methods', async () => {
    const { asked, ask } = scene();
    const { status, headers } = await ask('PUT /config', { body: 'routers: []' });
    assert.deepEqual([status, headers.allow, asked], [405, 'GET, HEAD, POST', []]);
  });

  test('is not there where nothing can reload', async () => {
    const source = fakeAdminSource();
    assert.equal((await askAdmin(source, 'GET /config')).status, 404);
    assert.equal((await askAdmin(source, 'POST /config')).status, 404);
    assert.doesNotMatch((await askAdmin(source, 'GET /admin')).text, /"\/config"/);
  });

  test('is switched off with the control pages', async () => {
    const { asked, ask } = scene();
    for (const method of ['GET', 'POST']) {
      assert.equal((await ask(`${method} /config`, { security: { controlEnabled: false } })).status, 404);
    }
    assert.deepEqual(asked, []);
  });

  test('is not obeyed from a web page of another site', async () => {
    const { asked, ask } = scene();
    const { status } = await ask('POST /config', { headers: { origin: 'http://evil.example' }, body: 'routers: []' });
    assert.deepEqual([status, asked], [403, []]);
  });
});
