import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { get, request, Scene } from '../support/scene.js';
import { fixed } from '../support/upstream.js';

expectNoOpenHandles();

/** A gateway over the files of a directory, in which `transformers` stand at the interpreter or the namer. */
async function start(
  t: TestContext,
  transformers: { interpreter?: string; namer?: string },
  dtab = '/svc => /#/io.l5d.fs',
) {
  const scene = new Scene(t);
  const directory = scene.directory();
  const [web, proxy] = await Promise.all([scene.upstream(fixed(200, 'web')), scene.upstream(fixed(200, 'proxy'))]);
  const write = (name: string, ...lines: readonly string[]): void =>
    writeFileSync(join(directory, name), `${lines.join('\n')}\n`);
  write('web', `127.0.0.1 ${web.port}`);
  write('proxy', `127.0.0.1 ${proxy.port}`);
  // Nothing listens there, and it is nobody's address here.
  write('far', '192.0.2.1 80');
  const list = (text = ''): string => text.replaceAll('PROXY', String(proxy.port));
  const gateway = await scene.gateway(`
admin: {port: 0}
namers: [{kind: io.l5d.fs, rootDir: ${JSON.stringify(directory)}, transformers: [${list(transformers.namer)}]}]
routers:
- protocol: http
  dtab: "${dtab}"
  interpreter: {kind: default, transformers: [${list(transformers.interpreter)}]}
  servers: [{port: 0}]`);
  const ask = async (name: string) => {
    const { status, text } = await scene.ask(gateway, request('GET /', [`Host: ${name}`]));
    return status === 200 ? text : `${status}`;
  };
  const admin = async (path: string): Promise<unknown> => {
    const text = get(path).replace('Host: web', 'Host: 127.0.0.1');
    return JSON.parse((await scene.ask({ port: gateway.adminPort }, text)).text);
  };
  return { scene, web, proxy, gateway, ask, admin, write };
}

for (const place of ['interpreter', 'namer'] as const) {
  test(`io.l5d.port at the ${place} sends every request to that port`, async (t) => {
    const { proxy, ask } = await start(t, { [place]: '{kind: io.l5d.port, port: PROXY}' });
    assert.equal(await ask('web'), 'proxy');
    assert.equal(proxy.requests[0]?.header('l5d-dst-client'), `/%/io.l5d.port/${proxy.port}/#/io.l5d.fs/web`);
    assert.equal(await ask('none'), '502');
  });

  test(`io.l5d.localhost at the ${place} leaves a name without local addresses without any: 502, no fallback`, async (t) => {
    const { ask, write, web } = await start(
      t,
      { [place]: '{kind: io.l5d.localhost}' },
      '/svc => /#/io.l5d.fs/web ; /svc => /#/io.l5d.fs',
    );
    write('mixed', '192.0.2.1 80', `127.0.0.1 ${web.port}`, '192.0.2.2 80');
    for (let i = 0; i < 4; i++) assert.equal(await ask('mixed'), 'web');
    assert.equal(await ask('far'), '502');
    assert.equal(await ask('none'), 'web', 'a name that does not exist does fall through');
  });

  test(`io.l5d.specificHost at the ${place} keeps one host`, async (t) => {
    const { ask } = await start(t, { [place]: '{kind: io.l5d.specificHost, host: 127.0.0.1}' });
    assert.deepEqual([await ask('web'), await ask('far')], ['web', '502']);
  });

  test(`io.l5d.replace and io.l5d.const at the ${place} send requests elsewhere`, async (t) => {
    const replace = await start(t, { [place]: '{kind: io.l5d.replace, path: /$/inet/127.0.0.1/PROXY}' });
    assert.deepEqual([await replace.ask('web'), await replace.ask('none')], ['proxy', '502']);
    const constant = await start(t, { [place]: '{kind: io.l5d.const, path: /$/inet/127.0.0.1/PROXY}' });
    assert.deepEqual([await constant.ask('web'), await constant.ask('none')], ['proxy', 'proxy']);
  });
}

test('io.l5d.replace by the very namer that it stands at is a 502 that says so', async (t) => {
  const { scene, gateway } = await start(t, { namer: '{kind: io.l5d.replace, path: /#/io.l5d.fs/proxy}' });
  const { status, text } = await scene.ask(gateway, get());
  assert.equal(status, 502);
  assert.match(text, /Cannot bind "\/#\/io\.l5d\.fs\/proxy" for io\.l5d\.replace: it leads back to itself/);
});

test('transformers are applied at the namer first, in the order of each list', async (t) => {
  const { proxy, ask } = await start(t, {
    namer: '{kind: io.l5d.localhost}, {kind: io.l5d.port, port: 1}',
    interpreter: '{kind: io.l5d.port, prefix: /again, port: PROXY}, {kind: io.l5d.localhost, prefix: /last}',
  });
  assert.equal(await ask('web'), 'proxy');
  assert.equal(
    proxy.requests[0]?.header('l5d-dst-client'),
    '/%/last/%/again/%/io.l5d.port/1/%/io.l5d.localhost/#/io.l5d.fs/web',
  );
});

test('client settings match the id of a transformed name', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream(() => {});
  const gateway = await scene.gateway(`
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/1
  interpreter: {kind: default, transformers: [{kind: io.l5d.port, port: ${upstream.port}}]}
  servers: [{port: 0}]
  client:
    kind: io.l5d.static
    configs: [{prefix: "/%/io.l5d.port/${upstream.port}/$/inet", requestAttemptTimeoutMs: 50}]`);
  const { status, text } = await scene.ask(gateway, get());
  assert.equal(status, 503);
  assert.match(text, /^exceeded 50\.milliseconds to 127\.0\.0\.1/);
});

test('address that is added to a file comes through the transformers', async (t) => {
  const { ask, write, web } = await start(t, { interpreter: '{kind: io.l5d.localhost}' });
  assert.equal(await ask('far'), '502');
  write('far', '192.0.2.1 80', `127.0.0.1 ${web.port}`);
  const deadline = performance.now() + 2000;
  while ((await ask('far')) !== 'web') assert.ok(performance.now() < deadline);
});

test('delegator shows each transformation', async (t) => {
  const { admin, proxy, web } = await start(t, { interpreter: '{kind: io.l5d.port, port: PROXY}' });
  const path = encodeURIComponent('/svc/web');
  const dtab = encodeURIComponent('/svc => /#/io.l5d.fs');
  const bound = (id: string, port: number) => ({
    addr: { type: 'bound', addrs: [{ ip: '127.0.0.1', port, meta: {} }], meta: {} },
    id,
    path: '/',
  });
  assert.deepEqual(await admin(`/delegator.json?namespace=http&path=${path}&dtab=${dtab}`), {
    type: 'delegate',
    path: '/svc/web',
    delegate: {
      type: 'transformation',
      path: '/#/io.l5d.fs/web',
      name: 'io.l5d.port',
      bound: bound('/#/io.l5d.fs/web', web.port),
      tree: {
        type: 'leaf',
        path: `/%/io.l5d.port/${proxy.port}/#/io.l5d.fs/web`,
        dentry: { prefix: '/svc', dst: '/#/io.l5d.fs' },
        bound: bound(`/%/io.l5d.port/${proxy.port}/#/io.l5d.fs/web`, proxy.port),
      },
    },
  });
});
