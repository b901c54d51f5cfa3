// The example of docs/writing-a-namer.md as a package, loaded by `plugins:` and driven through a whole gateway.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readConfig } from '../../src/cli/read-config.js';
import { captureLog } from '../support/captured-log.js';
import { eventually } from '../support/eventually.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { get, Scene } from '../support/scene.js';
import { fixed } from '../support/upstream.js';
import { FakeTerminal, linkgate } from '../unit/cli/fake-terminal.js';
import { fences, readMarkdown } from '../unit/docs/markdown.js';

expectNoOpenHandles();

const DOCUMENT = readMarkdown('docs/writing-a-namer.md');
const [CODE = ''] = fences(DOCUMENT, 'js');
const [CONFIG = ''] = fences(DOCUMENT, 'yaml');
const [MANIFEST = ''] = fences(DOCUMENT, 'json');

/** `/services/<name>` as the catalog of the example answers it; a name without an answer is a 404. */
class Catalog {
  readonly services = new Map<string, string>();
  /** Paths in the order in which they were asked for. */
  readonly asked: string[] = [];
  failing = false;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const path = decodeURIComponent(request.url ?? '');
      this.asked.push(path);
      const answer = this.services.get(path.replace('/services/', ''));
      response.writeHead(this.failing ? 500 : answer === undefined ? 404 : 200).end(this.failing ? 'oops' : answer);
    });
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** The package of the document, installed beside the configuration of the document, which asks a catalog on loopback. */
async function install(t: TestContext) {
  const scene = new Scene(t);
  const catalog = new Catalog();
  const port = await catalog.listen();
  t.after(() => catalog.close());
  const directory = scene.directory();
  const { name } = JSON.parse(MANIFEST) as { name: string };
  const home = join(directory, 'node_modules', name);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'package.json'), MANIFEST);
  writeFileSync(join(home, 'index.js'), CODE);
  const file = join(directory, 'linkerd.yaml');
  const config = CONFIG.replace('host: 10.0.0.5', `host: 127.0.0.1\n    port: ${port}\n    pollMs: 100`);
  writeFileSync(file, `admin: {port: 0}\n${config.replace('port: 4140', 'port: 0')}`);
  return { scene, catalog, file };
}

/** A gateway on what `install` has put there. */
async function start(t: TestContext) {
  const { scene, catalog, file } = await install(t);
  const read = await readConfig(file, new FakeTerminal());
  assert.ok(read.ok, read.ok ? '' : read.report);
  const gateway = await scene.gateway(readFileSync(file, 'utf8'), { kinds: read.kinds });
  const ask = async (name = 'web'): Promise<string> => {
    const { status, text } = await scene.ask(gateway, get().replace('Host: web', `Host: ${name}`));
    return status === 200 ? text : `${status} ${text}`;
  };
  const untilAnswered = async (start: string, name?: string): Promise<void> => {
    const deadline = performance.now() + 3000;
    for (let answer = await ask(name); !answer.startsWith(start); answer = await ask(name)) {
      assert.ok(performance.now() < deadline, `want ${start}, got ${answer}`);
    }
  };
  const admin = async (path: string): Promise<string> =>
    (await scene.ask({ port: gateway.adminPort }, get(path).replace('Host: web', 'Host: 127.0.0.1'))).text;
  return { scene, catalog, gateway, ask, untilAnswered, admin };
}

test('example namer is of some forty lines', () => {
  const lines = CODE.split('\n').filter((line) => line !== '');
  assert.ok(lines.length >= 30 && lines.length <= 50, `${lines.length} lines`);
});

test('example namer follows its registry: services that appear, change, lose all instances and vanish', async (t) => {
  const { scene, catalog, ask, untilAnswered } = await start(t);
  const [a, b] = await Promise.all(['a', 'b'].map((name) => scene.upstream(fixed(200, name))));
  assert.ok(a && b);
  assert.match(await ask(), /^502 /);
  catalog.services.set('web', JSON.stringify([`127.0.0.1:${a.port}`]));
  await untilAnswered('a');
  assert.equal(a.requests[0]?.header('l5d-dst-client'), '/#/catalog/web');
  catalog.services.set('web', JSON.stringify([`127.0.0.1:${b.port}`]));
  await untilAnswered('b');
  catalog.services.set('web', '[]');
  await untilAnswered('502');
  catalog.services.set('web', JSON.stringify([`127.0.0.1:${b.port}`]));
  await untilAnswered('b');
  catalog.services.delete('web');
  await untilAnswered('502');
});

