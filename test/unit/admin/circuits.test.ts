import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parsePath } from '../../../src/base/name-grammar.js';
import type { ServiceBreaker } from '../../../src/breaker/breaker.js';
import { type AskOptions, askAdmin } from '../../support/ask-admin.js';
import { fakeAdminSource, fakeRouter } from '../../support/fake-admin-source.js';

function fakeBreaker(overrides: Partial<ServiceBreaker> = {}): ServiceBreaker {
  return {
    state: 'closed',
    forced: undefined,
    fallback: undefined,
    underWay: 3,
    window: { requests: 10, failures: 4 },
    admit: () => assert.fail('asked for a request'),
    fellBack: () => assert.fail('told of a fallback'),
    force(to) {
      Object.assign(this, { forced: to, state: to ?? 'closed' });
    },
    close: () => {},
    ...overrides,
  };
}

/** Two routers: `http` with three names, one of them with two local dtabs; `inner` with one. */
function scene() {
  const web = fakeBreaker({ state: 'halfOpen', fallback: parsePath('/svc/backup') });
  const webByDtab = fakeBreaker();
  const api = fakeBreaker();
  const innerWeb = fakeBreaker();
  const source = fakeAdminSource({
    routers: [
      fakeRouter({
        circuits: () => [
          { service: parsePath('/svc/web'), localDtab: '', breaker: web },
          { service: parsePath('/svc/web'), localDtab: '/svc/web=>/svc/next', breaker: webByDtab },
          { service: parsePath('/svc/api'), localDtab: '', breaker: api },
        ],
      }),
      fakeRouter({
        label: 'inner',
        circuits: () => [{ service: parsePath('/svc/web'), localDtab: '', breaker: innerWeb }],
      }),
    ],
  });
  const ask = (what: string, options?: AskOptions) => askAdmin(source, what, options);
  const forced = () => [web, webByDtab, api, innerWeb].map((breaker) => breaker.forced);
  return { ask, forced };
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const JSON_TYPE = { 'content-type': 'application/json' };

describe('circuits.json', () => {
  test('lists the breaker of each router, name and local dtab', async () => {
    const { status, contentType, text } = await scene().ask('GET /circuits.json');
    assert.deepEqual([status, contentType], [200, 'application/json']);
    const shown = JSON.parse(text) as Record<string, unknown>[];
    assert.deepEqual(shown[0], {
      router: 'http',
      service: '/svc/web',
      localDtab: '',
      state: 'halfOpen',
      forced: null,
      window: { requests: 10, failures: 4 },
      underWay: 3,
      fallback: '/svc/backup',
    });
    assert.deepEqual(
      shown.slice(1).map(({ router, service, localDtab, fallback }) => [router, service, localDtab, fallback]),
      [
        ['http', '/svc/web', '/svc/web=>/svc/next', null],
        ['http', '/svc/api', '', null],
        ['inner', '/svc/web', '', null],
      ],
    );
  });

  test('is an empty list where no service has a breaker', async () => {
    assert.equal((await askAdmin(fakeAdminSource(), 'GET /circuits.json')).text, '[]');
  });

  test('forces all of one name in one router, and frees them again', async () => {
    const { ask, forced } = scene();
    const { status, text } = await ask('POST /circuits.json?router=http&service=/svc/web&force=open');
    assert.equal(status, 200);
    assert.deepEqual(forced(), ['open', 'open', undefined, undefined]);
    const shown = JSON.parse(text) as Record<string, unknown>[];
    assert.deepEqual(
      shown.map(({ state, forced: held }) => [state, held]),
      [
        ['open', 'open'],
        ['open', 'open'],
      ],
    );
    await ask('POST /circuits.json?router=http&service=/svc/web&force=closed');
    assert.deepEqual(forced(), ['closed', 'closed', undefined, undefined]);
    await ask('POST /circuits.json?router=http&service=/svc/web&force=auto');
    assert.deepEqual(forced(), [undefined, undefined, undefined, undefined]);
  });

  for (const [name, headers, body] of [
    ['a JSON object', JSON_TYPE, '{"router": "http", "service": "/svc/api", "force": "open"}'],
    ['a form', FORM, 'router=http&service=%2Fsvc%2Fapi&force=open'],
  ] as const) {
    test(`takes its parameters from ${name}`, async () => {
      const { ask, forced } = scene();
      assert.equal((await ask('POST /circuits.json', { headers, body })).status, 200);
      assert.deepEqual(forced(), [undefined, undefined, 'open', undefined]);
    });
  }

  for (const [given, status, message] of [
    ['?router=http&service=/svc/web', 400, 'force is "", want open, closed or auto\n'],
    ['?router=http&service=/svc/web&force=OPEN', 400, 'force is "OPEN", want open, closed or auto\n'],
    ['?router=web&service=/svc/web&force=open', 404, 'router is "web", want one of "http", "inner"\n'],
    ['?service=/svc/web&force=open', 404, 'router is "", want one of "http", "inner"\n'],
    [
      '?router=inner&service=/svc/api&force=open',
      404,
      'service is "/svc/api", which has no circuit breaker in the router "inner": ' +
        'either none is configured for it, or nobody has asked for the name lately\n',
    ],
  ] as const) {
    test(`answers ${status} to ${given} and forces nothing`, async () => {
      const { ask, forced } = scene();
      const answer = await ask(`POST /circuits.json${given}`);
      assert.deepEqual([answer.status, answer.text], [status, message]);
      assert.deepEqual(forced(), [undefined, undefined, undefined, undefined]);
    });
  }

  for (const body of ['{', '[]', 'null', '"open"', '{"router": "http", "service": "/svc/web", "force": true}']) {
    test(`answers 400 to the JSON ${body}`, async () => {
      assert.equal((await scene().ask('POST /circuits.json', { headers: JSON_TYPE, body })).status, 400);
    });
  }

  test('is switched off with the control pages', async () => {
    const { ask } = scene();
    assert.equal((await ask('GET /circuits.json', { security: { controlEnabled: false } })).status, 404);
  });

  test('is not obeyed from a web page of another site', async () => {
    const { ask, forced } = scene();
    const headers = { origin: 'http://evil.example' };
    const what = 'POST /circuits.json?router=http&service=/svc/web&force=open';
    assert.equal((await ask(what, { headers })).status, 403);
    assert.deepEqual(forced(), [undefined, undefined, undefined, undefined]);
  });
});
