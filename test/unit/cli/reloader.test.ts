import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { showConfigError } from '../../../config/schema/parse.js';
import { FILE_TIMING } from '../../../namers/shared/file-timing.js';
import { WatchedDirectory } from '../../../namers/shared/watched-directory.js';
import type { ReloadOutcome } from '../../../src/admin/handler.js';
import { observe, ok } from '../../../src/base/activity.js';
import { type Clock, realClock } from '../../../src/base/clock.js';
import type { Logger } from '../../../src/base/log.js';
import { readConfigText } from '../../../src/cli/read-config.js';
import { Reloader } from '../../../src/cli/reloader.js';
import type { Linker, ListeningOn, LoadedConfig } from '../../../src/linker.js';
import { eventually } from '../../support/eventually.js';
import { ManualClock } from '../../support/manual-clock.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { FakeTerminal } from './fake-terminal.js';

expectNoOpenHandles();

let root = '';
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'reloader-'));
});
after(() => rm(root, { recursive: true }));

/** A configuration whose first server has that port. */
function config(port: number, more = ''): string {
  return `${more}routers:
- protocol: http
  servers:
  - port: ${port}
`;
}

/** Takes every configuration until a test says otherwise. */
class FakeLinker implements Pick<Linker, 'reload'> {
  /** Ports of the configurations that it was given, in order. */
  readonly given: number[] = [];
  take: (loaded: LoadedConfig) => Promise<void> = async () => {};

  async reload(loaded: LoadedConfig): Promise<ListeningOn> {
    this.given.push(loaded.config.routers[0]?.servers[0]?.port ?? 0);
    await this.take(loaded);
    return { admin: { ip: '127.0.0.1', port: 0 }, servers: [] };
  }
}

class FakeLog implements Logger {
  readonly lines: string[] = [];

  error(message: string): void {
    this.lines.push(`error: ${message}`);
  }

  warn(message: string): void {
    this.lines.push(`warn: ${message}`);
  }

  info(message: string): void {
    this.lines.push(message);
  }

  debug(): void {}
}

interface SceneOptions {
  /** What the gateway was started with. */
  readonly text?: string;
  readonly clock?: Clock;
  /** Default: a file of that text in a directory of its own. */
  readonly file?: string;
}

async function scene({ text = config(4140), clock = new ManualClock(), file }: SceneOptions = {}) {
  const directory = await mkdtemp(join(root, 'scene-'));
  const path = file ?? join(directory, 'linkerd.yaml');
  if (file === undefined) await writeFile(path, text);
  const loaded = await readConfigText(text, path, directory);
  assert.ok(loaded.ok);
  const log = new FakeLog();
  const linker = new FakeLinker();
  const reloader = new Reloader({ file: path, loaded, terminal: new FakeTerminal(text), clock, log });
  reloader.attach(linker);
  return { directory, path, reloader, linker, log, clock };
}

/** Errors as they are logged; `path` is cut off. */
function errorsOf({ errors }: ReloadOutcome, path = ''): readonly string[] {
  return errors.map((error) => showConfigError(error).replace(`${path}:`, ''));
}

