// io.l5d.fs: service discovery by files: a path in, the addresses of the file that it names out.
//
// A path is matched against directory listings, element by element, and never becomes part of a file name by itself. So
// `..`, a slash or a zero byte in an element names nothing, whatever its spelling in the dtab or the request.

import { resolve } from 'node:path';
import { computed, type ReadonlySignal } from '@preact/signals-core';
import { type Activity, ok, type State } from '../../src/base/activity.js';
import type { Addr } from '../../src/base/addr.js';
import type { Clock } from '../../src/base/clock.js';
import { type Logger, makeLogger } from '../../src/base/log.js';
import { leaf, type NameTree, NEG } from '../../src/base/name-tree.js';
import { Path } from '../../src/base/path.js';
import type { HostResolver } from '../../src/naming/host-resolver.js';
import { type Inet, makeInet } from '../../src/naming/inet.js';
import type { Name, Namer } from '../../src/naming/namer.js';
import { FILE_TIMING } from '../shared/file-timing.js';
import { liveAddr, type ServiceSet } from '../shared/service-trees.js';
import { type DirectoryState, WatchedDirectory, type WatchFunction } from '../shared/watched-directory.js';
import type { WatchedFile } from '../shared/watched-file.js';
import { parseDiscoFile } from './disco-file.js';

export interface FsNamerOptions {
  readonly prefix: Path;
  readonly rootDir: string;
  readonly clock: Clock;
  /** How host names in files are looked up; closed with the namer. Default: `makeHostResolver`. */
  readonly resolver?: HostResolver;
  readonly log?: Logger;
  /** From the last observer's leaving to the end of the watch. Default 10 s. */
  readonly lingerMs?: number;
  /** Default `fs.watch`. */
  readonly watch?: WatchFunction;
}

/** Linkerd's limit of 500 KB. */
const MAX_FILE_BYTES = 500 * 1024;

type DiscoFile = WatchedFile<ServiceSet>;

export class FsNamer implements Namer {
  readonly prefix: Path;
  readonly #rootDir: string;
  readonly #root: WatchedDirectory<ServiceSet>;
  readonly #inet: Inet;
  /** One address signal for each file, whatever the path that led to it. */
  readonly #addrs = new WeakMap<DiscoFile, ReadonlySignal<Addr>>();

  constructor(options: FsNamerOptions) {
    const { clock, resolver } = options;
    const log = options.log ?? makeLogger(`namer.${options.prefix.drop(1).show().slice(1)}`);
    this.prefix = options.prefix;
    this.#rootDir = resolve(options.rootDir);
    this.#inet = makeInet({ clock, resolver, log });
    this.#root = new WatchedDirectory(Buffer.from(this.#rootDir), {
      ...FILE_TIMING,
      clock,
      log,
      decode: (text) => ({ endpoints: parseDiscoFile(text) }),
      maxBytes: MAX_FILE_BYTES,
      ...(options.lingerMs !== undefined && { lingerMs: options.lingerMs }),
      ...(options.watch && { watch: options.watch }),
    });
  }

  /** The file is the first one on the way down; sub-directories take one element each, the rest is the residual. */
  lookup(path: Path): Activity<NameTree<Name>> {
    let answer: { readonly file: DiscoFile; readonly tree: State<NameTree<Name>> } | undefined;
    return computed(() => {
      const found = this.#find(path);
      if ('state' in found) return found;
      if (answer?.file !== found.file) answer = { file: found.file, tree: ok(leaf(this.#name(path, found))) };
      return answer.tree;
    });
  }

  /** The files of `rootDir` itself; those of sub-directories are left out. */
  boundNames(): readonly Path[] {
    const files = [...this.#root.names()].filter(([, kind]) => kind === 'file');
    return files.map(([name]) => this.prefix.concat(new Path([name])));
  }

  state(): { readonly rootDir: string } & DirectoryState {
    return { rootDir: this.#rootDir, ...this.#root.state() };
  }

  async close(): Promise<void> {
    await Promise.all([this.#root.close(), this.#inet.close()]);
  }

  #find(path: Path): Found | State<NameTree<Name>> {
    let directory = this.#root;
    for (const [depth, element] of path.elements.entries()) {
      const listing = directory.listing.value;
      if (listing.state !== 'ok') return listing;
      const kind = listing.value.get(element);
      if (kind === 'file') return { file: directory.file(element), size: depth + 1 };
      if (kind === undefined) return NO_SUCH_FILE;
      directory = directory.directory(element);
    }
    return NO_SUCH_FILE;
  }

  #name(path: Path, { file, size }: Found): Name {
    const id = this.prefix.concat(path.take(size));
    return { type: 'bound', bound: { id, residual: path.drop(size), addr: this.#addr(file) } };
  }

  #addr(file: DiscoFile): ReadonlySignal<Addr> {
    let addr = this.#addrs.get(file);
    if (!addr) {
      addr = liveAddr(file.value, this.#inet);
      this.#addrs.set(file, addr);
    }
    return addr;
  }
}

interface Found {
  readonly file: DiscoFile;
  /** Elements that lead to it. */
  readonly size: number;
}

const NO_SUCH_FILE: State<NameTree<Name>> = ok(NEG);
