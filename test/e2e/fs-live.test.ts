import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setLogLevel } from '../../src/base/log.js';
import { eventually } from '../support/eventually.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import type { RawResponse } from '../support/raw-client.js';
import { get, request, Scene } from '../support/scene.js';
import { fixed, type Upstream } from '../support/upstream.js';

expectNoOpenHandles();

/** A gateway that routes by the files of a directory, and upstreams that answer their own name. */
async function start(t: TestContext, dtab = '/svc => /#/io.l5d.fs', identifier = 'io.l5d.header.token') {
  const scene = new Scene(t);
  const directory = scene.directory();
  const upstream = (name: string): Promise<Upstream> => scene.upstream(fixed(200, name));
  const [a, b] = await Promise.all([upstream('a'), upstream('b')]);
  const gateway = await scene.gateway(`
admin: {port: 0}
namers: [{kind: io.l5d.fs, rootDir: ${JSON.stringify(directory)}}]
routers:
- {protocol: http, dtab: "${dtab}", identifier: {kind: ${identifier}}, servers: [{port: 0}]}`);
  const client = await scene.client(gateway);
  const ask = async (name = 'web'): Promise<RawResponse> => {
    await client.send(request('GET /', [`Host: ${name}`, `l5d-name: ${name}`]));
    return client.readResponse();
  };
  /** Asks on until `text` answers; how long that took, in ms. */
  const untilAnsweredBy = async (text: string, limitMs = 1000): Promise<number> => {
    const startedAt = performance.now();
    for (;;) {
      const response = await ask();
      const tookMs = performance.now() - startedAt;
      if (response.text.startsWith(text)) return tookMs;
      if (tookMs > limitMs) assert.fail(`after ${limitMs} ms still answered ${response.status} ${response.text}`);
    }
  };
  const file = (name: string): string => join(directory, name);
  const admin = async (path: string): Promise<unknown> => {
    const text = get(path).replace('Host: web', 'Host: 127.0.0.1');
    return JSON.parse((await scene.ask({ port: gateway.adminPort }, text)).text);
  };
  return { a, b, gateway, ask, untilAnsweredBy, file, admin };
}

test('address added to a file takes traffic within 100 ms of the write, as a rule', async (t) => {
  const { a, b, ask, untilAnsweredBy, file } = await start(t);
  writeFileSync(file('web'), a.discoLine);
  assert.equal((await ask()).text, 'a');
  const figures: number[] = [];
  for (let i = 0; i < 5; i++) {
    const [next, other] = i % 2 === 0 ? [b, a] : [a, b];
    writeFileSync(file('web'), `${next.discoLine}# was ${other.port}\n`);
    figures.push(await untilAnsweredBy(i % 2 === 0 ? 'b' : 'a'));
  }
  figures.sort((x, y) => x - y);
  t.diagnostic(`from write to first request: ${figures.map((ms) => ms.toFixed(0)).join(', ')} ms`);
  // The median: one slow turn of a busy machine is not the gateway's.
  assert.ok((figures[2] as number) < 250, figures.join(', '));
});

test('file that is replaced by a rename takes effect', async (t) => {
  const { a, b, ask, untilAnsweredBy, file } = await start(t);
  writeFileSync(file('web'), a.discoLine);
  assert.equal((await ask()).text, 'a');
  writeFileSync(file('.web.new'), b.discoLine);
  renameSync(file('.web.new'), file('web'));
  await untilAnsweredBy('b');
});

test('file that appears, vanishes and appears again', async (t) => {
  const { a, b, ask, untilAnsweredBy, file } = await start(t);
  assert.equal((await ask()).status, 502);
  writeFileSync(file('web'), a.discoLine);
  await untilAnsweredBy('a');
  rmSync(file('web'));
  await untilAnsweredBy('Unable to route request!');
  writeFileSync(file('web'), b.discoLine);
  await untilAnsweredBy('b');
});

test('file without addresses is a service without hosts: no fallback', async (t) => {
  const { a, ask, untilAnsweredBy, file } = await start(t, '/svc => /#/io.l5d.fs/other ; /svc => /#/io.l5d.fs');
  writeFileSync(file('other'), a.discoLine);
  assert.equal((await ask()).text, 'a');
  writeFileSync(file('web'), '# nothing yet\n');
  await untilAnsweredBy('Unable to route request!');
  rmSync(file('web'));
  await untilAnsweredBy('a');
});

