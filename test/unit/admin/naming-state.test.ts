import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ADDR_NEG, ADDR_PENDING, addrBound, addrFailed, makeAddress } from '../../../src/base/addr.js';
import { parsePath } from '../../../src/base/name-grammar.js';
import { pathFromText } from '../../../src/base/path.js';
import { askAdmin } from '../../support/ask-admin.js';
import { fakeAdminSource, fakeInterpreter, fakeRouter } from '../../support/fake-admin-source.js';

const p = parsePath;

describe('bound-names.json', () => {
  test('lists the names of all namers that can tell, each once', async () => {
    const source = fakeAdminSource({
      namers: [
        { prefix: p('/#/a'), boundNames: () => [p('/#/a/web'), p('/#/a/api')] },
        { prefix: p('/#/b') },
        { prefix: p('/#/a'), boundNames: () => [p('/#/a/web')] },
      ],
    });
    const { contentType, text } = await askAdmin(source, 'GET /bound-names.json');
    assert.deepEqual([contentType, text], ['application/json', '["/#/a/web","/#/a/api"]']);
  });

  test('is an empty list when no namer can tell', async () => {
    assert.equal((await askAdmin(fakeAdminSource(), 'GET /bound-names.json')).text, '[]');
  });
});

describe('client_state.json', () => {
  test('shows each state in Linkerd’s words, the clients of all routers together', async () => {
    const source = fakeAdminSource({
      routers: [
        fakeRouter({
          clients: () => [
            { id: p('/#/fs/web'), addr: addrBound([makeAddress('10.0.0.1', 80), makeAddress('::1', 81)]) },
            { id: p('/#/fs/empty'), addr: addrBound([]) },
          ],
        }),
        fakeRouter({
          label: 'other',
          clients: () => [
            { id: p('/#/fs/neg'), addr: ADDR_NEG },
            { id: p('/#/fs/slow'), addr: ADDR_PENDING },
            { id: p('/#/fs/bad'), addr: addrFailed(new Error('no route')) },
          ],
        }),
      ],
    });
    const { contentType, text } = await askAdmin(source, 'GET /client_state.json');
    assert.equal(contentType, 'application/json;charset=UTF-8');
    assert.deepEqual(JSON.parse(text), {
      '/#/fs/web': { state: 'bound', addresses: ['10.0.0.1:80', '[::1]:81'] },
      '/#/fs/empty': { state: 'bound', addresses: [] },
      '/#/fs/neg': { state: 'Neg', addresses: [] },
      '/#/fs/slow': { state: 'Pending', addresses: [] },
      '/#/fs/bad': { state: 'Failed: no route', addresses: [] },
    });
  });

  test('is an empty object without clients', async () => {
    assert.equal((await askAdmin(fakeAdminSource(), 'GET /client_state.json')).text, '{}');
  });
});

describe('namer_state', () => {
  test('has a page for each namer that tells its state, and none for others', async () => {
    const source = fakeAdminSource({
      namers: [{ prefix: p('/#/io.l5d.consul'), state: () => ({ dc1: ['web'] }) }, { prefix: p('/#/mute') }],
    });
    const { contentType, text } = await askAdmin(source, 'GET /namer_state/io.l5d.consul.json');
    assert.deepEqual([contentType, text], ['application/json', '{"dc1":["web"]}']);
    assert.equal((await askAdmin(source, 'GET /namer_state/mute.json')).status, 404);
    assert.equal((await askAdmin(source, 'GET /namer_state/other.json')).status, 404);
  });

  test('has the later of two namers with one prefix', async () => {
    const prefix = p('/#/fs');
    const source = fakeAdminSource({
      namers: [
        { prefix, state: () => 1 },
        { prefix, state: () => 2 },
      ],
    });
    assert.equal((await askAdmin(source, 'GET /namer_state/fs.json')).text, '2');
  });

  test('has prefixes of several elements, and escapes what a URL cannot hold', async () => {
    const source = fakeAdminSource({
      namers: [
        { prefix: p('/#/a/b'), state: () => 'deep' },
        { prefix: pathFromText('#', 'x y'), state: () => 'odd' },
        { prefix: p('/#/c#d%'), state: () => 'hash' },
      ],
    });
    assert.equal((await askAdmin(source, 'GET /namer_state/a/b.json')).text, '"deep"');
    assert.equal((await askAdmin(source, 'GET /namer_state/%5Cx78%5Cx20%5Cx79.json')).text, '"odd"');
    assert.equal((await askAdmin(source, 'GET /namer_state/c%23d%25.json')).text, '"hash"');
  });

  test('appears for a namer that came later', async () => {
    const namers = [{ prefix: p('/#/a'), state: () => 1 }];
    const source = fakeAdminSource({ namers });
    namers.push({ prefix: p('/#/b'), state: () => 2 });
    assert.equal((await askAdmin(source, 'GET /namer_state/b.json')).text, '2');
  });
});

describe('interpreter_state', () => {
  test('has a page below the router for an interpreter that tells its state, with its kind in lower case', async () => {
    const interpreter = { ...fakeInterpreter(), state: () => ({ configMap: 'linkerd/dtabs' }) };
    const source = fakeAdminSource({
      routers: [fakeRouter({ label: 'out', interpreter, interpreterKind: 'io.l5d.k8s.configMap' }), fakeRouter()],
    });
    const { text } = await askAdmin(source, 'GET /out/interpreter_state/io.l5d.k8s.configmap.json');
    assert.equal(text, '{"configMap":"linkerd/dtabs"}');
    assert.equal((await askAdmin(source, 'GET /http/interpreter_state/default.json')).status, 404);
  });
});