describe('reloader', () => {
  test('reads the file again, hands it to the gateway and tells what has changed', async () => {
    const clock = new ManualClock(1000);
    const { path, reloader, linker, log } = await scene({ clock });
    assert.deepEqual(reloader.status, { source: path, loadedAt: 1000, reloads: 0, refused: 0, last: undefined });
    await writeFile(path, config(4141));
    clock.advance(50);
    const outcome = await reloader.reload(undefined);
    assert.deepEqual(outcome, { ok: true, changed: ['routers[0].servers[0].port'], errors: [] });
    assert.deepEqual(linker.given, [4141]);
    assert.deepEqual(reloader.status, { source: path, loadedAt: 1050, reloads: 1, refused: 0, last: outcome });
    assert.deepEqual(log.lines, ['configuration reloaded, changed: routers[0].servers[0].port']);
    assert.equal(reloader.inForce.config.routers[0]?.servers[0]?.port, 4141);
  });

  test('reloads also where nothing has changed: files that it names may have', async () => {
    const { reloader, linker, log } = await scene();
    assert.deepEqual(await reloader.reload(undefined), { ok: true, changed: [], errors: [] });
    assert.deepEqual(linker.given, [4140]);
    assert.deepEqual(log.lines, ['configuration reloaded, nothing has changed']);
  });

  test('refuses a file that does not check, says each error at its line, and goes on with the one before', async () => {
    const { path, reloader, linker, log } = await scene();
    await reloader.reload(undefined);
    const { loadedAt, last: _, ...before } = reloader.status;
    await writeFile(path, `${config(70_000)}  - prot: 1\n`);
    const outcome = await reloader.reload(undefined);
    const errors = [
      '4:11: routers[0].servers[0].port: 70000 outside valid range for ports',
      '5:5: routers[0].servers[1].prot: unknown key "prot", did you mean "port"?',
    ];
    assert.deepEqual([outcome.ok, outcome.changed], [false, []]);
    assert.deepEqual(
      errorsOf(outcome, path).map((error) => error.replace(/ \(known: .*/, '')),
      errors,
    );
    assert.deepEqual(
      log.lines.slice(1).map((line) => line.replace(/ \(known: .*/, '')),
      [
        ...errors.map((error) => `error: configuration refused: ${path}:${error}`),
        'warn: the configuration before goes on',
      ],
    );
    assert.deepEqual(reloader.status, { ...before, loadedAt, refused: 1, last: outcome });
    assert.deepEqual(linker.given, [4140], 'it never heard of it');
    assert.equal(reloader.inForce.config.routers[0]?.servers[0]?.port, 4140);
  });

  test('refuses a file that is gone', async () => {
    const { path, reloader, linker } = await scene();
    await unlink(path);
    const outcome = await reloader.reload(undefined);
    assert.deepEqual(errorsOf(outcome, path), [`1:1: config is not a file: ${path}`]);
    assert.deepEqual([reloader.status.refused, linker.given], [1, []]);
  });

  test('refuses what the gateway cannot become, says why, and tells changes from the one in force afterwards', async () => {
    const { path, reloader, linker, log } = await scene();
    linker.take = async () => {
      throw new Error('Cannot start router http: Cannot listen on 127.0.0.1:4141: listen EADDRINUSE');
    };
    await writeFile(path, config(4141));
    const outcome = await reloader.reload(undefined);
    const error = `${path}:1:1: Cannot start router http: Cannot listen on 127.0.0.1:4141: listen EADDRINUSE`;
    assert.deepEqual([outcome.ok, outcome.errors.map(showConfigError)], [false, [error]]);
    assert.deepEqual(log.lines, [`error: configuration refused: ${error}`, 'warn: the configuration before goes on']);
    assert.equal(reloader.inForce.config.routers[0]?.servers[0]?.port, 4140);
    linker.take = async () => {};
    assert.deepEqual((await reloader.reload(undefined)).changed, ['routers[0].servers[0].port']);
    assert.deepEqual([reloader.status.reloads, reloader.status.refused], [1, 1]);
  });

  test('refuses what makes a plugin throw while it is checked, and goes on', async () => {
    const directory = await mkdtemp(join(root, 'thrower-'));
    await writeFile(
      join(directory, 'thrower.mjs'),
      `import { defineKind, z } from 'linkgate/plugin';
      const text = z.string().transform(() => { throw new TypeError('undefined is not a function'); });
      export default { telemeter: [
        defineKind({ kind: 'test.thrower', description: 'Throws.', config: z.strictObject({ text }), make() {} }),
      ] };`,
    );
    const { path, reloader, linker } = await scene();
    const plugins = `plugins: ['${join(directory, 'thrower.mjs')}']\n`;
    await writeFile(path, config(4141, `${plugins}telemetry: [{kind: test.thrower, text: x}]\n`));
    const [first, second] = await Promise.all([reloader.reload(undefined), reloader.reload(config(4142))]);
    assert.deepEqual(errorsOf(first, path), ['1:1: undefined is not a function']);
    assert.ok(second.ok);
    assert.deepEqual(linker.given, [4142]);
  });

  test('reloads one after the other, in the order in which it was asked', async () => {
    const { reloader, linker } = await scene();
    const order: string[] = [];
    let proceed = (): void => {};
    linker.take = ({ config: { routers } }) => {
      order.push(`begins ${routers[0]?.servers[0]?.port}`);
      return new Promise((resolve) => {
        proceed = () => {
          order.push('ends');
          resolve();
        };
      });
    };
    const reloads = [4141, 4142, 4143].map((port) => reloader.reload(config(port)));
    for (const count of [1, 2, 3]) {
      await eventually(() => linker.given.length === count);
      proceed();
      await reloads[count - 1];
    }
    assert.deepEqual(order, ['begins 4141', 'ends', 'begins 4142', 'ends', 'begins 4143', 'ends']);
    assert.equal(reloader.status.reloads, 3);
  });

  test('without a gateway refuses everything', async () => {
    const { path, clock, log } = await scene();
    const loaded = await readConfigText(config(1), path, root);
    assert.ok(loaded.ok);
    const alone = new Reloader({ file: path, loaded, terminal: new FakeTerminal(), clock, log });
    assert.deepEqual(errorsOf(await alone.reload(undefined), path), ['1:1: no gateway is attached']);
  });
});

describe('reloader that is given a text', () => {
  test('takes it, YAML or JSON, in place of the file until the file is read again', async () => {
    const { path, reloader, linker } = await scene();
    assert.deepEqual((await reloader.reload(config(4141))).changed, ['routers[0].servers[0].port']);
    const json = JSON.stringify({ routers: [{ protocol: 'http', servers: [{ port: 4142 }] }] });
    assert.ok((await reloader.reload(json)).ok);
    assert.deepEqual((await reloader.reload(undefined)).changed, ['routers[0].servers[0].port']);
    assert.deepEqual(linker.given, [4141, 4142, 4140]);
    assert.equal(reloader.status.source, path);
  });

  for (const [what, text, errors] of [
    ['that does not check', config(70_000), ['4:11: routers[0].servers[0].port: 70000 outside valid range for ports']],
    ['that is no map', '- 1', ['1:1: is a list, want a map']],
    ['whose plugins are no list', `plugins: x\n${config(1)}`, ['1:10: plugins: is "x", want a list']],
  ] as const) {
    test(`refuses one ${what}, at its line`, async () => {
      const { reloader, linker } = await scene();
      assert.deepEqual(errorsOf(await reloader.reload(text), '<posted>'), errors);
      assert.deepEqual(linker.given, []);
    });
  }

  test('refuses one that is no YAML', async () => {
    const { reloader } = await scene();
    const { ok, errors } = await reloader.reload('routers: [');
    assert.deepEqual([ok, errors[0]?.file, errors[0]?.line], [false, '<posted>', 1]);
  });

  describe('with plugins', () => {
    /** A plugin that leaves a mark in the process when its code runs. */
    async function withPlugin(name: string): Promise<{ readonly plugin: string; readonly hasRun: () => boolean }> {
      const plugin = join(root, `${name}.mjs`);
      await writeFile(plugin, `process.env.${name} = 'has run'; export default { namer: [] };`);
      return { plugin, hasRun: () => process.env[name] === 'has run' };
    }
    const DIFFERS = '1:1: plugins: differ from those in force: they are loaded from the configuration file alone';

    test('does not run the code of those that are not in force', async () => {
      const { plugin, hasRun } = await withPlugin('RELOADER_TEST_EVIL');
      const { reloader, linker } = await scene();
      for (const text of [
        config(4141, `plugins: ['${plugin}']\n`),
        JSON.stringify({ plugins: [plugin], routers: [{ protocol: 'http', servers: [{}] }] }),
        `x: &evil ['${plugin}']\nplugins: *evil\n${config(4141)}`,
        `\ufeffplugins: ['${plugin}']\n${config(4141)}`,
      ]) {
        assert.deepEqual(errorsOf(await reloader.reload(text), '<posted>'), [DIFFERS], text);
      }
      // Read in two ways it might be one that is let through.
      for (const text of [
        config(4141, `plugins: []\nplugins: ['${plugin}']\n`),
        `${config(4141)}---\nplugins: ['${plugin}']\n`,
        `<<: {plugins: ['${plugin}']}\n${config(4141)}`,
      ]) {
        assert.equal((await reloader.reload(text)).ok, false, text);
      }
      assert.deepEqual([hasRun(), linker.given], [false, []]);
    });

    test('takes those that are in force, and says of a text without them that they are missing', async () => {
      const { plugin, hasRun } = await withPlugin('RELOADER_TEST_OWN');
      const plugins = `plugins: ['${plugin}']\n`;
      const { reloader, linker } = await scene({ text: config(4140, plugins) });
      assert.ok(hasRun());
      assert.ok((await reloader.reload(config(4141, plugins))).ok);
      assert.deepEqual(errorsOf(await reloader.reload(config(4142)), '<posted>'), [DIFFERS]);
      assert.deepEqual(linker.given, [4141]);
    });

    test('says what is wrong with a text that cannot be read, not that its plugins are missing', async () => {
      const { plugin } = await withPlugin('RELOADER_TEST_TYPO');
      const { reloader } = await scene({ text: config(4140, `plugins: ['${plugin}']\n`) });
      const { errors } = await reloader.reload(`plugins: ['${plugin}']\nrouters: [`);
      assert.equal(errors[0]?.line, 2);
      assert.doesNotMatch(errors[0]?.message ?? '', /differ/);
    });

    test('loads those that come with the file', async () => {
      const { plugin, hasRun } = await withPlugin('RELOADER_TEST_FILE');
      const { path, reloader, linker } = await scene();
      await writeFile(path, config(4141, `plugins: ['${plugin}']\n`));
      assert.deepEqual((await reloader.reload(undefined)).changed, ['plugins', 'routers[0].servers[0].port']);
      assert.deepEqual([hasRun(), linker.given], [true, [4141]]);
    });
  });
});

describe('reloader of a configuration from stdin', () => {
  test('has nothing to read again, and says what to do', async () => {
    const { reloader, linker } = await scene({ file: '-' });
    assert.equal(reloader.status.source, '<stdin>');
    assert.deepEqual(errorsOf(await reloader.reload(undefined), '<stdin>'), [
      '1:1: the configuration came from stdin: send another with POST /config',
    ]);
    assert.deepEqual([reloader.status.refused, linker.given], [1, []]);
  });

  test('takes a text', async () => {
    const { reloader, linker } = await scene({ file: '-' });
    assert.ok((await reloader.reload(config(4141))).ok);
    assert.deepEqual(linker.given, [4141]);
  });
});

describe('reloader that watches its file', () => {
  /** Waits until the gateway has been given these ports, and for no more than that. */
  async function given({ linker }: { readonly linker: FakeLinker }, ...ports: readonly number[]): Promise<void> {
    await eventually(
      () => {
        assert.deepEqual(linker.given, ports);
        return true;
      },
      { timeoutMs: 20_000 },
    );
  }

  const isChange = (line: string): boolean => line.endsWith(' has changed');

  /** A scene with a watch, which looks at the file for the first time soon. */
  async function watched(options: SceneOptions = {}) {
    const made = await scene({ ...options, clock: realClock });
    const watch = made.reloader.watch();
    return { ...made, watch };
  }

  /** The file as it is put in place by renaming another one over it, as editors and deployment tools do. */
  async function replace(path: string, text: string): Promise<void> {
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  }

  test('reloads when another is renamed over it, again and again', async () => {
    const watching = await watched();
    try {
      for (const port of [4141, 4142, 4143]) {
        await replace(watching.path, config(port));
        await given(watching, ...[4141, 4142, 4143].slice(0, port - 4140));
      }
      assert.deepEqual(watching.log.lines.slice(0, 2), [
        `${watching.path} has changed`,
        'configuration reloaded, changed: routers[0].servers[0].port',
      ]);
    } finally {
      await watching.watch.close();
    }
  });

  test('reloads when it is written in place', async () => {
    const watching = await watched();
    try {
      await writeFile(watching.path, config(4141));
      await given(watching, 4141);
    } finally {
      await watching.watch.close();
    }
  });

  test('reloads when it is a link and the directory behind it is another, as in a ConfigMap', async () => {
    const directory = await mkdtemp(join(root, 'configmap-'));
    const revision = async (name: string, text: string): Promise<void> => {
      await mkdir(join(directory, name));
      await writeFile(join(directory, name, 'linkerd.yaml'), text);
      await symlink(name, join(directory, '..data.new'));
      await rename(join(directory, '..data.new'), join(directory, '..data'));
    };
    await revision('..first', config(4140));
    const file = join(directory, 'linkerd.yaml');
    await symlink('..data/linkerd.yaml', file);
    const watching = await watched({ file });
    try {
      await revision('..second', config(4141));
      await rm(join(directory, '..first'), { recursive: true });
      await given(watching, 4141);
    } finally {
      await watching.watch.close();
    }
  });

  test('keeps the configuration while the file is missing, and takes what comes in its place', async () => {
    const watching = await watched();
    try {
      // One that watches as it does tells when it can be seen that the file is gone.
      const probe = new WatchedDirectory<string>(Buffer.from(watching.directory), {
        ...FILE_TIMING,
        clock: realClock,
        log: watching.log,
        decode: (text) => text,
        maxBytes: 10_000,
      });
      const { value } = probe.file('linkerd.yaml');
      const stop = observe(value, () => {});
      try {
        await eventually(() => value.peek().state === 'ok', { timeoutMs: 20_000 });
        await unlink(watching.path);
        await eventually(() => isDeepStrictEqual(value.peek(), ok(undefined)), { timeoutMs: 20_000 });
      } finally {
        stop();
        await probe.close();
      }
      await replace(watching.path, config(4141));
      await given(watching, 4141);
      assert.equal(watching.reloader.status.refused, 0);
    } finally {
      await watching.watch.close();
    }
  });

  test('does nothing where the text is the same', async () => {
    const watching = await watched();
    try {
      await replace(watching.path, config(4140));
      await writeFile(watching.path, config(4140));
      // Behind it is one that it hears of.
      await replace(watching.path, config(4141));
      await given(watching, 4141);
      await replace(watching.path, config(4140));
      await given(watching, 4141, 4140);
      assert.equal(watching.log.lines.filter(isChange).length, 2);
    } finally {
      await watching.watch.close();
    }
  });

  test('goes on after a file that is refused', async () => {
    const watching = await watched();
    try {
      await replace(watching.path, config(70_000));
      await eventually(() => watching.reloader.status.refused === 1, { timeoutMs: 20_000 });
      await replace(watching.path, config(4141));
      await given(watching, 4141);
    } finally {
      await watching.watch.close();
    }
  });

  test('takes what was written between the start and its first look', async () => {
    const made = await scene({ clock: realClock });
    await writeFile(made.path, config(4141));
    const watch = made.reloader.watch();
    try {
      await given(made, 4141);
    } finally {
      await watch.close();
    }
  });

  test('takes what comes where there was no file at its first look', async () => {
    const made = await scene({ clock: realClock });
    await unlink(made.path);
    const watch = made.reloader.watch();
    try {
      // Nothing says when it has looked: whatever it saw first, it must end with this.
      await replace(made.path, config(4141));
      await given(made, 4141);
    } finally {
      await watch.close();
    }
  });

  test('hears of nothing after it was closed', async () => {
    const watching = await watched();
    await watching.watch.close();
    await writeFile(watching.path, config(4141));
    // Another watch, begun afterwards, tells when both would have heard of it.
    const second = watching.reloader.watch();
    try {
      await given(watching, 4141);
    } finally {
      await second.close();
    }
    assert.deepEqual(watching.log.lines.filter(isChange), [`${watching.path} has changed`]);
  });
});