test('malformed file leaves its last good addresses serving and says so', async (t) => {
  setLogLevel('namer.io.l5d.fs', 'OFF');
  const { a, b, ask, untilAnsweredBy, file, admin } = await start(t);
  writeFileSync(file('web'), a.discoLine);
  writeFileSync(file('fine'), b.discoLine);
  assert.equal((await ask()).text, 'a');
  writeFileSync(file('web'), `${b.discoLine}not an address\n`);
  const state = async (): Promise<string> => JSON.stringify(await admin('/namer_state/io.l5d.fs.json'));
  const deadline = performance.now() + 2000;
  while (!(await state()).includes('malformed address: not an address')) {
    assert.ok(performance.now() < deadline, await state());
  }
  for (let i = 0; i < 5; i++) assert.equal((await ask()).text, 'a');
  assert.equal((await ask('fine')).text, 'b');
  writeFileSync(file('web'), b.discoLine);
  await untilAnsweredBy('b');
  assert.doesNotMatch(await state(), /malformed/);
});

test('file that is malformed from the start is an error of its own name alone', async (t) => {
  setLogLevel('namer.io.l5d.fs', 'OFF');
  const { a, b, ask, untilAnsweredBy, file } = await start(t);
  writeFileSync(file('web'), 'web:80\n');
  writeFileSync(file('fine'), b.discoLine);
  const response = await ask();
  assert.equal(response.status, 502);
  assert.equal((await ask('fine')).text, 'b');
  writeFileSync(file('web'), a.discoLine);
  await untilAnsweredBy('a');
});

test('directories name what they hold, one element each; the rest of the name is the residual', async (t) => {
  const { a, ask, file, untilAnsweredBy } = await start(t, '/svc => /#/io.l5d.fs/prod/eu');
  assert.equal((await ask()).status, 502);
  mkdirSync(file('prod/eu'), { recursive: true });
  writeFileSync(file('prod/eu/web'), a.discoLine);
  await untilAnsweredBy('a');
  assert.equal(a.requests.at(-1)?.header('l5d-dst-client'), '/#/io.l5d.fs/prod/eu/web');
});

test('name of a request never leaves the directory', async (t) => {
  const { a, gateway, file } = await start(t, '/svc => /#/io.l5d.fs/sub', 'io.l5d.header');
  const scene = new Scene(t);
  mkdirSync(file('sub'));
  writeFileSync(file('web'), a.discoLine);
  writeFileSync(file('sub/inside'), a.discoLine);
  for (const name of [
    '/..',
    '/../web',
    '/\\x2e\\x2e/web',
    '/..\\x2fweb',
    '/inside\\x00',
    '/./inside',
    '/sub/web',
    '/',
  ]) {
    const { status, text } = await scene.ask(gateway, get('/', `l5d-name: ${name}`));
    assert.equal(status, 502, `${name}: ${text}`);
  }
  assert.equal(a.requests.length, 0);
  assert.equal((await scene.ask(gateway, get('/', 'l5d-name: /inside'))).status, 200);
});

test('one file changes: names of other files keep their connections', async (t) => {
  const { a, b, gateway, ask, untilAnsweredBy, file } = await start(t);
  writeFileSync(file('other'), a.discoLine);
  writeFileSync(file('web'), b.discoLine);
  assert.equal((await ask('other')).text, 'a');
  assert.equal((await ask('web')).text, 'b');
  const updates = (): number => gateway.metric('rt', 'http', 'client', '#/io.l5d.fs/other', 'loadbalancer', 'updates');
  const before = updates();
  rmSync(file('web'));
  await untilAnsweredBy('Unable to route request!');
  assert.equal((await ask('other')).text, 'a');
  assert.equal(a.connections.length, 1);
  assert.equal(updates(), before);
  // What is gone keeps no connection.
  await eventually(() => b.openConnections === 0);
});

test('one address changes: the other keeps its connection, that of the one that left ends with its request', async (t) => {
  const { a, b, ask, untilAnsweredBy, file, gateway } = await start(t);
  writeFileSync(file('web'), a.discoLine);
  assert.equal((await ask()).text, 'a');
  writeFileSync(file('web'), a.discoLine + b.discoLine);
  await untilAnsweredBy('b');
  await untilAnsweredBy('a');
  assert.equal(a.connections.length, 1);
  writeFileSync(file('web'), b.discoLine);
  await eventually(() => a.openConnections === 0);
  assert.equal((await ask()).text, 'b');
  assert.equal(b.connections.length, 1);
  const balancing = (name: string): number =>
    gateway.metric('rt', 'http', 'client', '#/io.l5d.fs/web', 'loadbalancer', name);
  assert.deepEqual([balancing('adds'), balancing('removes'), balancing('size')], [2, 1, 1]);
});
