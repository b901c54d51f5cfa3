import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import { signal } from '@preact/signals-core';
import { constant, failed, PENDING, type State } from '../../../src/base/activity.js';
import { ADDR_PENDING, type Addr, addrBound, makeAddress } from '../../../src/base/addr.js';
import type { Dtab } from '../../../src/base/dtab.js';
import { MetricsScope } from '../../../src/base/metrics.js';
import { parseDtab, parsePath } from '../../../src/base/name-grammar.js';
import { EMPTY_PATH, type Path } from '../../../src/base/path.js';
import { seededRandom } from '../../../src/base/random.js';
import { makeSystemNamer } from '../../../src/naming/built-in-namers.js';
import type { DelegateTree } from '../../../src/naming/delegate-tree.js';
import { makeDtabInterpreter } from '../../../src/naming/dtab-interpreter.js';
import { type AskOptions, askAdmin } from '../../support/ask-admin.js';
import { fakeAdminSource, fakeInterpreter, fakeRouter } from '../../support/fake-admin-source.js';
import { FakeHostResolver } from '../../support/fake-host-resolver.js';
import { ManualClock } from '../../support/manual-clock.js';

interface Asked {
  readonly who: string;
  readonly path: string;
  readonly dentries: number | undefined;
}

/** A router `http`, a router `remote` that cannot delegate, and a fallback; all note what they were asked. */
function sourceWith(tree: State<DelegateTree>, asked: Asked[] = []) {
  const delegate = (who: string) =>
    fakeInterpreter((path: Path, dtab: Dtab | undefined) => {
      asked.push({ who, path: path.show(), dentries: dtab?.dentries.length });
      return signal(tree);
    });
  return fakeAdminSource({
    routers: [
      fakeRouter({ label: 'http', interpreter: delegate('http') }),
      fakeRouter({ label: 'remote', interpreter: fakeInterpreter() }),
    ],
    fallbackInterpreter: delegate('fallback'),
  });
}

