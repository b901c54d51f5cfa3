import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { effect } from '@preact/signals-core';
import { fsInterpreter } from '../../../../namers/fs/index.js';
import { type FsInterpreterOptions, makeFsInterpreter } from '../../../../namers/fs/interpreter.js';
import { constant, firstSettled } from '../../../../src/base/activity.js';
import { realClock } from '../../../../src/base/clock.js';
import type { Logger } from '../../../../src/base/log.js';
import { parseDtab, parsePath } from '../../../../src/base/name-grammar.js';
import { NEG } from '../../../../src/base/name-tree.js';
import { eventually } from '../../../support/eventually.js';
import { FakeNamer } from '../../../support/fake-namer.js';
import { expectNoOpenHandles } from '../../../support/open-handles.js';
import { type FollowedBinding, showBinding } from '../../../support/transformer-scene.js';

expectNoOpenHandles();

/** An interpreter on the file `routes.dtab` of a new directory, over a namer that has /#/fake/a, /b and /c. */
function start(t: TestContext, routerDtab = '', options: Partial<FsInterpreterOptions> = {}) {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'fs-interpreter-')));
  const file = join(directory, 'routes.dtab');
  const namer = new FakeNamer('/#/fake');
  for (const [i, name] of ['/a', '/b', '/c'].entries()) namer.exists(name, `10.0.0.${i + 1}:80`);
  const logged: string[] = [];
  const say =
    (level: string) =>
    (message: string): void => {
      logged.push(`${level} ${message}`);
    };
  const log: Logger = { error: say('error'), warn: say('warn'), info: say('info'), debug: say('debug') };
  const interpreter = makeFsInterpreter({
    dtabFile: file,
    dtab: parseDtab(routerDtab),
    namers: [namer],
    system: { lookup: () => constant(NEG) },
    clock: realClock,
    log,
    ...options,
  });
  const stops: (() => void)[] = [];
  t.after(async () => {
    for (const stop of stops) stop();
    await interpreter.close();
    rmSync(directory, { recursive: true, force: true });
  });
  /** Only the ids: what they are bound to. */
  const follow = (path = '/svc', local = ''): FollowedBinding => {
    const binding = interpreter.bind(parseDtab(local), parsePath(path));
    const history: string[] = [];
    const stop = effect(() => void history.push(showBinding(binding.value).replace(/ \(.*\)/, '')));
    stops.push(stop);
    return {
      get now() {
        return history.at(-1) ?? '';
      },
      history,
      stop,
    };
  };
  return { directory, file, namer, interpreter, follow, logged };
}

