// FsNamerFixture: an io.l5d.fs namer on a fresh directory, with what it answers as text.

import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { effect } from '@preact/signals-core';
import { FsNamer, type FsNamerOptions } from '../../namers/fs/namer.js';
import { type Addr, showAddress } from '../../src/base/addr.js';
import { realClock } from '../../src/base/clock.js';
import type { Logger } from '../../src/base/log.js';
import { parsePath } from '../../src/base/name-grammar.js';
import type { Path } from '../../src/base/path.js';
import { FakeHostResolver } from './fake-host-resolver.js';

/** What following a path has shown. */
export interface Followed {
  /**
   * Tree and addresses now: `neg`, `pending`, `error <message>`, or `/id residual: host:port*weight …`, where an empty set
   * shows as nothing and other addresses as `neg`, `pending` or `error <message>`.
   */
  readonly now: string;
  /** Every `now` so far. */
  readonly history: readonly string[];
  /** How many different tree objects there were. */
  readonly trees: number;
  stop(): void;
}

export class FsNamerFixture {
  readonly dir: string;
  readonly resolver = new FakeHostResolver();
  /** `<level> <message>`. */
  readonly logged: string[] = [];
  readonly namer: FsNamer;
  readonly #base: string;

  constructor(options: Partial<Pick<FsNamerOptions, 'clock' | 'lingerMs' | 'watch'>> = {}) {
    this.#base = realpathSync(mkdtempSync(join(tmpdir(), 'fs-namer-')));
    this.dir = join(this.#base, 'disco');
    mkdirSync(this.dir);
    const say =
      (level: string) =>
      (message: string): void => {
        this.logged.push(`${level} ${message}`);
      };
    const log: Logger = { error: say('error'), warn: say('warn'), info: say('info'), debug: say('debug') };
    this.namer = new FsNamer({
      prefix: parsePath('/#/io.l5d.fs'),
      rootDir: this.dir,
      clock: realClock,
      resolver: this.resolver,
      log,
      ...options,
    });
  }

  path(...names: readonly string[]): string {
    return join(this.dir, ...names);
  }

  /** Writes in place, and makes directories that are missing. */
  write(name: string, text: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), text);
  }

  /** Writes beside and renames over, as a careful program does. */
  replace(name: string, text: string): void {
    this.write(`${name}.tmp`, text);
    renameSync(this.path(`${name}.tmp`), this.path(name));
  }

  follow(path: string | Path): Followed {
    const tree = this.namer.lookup(typeof path === 'string' ? parsePath(path) : path);
    const history: string[] = [];
    const trees = new Set<unknown>();
    const stop = effect(() => {
      const now = tree.value;
      if (now.state === 'failed') history.push(`error ${now.error.message}`);
      else if (now.state === 'pending') history.push('pending');
      else {
        trees.add(now.value);
        if (now.value.type !== 'leaf') history.push(now.value.type);
        else if (now.value.value.type === 'bound') {
          const { id, residual, addr } = now.value.value.bound;
          history.push(`${id.show()} ${residual.show()}: ${showAddr(addr.value)}`);
        }
      }
    });
    return {
      get now() {
        return history.at(-1) ?? '';
      },
      history,
      get trees() {
        return trees.size;
      },
      stop,
    };
  }

  async close(): Promise<void> {
    await this.namer.close();
    rmSync(this.#base, { recursive: true, force: true });
  }
}

function showAddr(addr: Addr): string {
  if (addr.state === 'failed') return `error ${addr.error.message}`;
  if (addr.state !== 'bound') return addr.state;
  return addr.addresses.map((a) => showAddress(a) + (a.weight === 1 ? '' : `*${a.weight}`)).join(' ');
}
