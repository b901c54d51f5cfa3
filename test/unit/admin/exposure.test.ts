import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { askAdmin } from '../../support/ask-admin.js';
import { fakeAdminSource, fakeRouter } from '../../support/fake-admin-source.js';

describe('exposure.json', () => {
  test('shows what can be reached, and does not wait for registries for ever', async () => {
    const asked: number[] = [];
    const source = fakeAdminSource({
      exposure: async (timeoutMs) => {
        asked.push(timeoutMs);
        return { listeners: [{ router: 'edge' }], unanswered: [] };
      },
    });
    const { status, contentType, text } = await askAdmin(source, 'GET /exposure.json');
    assert.deepEqual([status, contentType], [200, 'application/json']);
    assert.deepEqual(JSON.parse(text), { listeners: [{ router: 'edge' }], unanswered: [] });
    assert.deepEqual(asked, [2000]);
  });

  test('is on the index', async () => {
    assert.match((await askAdmin(fakeAdminSource(), 'GET /admin')).text, /^\/exposure\.json$/m);
  });
});

describe('identifier_state', () => {
  test('has a page for a router with sources of routes that tell their state', async () => {
    const identifierStates = () => [{ ingresses: 3 }, { ingresses: 4 }];
    const source = fakeAdminSource({ routers: [fakeRouter({ label: 'edge', identifierStates }), fakeRouter()] });
    assert.equal((await askAdmin(source, 'GET /identifier_state/edge.json')).text, '[{"ingresses":3},{"ingresses":4}]');
    assert.equal((await askAdmin(source, 'GET /identifier_state/http.json')).status, 404);
  });
});