test('example namer keeps the last good answer through errors and garbage, and says so', async (t) => {
  const logged = captureLog(t);
  const { scene, catalog, gateway, ask, untilAnswered, admin } = await start(t);
  const upstream = await scene.upstream(fixed(200, 'a'));
  catalog.services.set('web', JSON.stringify([`127.0.0.1:${upstream.port}`]));
  await untilAnswered('a');
  const garbage = ['{}', 'nonsense', '["nonsense"]', '["127.0.0.1:70000"]'];
  for (const [i, answer] of garbage.entries()) {
    catalog.services.set('web', answer);
    await eventually(() => logged.length > i);
    assert.equal(await ask(), 'a');
  }
  catalog.failing = true;
  await eventually(() => logged.length > garbage.length);
  assert.equal(await ask(), 'a');
  const state = JSON.parse(await admin('/namer_state/catalog.json')) as { watches: { web: { lastError: string } } };
  assert.equal(state.watches.web.lastError, 'GET /services/web: status 500 "oops"');
  assert.ok(gateway.metric('namer', 'catalog', 'service', 'garbage') >= 2);
  assert.ok(gateway.metric('namer_state_age_seconds', 'catalog') > 0);
  // Once for each thing that went wrong.
  assert.equal(logged.filter(({ level }) => level === 'warn').length, garbage.length + 1, JSON.stringify(logged));
  assert.ok(
    logged.every(({ logger }) => logger === 'namer.acme.catalog'),
    JSON.stringify(logged),
  );
});

test('example namer whose registry has never answered lets alternatives be tried, and the caller know why', async (t) => {
  captureLog(t);
  const { catalog, ask, untilAnswered } = await start(t);
  catalog.failing = true;
  assert.match(await ask(), /^502 .*catalog 127\.0\.0\.1:\d+: GET \/services\/web: status 500/s);
  catalog.failing = false;
  catalog.services.set('web', '[]');
  await untilAnswered('502 Unable');
});

test('example namer asks once for one service, whoever wants it, in bytes of any sort', async (t) => {
  const { scene, catalog, gateway } = await start(t);
  const upstream = await scene.upstream(fixed(200, 'a'));
  catalog.services.set('caf\u00e9/1', JSON.stringify([`127.0.0.1:${upstream.port}`]));
  const name = `l5d-dtab: /svc/web => /#/catalog/${[...Buffer.from('caf\u00e9/1')].map((byte) => `\\x${byte.toString(16)}`).join('')}`;
  const answers = await Promise.all([1, 2, 3].map(() => scene.ask(gateway, get('/', name))));
  assert.deepEqual(
    answers.map(({ text }) => text),
    ['a', 'a', 'a'],
  );
  assert.equal(gateway.metric('namer', 'catalog', 'service', 'opens'), 1);
  assert.deepEqual([...new Set(catalog.asked)], ['/services/caf\u00e9/1']);
});

test('plugin is loaded by linkgate check, and its keys are checked', async (t) => {
  const { file } = await install(t);
  const checked = await linkgate(['check', file]);
  assert.deepEqual(checked, { code: 0, out: `${file}: ok (1 router, 1 server, 1 namer)\n`, err: '' });
  writeFileSync(file, readFileSync(file, 'utf8').replace('pollMs: 100', 'pollMS: 100'));
  const refused = await linkgate(['check', file]);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /unknown key "pollMS", did you mean "pollMs"\?/);
  writeFileSync(file, readFileSync(file, 'utf8').replace('- linkgate-namer-catalog', '- linkgate-namer-catalogue'));
  const lost = await linkgate(['check', '--json', file]);
  const { errors } = JSON.parse(lost.out) as {
    errors: { line: number; column: number; path: string; message: string }[];
  };
  assert.equal(errors.length, 1, 'that its kind is unknown is not said as well');
  assert.deepEqual([errors[0]?.line, errors[0]?.column, errors[0]?.path], [3, 5, 'plugins[0]']);
});

test('plugin is loaded by linkgate delegate, which shows what its namer binds', async (t) => {
  const { file, catalog } = await install(t);
  catalog.services.set('web', '["127.0.0.1:8080"]');
  const { code, out } = await linkgate(['delegate', '--config', file, '/svc/web']);
  assert.equal(code, 0);
  assert.match(out, /\/#\/catalog\/web .*\n.*127\.0\.0\.1:8080/);
});

test('plugin is loaded by linkgate run, in a process of its own, and ends with it', async (t) => {
  const { scene, catalog, file } = await install(t);
  const upstream = await scene.upstream(fixed(200, 'a'));
  catalog.services.set('web', JSON.stringify([`127.0.0.1:${upstream.port}`]));
  const main = fileURLToPath(new URL('../../src/main.js', import.meta.url));
  // From another directory: that of the file counts.
  const child = spawn(process.execPath, [main, file], { cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const serving = (): RegExpMatchArray | null => log.match(/serving http on 127\.0\.0\.1:(\d+)/);
  await eventually(() => serving() !== null, { timeoutMs: 15_000 });
  assert.equal((await scene.ask({ port: Number(serving()?.[1]) }, get())).text, 'a');
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
  const others = log.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  assert.deepEqual(others, [], 'nothing but log lines, so no warning of Node either');
});