describe('io.l5d.fs interpreter', () => {
  test('binds by the dtab in the file, over the namers of the configuration', async (t) => {
    const { file, follow } = start(t);
    writeFileSync(file, '# routes\n/svc => /#/fake/a ;\n');
    const followed = follow();
    await eventually(() => followed.now !== 'pending');
    assert.deepEqual(followed.history, ['pending', '/#/fake/a']);
  });

  test("puts the router's dtab behind that of the file, and the request's behind both", async (t) => {
    const { file, follow } = start(t, '/svc/router => /#/fake/b');
    writeFileSync(file, '/svc => /#/fake/a ; /svc/router => /#/fake/a');
    const names = [follow('/svc/file'), follow('/svc/router'), follow('/svc/router', '/svc/router => /#/fake/c')];
    await eventually(() => names.every(({ now }) => now !== 'pending'));
    assert.deepEqual(
      names.map(({ now }) => now),
      ['/#/fake/a + /file', '/#/fake/b', '/#/fake/c'],
    );
  });

  test('takes up each good write, in place and by rename', async (t) => {
    const { file, follow } = start(t);
    writeFileSync(file, '/svc => /#/fake/a');
    const followed = follow();
    await eventually(() => followed.now === '/#/fake/a');
    writeFileSync(file, '/svc => /#/fake/b');
    await eventually(() => followed.now === '/#/fake/b');
    for (const name of ['c', 'a', 'b']) {
      writeFileSync(`${file}.new`, `/svc => /#/fake/${name}`);
      renameSync(`${file}.new`, file);
      await eventually(() => followed.now === `/#/fake/${name}`);
    }
    assert.deepEqual(
      followed.history.slice(1),
      ['a', 'b', 'c', 'a', 'b'].map((name) => `/#/fake/${name}`),
    );
  });

  test('takes up a link that is turned to another directory, as a mounted ConfigMap does it', async (t) => {
    const { directory, file, follow } = start(t);
    for (const name of ['a', 'b']) {
      mkdirSync(join(directory, name));
      writeFileSync(join(directory, name, 'routes.dtab'), `/svc => /#/fake/${name}`);
    }
    symlinkSync('a', join(directory, '..data'));
    symlinkSync('..data/routes.dtab', file);
    const followed = follow();
    await eventually(() => followed.now === '/#/fake/a');
    symlinkSync('b', join(directory, '..data_tmp'));
    renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
    await eventually(() => followed.now === '/#/fake/b');
  });

  test('is pending while there is no file, at the start and after it was deleted', async (t) => {
    const { file, interpreter, follow } = start(t);
    const followed = follow();
    assert.equal((await firstSettled(interpreter.bind(parseDtab(''), parsePath('/svc')), 100)).state, 'pending');
    writeFileSync(file, '/svc => /#/fake/a');
    await eventually(() => followed.now === '/#/fake/a');
    rmSync(file);
    await eventually(() => followed.now === 'pending');
    writeFileSync(file, '/svc => /#/fake/a');
    await eventually(() => followed.now === '/#/fake/a');
  });

  test('fails while the file holds no dtab, and says where it is wrong', async (t) => {
    const { file, follow, logged } = start(t);
    writeFileSync(file, '/svc => /#/fake/a ;\n/host = /#/fake/b ;\n/more => /#/fake/c');
    const followed = follow();
    await eventually(() => followed.now !== 'pending');
    const message = `${file}:2:8: Invalid dtab: '>' expected but ' ' found at ' /#/fake/a ; /host =[ ]/#/fake/b`;
    assert.ok(followed.now.startsWith(`error ${message}`), followed.now);
    assert.equal(logged.length, 1);
    assert.ok(logged[0]?.startsWith(`warn ${message}`), logged[0]);
    assert.match(logged[0] ?? '', /names in use keep their endpoints, new ones fail until that is corrected$/);
  });

  test('fails after a good dtab as well, and is good again at the next good write (1.x bug 19)', async (t) => {
    const { file, follow, logged } = start(t);
    writeFileSync(file, '/svc => /#/fake/a');
    const followed = follow();
    await eventually(() => followed.now === '/#/fake/a');
    for (const bad of ['/svc => ', '/svc => /#/fake/a ;;', 'routes:\n- a']) {
      writeFileSync(file, bad);
      await eventually(() => followed.now.startsWith(`error ${file}:`));
      writeFileSync(file, '/svc => /#/fake/b');
      await eventually(() => followed.now === '/#/fake/b');
    }
    assert.deepEqual(
      logged.map((line) => line.split(' ')[0]),
      ['warn', 'info', 'warn', 'info', 'warn', 'info'],
    );
  });

  test('waits for the rest of a file that is still being written', async (t) => {
    const { file, follow } = start(t);
    writeFileSync(file, '/svc => /#/fake/a');
    const followed = follow();
    await eventually(() => followed.now === '/#/fake/a');
    // Without a turn in between, as one program's writes are.
    writeFileSync(file, '/svc => ');
    writeFileSync(file, '/svc => /#/fake/b');
    await eventually(() => followed.now === '/#/fake/b');
    assert.deepEqual(followed.history, ['pending', '/#/fake/a', '/#/fake/b']);
  });

  test('takes a file without dentries for the empty dtab', async (t) => {
    const { file, follow } = start(t, '/router => /#/fake/a');
    writeFileSync(file, '# nothing yet\n');
    const names = [follow('/svc'), follow('/router')];
    await eventually(() => names.every(({ now }) => now !== 'pending'));
    assert.deepEqual(
      names.map(({ now }) => now),
      ['neg', '/#/fake/a'],
    );
  });

  test('reads a file of 20,000 dentries, and keeps what it has when one is too large', async (t) => {
    const { file, follow, interpreter, logged } = start(t);
    const many = Array.from({ length: 20_000 }, (_, i) => `/svc/${i} => /#/fake/a ;\n`).join('');
    writeFileSync(file, many);
    const followed = follow('/svc/19999');
    await eventually(() => followed.now === '/#/fake/a');
    writeFileSync(file, `${many}# ${'x'.repeat(16 * 1024 * 1024)}`);
    await eventually(() => logged.some((line) => line.includes('larger than 16777216 bytes')));
    assert.equal(followed.now, '/#/fake/a');
    assert.match(JSON.stringify(interpreter.state()), /larger than/);
  });

  test('watches for as long as somebody observes it, and for the linger time', async (t) => {
    const { file, interpreter, follow } = start(t, '', { lingerMs: 0 });
    writeFileSync(file, '/svc => /#/fake/a');
    const watch = (): string => interpreter.state().directory.watch;
    assert.equal(watch(), 'off');
    const followed = follow();
    await eventually(() => followed.now === '/#/fake/a');
    assert.equal(watch(), 'events');
    followed.stop();
    await eventually(() => watch() === 'off');
  });

  test('tells its state', async (t) => {
    const { file, interpreter, follow } = start(t);
    const dtab = () => interpreter.state().dtab;
    assert.deepEqual(dtab(), { state: 'pending' });
    follow();
    writeFileSync(file, '/svc=>/#/fake/a');
    await eventually(() => assert.deepEqual(dtab(), { state: 'ok', dtab: '/svc=>/#/fake/a' }) === undefined);
    writeFileSync(file, '/svc');
    await eventually(() => dtab().state === 'failed');
    assert.match(JSON.stringify(dtab()), /routes\.dtab:1:5: Invalid dtab: '=' expected but end of input found/);
    assert.equal(interpreter.state().dtabFile, file);
  });

  test("delegates by the file and the router's dtab, or one in the router's place", async (t) => {
    const { file, interpreter } = start(t, '/svc => /host');
    writeFileSync(file, '/host => /#/fake ; /elsewhere => /#/fake');
    const delegate = async (dtab?: string): Promise<string> => {
      const tree = interpreter.delegate?.(parsePath('/svc/a'), dtab === undefined ? undefined : parseDtab(dtab));
      assert.ok(tree);
      const settled = await firstSettled(tree, 2000);
      assert.ok(settled.state === 'ok');
      const { value } = settled;
      return value.type === 'delegate' ? `${value.path} ${value.delegate.path} ${value.delegate.type}` : value.type;
    };
    assert.equal(await delegate(), '/svc/a /host/a delegate');
    assert.equal(await delegate('/svc => /elsewhere'), '/svc/a /elsewhere/a delegate');
    assert.equal(await delegate(''), 'neg');
  });

  test('refuses a file that is not there when the configuration is loaded', (t) => {
    const { directory, file } = start(t);
    for (const path of [file, directory, join(directory, 'no', 'such')]) {
      const parsed = fsInterpreter.config.safeParse({ dtabFile: path });
      assert.equal(parsed.error?.issues[0]?.message, `${path} is not a file`);
    }
    writeFileSync(file, '');
    assert.equal(fsInterpreter.config.safeParse({ dtabFile: file }).success, true);
  });
});
