// The image of deploy/Dockerfile, put together by its own instructions in a folder: no Docker, and no step that needs a network.

import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually } from '../support/eventually.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { START_LIMIT_MS } from '../support/program.js';

expectNoOpenHandles();

/** Of this build: src, namers, config and test. */
const BUILT = fileURLToPath(new URL('../../', import.meta.url));
/** As `RUN npm run build` leaves it where there is no test and no bench. */
const DIST = ['src', 'namers', 'config'];
const USER = '1000';

/** Name and operands of each, in order. */
const INSTRUCTIONS = readFileSync('deploy/Dockerfile', 'utf8')
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => /^(\S+)\s+(.*)$/.exec(line) ?? assert.fail(line))
  .map(([, name = '', operands = '']) => ({ name, operands }));

const isRoot = process.getuid?.() === 0;
/** As the container runtime does it: all mounted read-only, another user, no capability and no way to one. */
const SANDBOX = [
  ...['unshare', '--mount', ...(isRoot ? [] : ['--map-root-user']), 'sh', '-c'],
  `mount -o remount,bind,ro / && { test ! -d "$0/app" || ! touch "$0/app/x" 2>/dev/null; } && exec setpriv ${
    isRoot ? `--reuid ${USER} --regid ${USER} --clear-groups --bounding-set=-all ` : ''
  }--no-new-privs -- "$@"`,
];
const attempt = spawnSync(SANDBOX[0] ?? '', [...SANDBOX.slice(1), '/', 'true'], { encoding: 'utf8' });
const skip = attempt.status === 0 ? false : `a read-only root takes unshare, mount, setpriv: ${attempt.stderr}`;

describe('image of deploy/Dockerfile', { skip }, () => {
  let root: string;
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'linkgate-image-'));
    chmodSync(root, 0o755);
    for (const folder of ['app', 'app/dist', 'etc']) mkdirSync(join(root, folder));
    for (const { name, operands } of INSTRUCTIONS) {
      const copied = /^--from=build \/app\/(\S+) \S+$/.exec(operands)?.[1];
      if (name === 'COPY' && copied !== undefined) copy(copied, join(root, 'app', copied));
    }
    cpSync('deploy/kubernetes/base/linkerd.yaml', join(root, 'etc/linkerd.yaml'));
    writeFileSync(
      join(root, 'etc/small.yaml'),
      'admin: {port: 0}\nrouters: [{protocol: http, servers: [{port: 0}]}]\n',
    );
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  const sandboxed = (command: readonly string[]): readonly string[] => [...SANDBOX, root, ...command];
  const run = (args: readonly string[], env: Record<string, string> = {}): SpawnSyncReturns<string> => {
    const [command = '', ...rest] = sandboxed(args);
    return spawnSync(command, rest, { encoding: 'utf8', env: { ...process.env, ...env } });
  };
  const entrypoint = (): readonly string[] => {
    const [, main = ''] = json('ENTRYPOINT');
    return [process.execPath, main.replace(/^\/app/, join(root, 'app'))];
  };

  it('copies what there is, and what .dockerignore lets through', () => {
    const ignored = readFileSync('.dockerignore', 'utf8').split('\n');
    const sources = INSTRUCTIONS.filter(({ name, operands }) => name === 'COPY' && !operands.startsWith('--from'))
      .flatMap(({ operands }) => operands.split(' ').slice(0, -1))
      .sort();
    assert.deepEqual(sources, ['config', 'namers', 'package-lock.json', 'package.json', 'src', 'tsconfig.json']);
    for (const source of sources) assert.ok(existsSync(source) && ignored.includes(`!${source}`), source);
    assert.ok(ignored.includes('*'));
  });

  it('runs as a user whose number says that it is not root', () => {
    assert.deepEqual(
      INSTRUCTIONS.filter(({ name }) => name === 'USER').map(({ operands }) => operands),
      [`${USER}:${USER}`],
    );
  });

  it('holds all that the program needs, with the packages of production alone', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    const said = run([...entrypoint(), '--version']);
    assert.equal(said.status, 0, said.stderr);
    assert.match(said.stdout, new RegExp(version.replaceAll('.', '\\.')));
  });

  it('takes the configuration of the Kubernetes manifests', () => {
    const said = run([...entrypoint(), 'check', join(root, 'etc/linkerd.yaml')]);
    assert.equal(said.status, 0, said.stderr);
  });

  it('serves from a read-only root without rights, is healthy by its own check, and drains on SIGTERM', async () => {
    const [command = '', ...args] = sandboxed([...entrypoint(), 'run', join(root, 'etc/small.yaml')]);
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = once(child, 'close');
    try {
      let log = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        log += text;
      });
      const port = (): string | undefined => /admin on http:\/\/127\.0\.0\.1:(\d+)/.exec(log)?.[1];
      await eventually(() => port() !== undefined, { timeoutMs: START_LIMIT_MS }).catch(() => assert.fail(log));
      const [, ...check] = json('HEALTHCHECK');
      assert.equal(run([process.execPath, ...check], { ADMIN_PORT: port() ?? '' }).status, 0);
      // Nobody can listen there.
      assert.equal(run([process.execPath, ...check], { ADMIN_PORT: '1' }).status, 1);
      child.kill('SIGTERM');
      assert.deepEqual(await ended, [0, null], log);
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  });
});

/** The list at the end of an instruction. */
function json(name: string): readonly string[] {
  const found = INSTRUCTIONS.find((one) => one.name === name);
  return JSON.parse(found?.operands.replace(/^[^[]*/, '') ?? '[]') as string[];
}

/** What the build stage leaves at /app/<name>. */
function copy(name: string, to: string): void {
  if (name === 'dist') {
    for (const folder of DIST) cpSync(join(BUILT, folder), join(to, folder), { recursive: true });
  } else if (name === 'node_modules') {
    for (const path of productionPackages()) cpSync(path, join(to, '..', path), { recursive: true });
  } else {
    cpSync(name, to);
  }
}

/** As `npm prune --omit=dev` leaves them: `node_modules/pino`. */
function productionPackages(): readonly string[] {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
  };
  return Object.entries(packages)
    .filter(([path, { dev }]) => path !== '' && !dev)
    .map(([path]) => path);
}