const NEG: State<DelegateTree> = { state: 'ok', value: { type: 'neg', path: '/svc/a', dentry: undefined } };
const JSON_TYPE = { headers: { 'content-type': 'application/json' } };
const post = (body: unknown, options: AskOptions = JSON_TYPE) =>
  askAdmin(sourceWith(NEG), 'POST /delegator.json', {
    ...options,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

describe('delegator.json', () => {
  test('asks the interpreter of the router named by namespace, with the dtab given', async () => {
    const asked: Asked[] = [];
    const answer = await askAdmin(
      sourceWith(NEG, asked),
      'GET /delegator.json?namespace=http&path=/svc/a&dtab=/svc%3D>/b;/b%3D>/c',
    );
    assert.deepEqual(asked, [{ who: 'http', path: '/svc/a', dentries: 2 }]);
    assert.deepEqual(
      [answer.status, answer.contentType, answer.text],
      [200, 'application/json', '{"type":"neg","path":"/svc/a"}'],
    );
  });

  test('takes a missing dtab for an empty one, which replaces the router’s', async () => {
    const asked: Asked[] = [];
    await askAdmin(sourceWith(NEG, asked), 'GET /delegator.json?namespace=http&path=/svc/a');
    assert.deepEqual(asked, [{ who: 'http', path: '/svc/a', dentries: 0 }]);
  });

  for (const query of ['path=/a', 'namespace=nobody&path=/a']) {
    test(`asks the default interpreter for ?${query}`, async () => {
      const asked: Asked[] = [];
      await askAdmin(sourceWith(NEG, asked), `GET /delegator.json?${query}`);
      assert.deepEqual(asked, [{ who: 'fallback', path: '/a', dentries: 0 }]);
    });
  }

  test('answers the same to POST', async () => {
    const asked: Asked[] = [];
    const body = JSON.stringify({ namespace: 'http', dtab: '/a=>/b', path: '/a', other: 1 });
    const answer = await askAdmin(sourceWith(NEG, asked), 'POST /delegator.json', { ...JSON_TYPE, body });
    assert.equal(answer.status, 200);
    assert.deepEqual(asked, [{ who: 'http', path: '/a', dentries: 1 }]);
  });

  test('takes a media type with parameters and in other case', async () => {
    const headers = { 'content-type': 'Application/JSON; charset=utf-8' };
    assert.equal((await post({ dtab: '', path: '/a' }, { headers })).status, 200);
  });

  const bad: readonly (readonly [query: string, text: string])[] = [
    ['path=/a&dtab=nope', "Invalid dtab: '/' expected but 'n' found at '[n]ope'"],
    ['path=invalid-param', "Invalid path: '/' expected but 'i' found at '[i]nvalid-param'"],
    ['path=bad&dtab=nope', "Invalid dtab: '/' expected but 'n' found at '[n]ope'"],
    ['dtab=', "Invalid path: '/' expected but end of input found at '[]'"],
  ];
  for (const [query, text] of bad) {
    test(`refuses ?${query} with 400`, async () => {
      const answer = await askAdmin(sourceWith(NEG), `GET /delegator.json?${query}`);
      assert.deepEqual([answer.status, answer.text], [400, text]);
    });
  }

  const malformed = [
    '',
    'not json',
    'null',
    '[]',
    '"/a"',
    '{}',
    '{"path":"/a"}',
    '{"dtab":""}',
    '{"dtab":null,"path":"/a"}',
    '{"dtab":"","path":1}',
    '{"dtab":"","path":"/a","namespace":7}',
  ];
  for (const body of malformed) {
    test(`refuses the POST body ${body || '(empty)'} with 400`, async () => {
      const answer = await post(body);
      assert.deepEqual([answer.status, answer.text], [400, `Malformed delegation request: ${body}`]);
    });
  }

  for (const type of [undefined, 'text/plain', 'application/x-www-form-urlencoded', 'application/jsonx']) {
    test(`refuses POST of ${type ?? 'no media type'} with an empty 415`, async () => {
      const answer = await post(
        { dtab: '', path: '/a' },
        type === undefined ? {} : { headers: { 'content-type': type } },
      );
      assert.deepEqual([answer.status, answer.text], [415, '']);
    });
  }

  test('refuses other methods with 405', async () => {
    for (const method of ['PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      const answer = await askAdmin(sourceWith(NEG), `${method} /delegator.json?path=/a`);
      assert.deepEqual([answer.status, answer.headers.allow], [405, 'GET, HEAD, POST'], method);
    }
  });

  test('answers 501 for an interpreter that cannot delegate', async () => {
    const answer = await askAdmin(sourceWith(NEG), 'GET /delegator.json?namespace=remote&path=/a');
    assert.deepEqual([answer.status, answer.text], [501, 'Name Interpreter for remote cannot show delegations']);
  });

  test('answers 500 with the message when the whole delegation fails, even with a RangeError', async () => {
    const source = sourceWith(failed(new RangeError('Max recursion level reached.')));
    const answer = await askAdmin(source, 'GET /delegator.json?path=/a');
    assert.deepEqual([answer.status, answer.text], [500, 'Max recursion level reached.']);
  });

  test('waits for the addresses of a leaf', async () => {
    const addr = signal<Addr>(ADDR_PENDING);
    const bound = { id: parsePath('/#/io.l5d.fs/web'), residual: EMPTY_PATH, addr };
    const leaf: DelegateTree = { type: 'leaf', path: '/#/io.l5d.fs/web', dentry: undefined, bound };
    const answer = askAdmin(sourceWith({ state: 'ok', value: leaf }), 'GET /delegator.json?path=/a');
    addr.value = addrBound([makeAddress('10.0.0.1', 80)]);
    assert.deepEqual(JSON.parse((await answer).text), {
      type: 'leaf',
      path: '/#/io.l5d.fs/web',
      bound: {
        addr: { type: 'bound', addrs: [{ ip: '10.0.0.1', port: 80, meta: {} }], meta: {} },
        id: '/#/io.l5d.fs/web',
        path: '/',
      },
    });
  });

  test('answers 503 after two seconds, whether the tree or an address is pending', async () => {
    const bound = { id: parsePath('/#/a'), residual: EMPTY_PATH, addr: signal<Addr>(ADDR_PENDING) };
    const leaf: DelegateTree = { type: 'leaf', path: '/#/a', dentry: undefined, bound };
    for (const tree of [PENDING, { state: 'ok', value: leaf } as const]) {
      mock.timers.enable({ apis: ['setTimeout'] });
      try {
        let done = false;
        const answer = askAdmin(sourceWith(tree), 'GET /delegator.json?path=/a').finally(() => {
          done = true;
        });
        await Promise.resolve();
        mock.timers.tick(1999);
        await new Promise(setImmediate);
        assert.equal(done, false);
        mock.timers.tick(1);
        const { status, text } = await answer;
        assert.deepEqual([status, text], [503, 'Request timed out.']);
      } finally {
        mock.timers.reset();
      }
    }
  });

  test('stops watching when it has answered', async () => {
    let watched = 0;
    const addr = signal<Addr>(addrBound([]), { watched: () => (watched += 1), unwatched: () => (watched -= 1) });
    const bound = { id: parsePath('/#/a'), residual: EMPTY_PATH, addr };
    const tree = constant<DelegateTree>({ type: 'leaf', path: '/#/a', dentry: undefined, bound });
    const source = fakeAdminSource({ fallbackInterpreter: fakeInterpreter(() => tree) });
    assert.equal((await askAdmin(source, 'GET /delegator.json?path=/a')).status, 200);
    assert.equal(watched, 0);
  });

  test('walks the interpreter that binds, with its system namer', async () => {
    const clock = new ManualClock();
    const system = makeSystemNamer({
      clock,
      random: seededRandom(1),
      metrics: new MetricsScope(),
      resolver: new FakeHostResolver(),
    });
    const interpreter = makeDtabInterpreter({ dtab: constant(parseDtab('/svc=>/$/nil')), namers: [], system });
    const source = fakeAdminSource({ routers: [fakeRouter({ interpreter })] });
    const query = 'namespace=http&path=/svc/a&dtab=/svc=>/$/fail;/svc=>/$/inet/127.1/8080;/svc=>/nowhere';
    const { status, text } = await askAdmin(source, `GET /delegator.json?${query.replaceAll('=>', '%3D>')}`);
    const { type, path, alt } = JSON.parse(text);
    assert.deepEqual([status, type, path], [200, 'alt', '/svc/a']);
    assert.deepEqual(alt, [
      { type: 'neg', path: '/nowhere/a', dentry: { prefix: '/svc', dst: '/nowhere' } },
      {
        type: 'leaf',
        path: '/$/inet/127.1/8080/a',
        dentry: { prefix: '/svc', dst: '/$/inet/127.1/8080' },
        bound: {
          addr: { type: 'bound', addrs: [{ ip: '127.0.0.1', port: 8080, meta: {} }], meta: {} },
          id: '/$/inet/127.1/8080',
          path: '/a',
        },
      },
      { type: 'fail', path: '/$/fail/a', dentry: { prefix: '/svc', dst: '/$/fail' } },
    ]);
    await system.close();
  });
});
