// Reloader: SIGHUP, a changed file or admin asks; the configuration is read, checked and handed to the running gateway, or
// refused while the one in force goes on.

import { basename, dirname, resolve } from 'node:path';
import { readDocument } from '../../config/schema/document.js';
import { showConfigError } from '../../config/schema/parse.js';
import { FILE_TIMING } from '../../namers/shared/file-timing.js';
import { WatchedDirectory } from '../../namers/shared/watched-directory.js';
import type { AdminReloader, ReloadOutcome, ReloadStatus } from '../admin/handler.js';
import { observe } from '../base/activity.js';
import { canonicalJson } from '../base/canonical-json.js';
import type { Clock } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import type { Logger } from '../base/log.js';
import { bytesFromText } from '../base/path.js';
import type { Linker, LoadedConfig } from '../linker.js';
import { rawList } from '../raw-config.js';
import { configChanges } from './config-changes.js';
import {
  configDirectory,
  configName,
  type ReadConfig,
  readConfig,
  readConfigText,
  refuseWhole,
} from './read-config.js';
import type { Terminal } from './terminal.js';

export interface ReloaderOptions {
  /** Path of the configuration, or `-`: then there is nothing to read again. */
  readonly file: string;
  /** What the gateway was started with. */
  readonly loaded: LoadedConfig;
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What messages call a configuration that admin was given. */
const POSTED = '<posted>';
/** Larger files are not followed; none that is accepted comes near it. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

export class Reloader implements AdminReloader {
  readonly #options: ReloaderOptions;
  #linker: Pick<Linker, 'reload'> | undefined;
  #inForce: LoadedConfig;
  #status: ReloadStatus;
  /** The reload under way, and those behind it. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ReloaderOptions) {
    const { file, loaded, clock } = options;
    this.#options = options;
    this.#inForce = loaded;
    this.#status = { source: configName(file), loadedAt: clock.epochMs(), reloads: 0, refused: 0, last: undefined };
  }

  /** The gateway that serves. Before the first `reload`. */
  attach(linker: Pick<Linker, 'reload'>): void {
    this.#linker = linker;
  }

  get status(): ReloadStatus {
    return this.#status;
  }

  /** What the gateway serves by. */
  get inForce(): LoadedConfig {
    return this.#inForce;
  }

  reload(text: string | undefined): Promise<ReloadOutcome> {
    const turn = this.#turn.then(() => this.#reload(text));
    this.#turn = turn;
    return turn;
  }

  /** Reloads when the file's text changes, however that is done: in place, by renaming over it, by another link. */
  watch(): Closable {
    const { file, clock, log } = this.#options;
    const path = resolve(file);
    const directory = new WatchedDirectory<string>(Buffer.from(dirname(path)), {
      ...FILE_TIMING,
      clock,
      log,
      decode: (text) => text,
      maxBytes: MAX_FILE_BYTES,
    });
    let last: string | undefined;
    const stop = observe(directory.file(bytesFromText(basename(path))).value, (now) => {
      // While there is none the configuration in force stays: somebody is about to put another one there.
      if (now.state !== 'ok' || now.value === undefined || now.value === last) return;
      const isFirst = last === undefined;
      last = now.value;
      // It was read at the start, and may have changed since.
      if (isFirst && this.#isInForce(now.value)) return;
      log.info(`${path} has changed`);
      void this.reload(undefined);
    });
    return {
      close: () => {
        stop();
        return directory.close();
      },
    };
  }

  /** Never rejects. */
  async #reload(text: string | undefined): Promise<ReloadOutcome> {
    const { clock, log } = this.#options;
    const { source, reloads, refused } = this.#status;
    const outcome = await this.#attempt(text);
    if (outcome.ok) {
      const changes = outcome.changed.length === 0 ? 'nothing has changed' : `changed: ${outcome.changed.join(', ')}`;
      log.info(`configuration reloaded, ${changes}`);
      this.#status = { source, loadedAt: clock.epochMs(), reloads: reloads + 1, refused, last: outcome };
    } else {
      for (const error of outcome.errors) log.error(`configuration refused: ${showConfigError(error)}`);
      log.warn('the configuration before goes on');
      this.#status = { ...this.#status, refused: refused + 1, last: outcome };
    }
    return outcome;
  }

  /** Code of plugins takes part in reading as in linking: what it throws refuses the configuration, and ends nothing. */
  async #attempt(text: string | undefined): Promise<ReloadOutcome> {
    try {
      return await this.#take(text === undefined ? await this.#read() : await this.#readGiven(text));
    } catch (error) {
      const { errors } = refuseWhole(text === undefined ? this.#status.source : POSTED, (error as Error).message);
      return { ok: false, changed: [], errors };
    }
  }

  async #take(read: ReadConfig): Promise<ReloadOutcome> {
    if (!read.ok) return { ok: false, changed: [], errors: read.errors };
    if (!this.#linker) throw new Error('no gateway is attached');
    const changed = configChanges(this.#inForce.raw, read.raw);
    await this.#linker.reload(read);
    this.#inForce = read;
    return { ok: true, changed, errors: [] };
  }

  async #read(): Promise<ReadConfig> {
    const { file, terminal } = this.#options;
    if (file !== '-') return readConfig(file, terminal);
    return refuseWhole(configName(file), 'the configuration came from stdin: send another with POST /config');
  }

  async #readGiven(text: string): Promise<ReadConfig> {
    const { file } = this.#options;
    // The code of plugins would run before anything is checked: whoever reaches the admin port must not choose it.
    const read = readDocument(text);
    if (read.ok && pluginWords(read.document.value) !== pluginWords(this.#inForce.raw)) {
      return refuseWhole(
        POSTED,
        'plugins: differ from those in force: they are loaded from the configuration file alone',
      );
    }
    return readConfigText(text, POSTED, configDirectory(file));
  }

  #isInForce(text: string): boolean {
    const read = readDocument(text);
    return read.ok && canonicalJson(read.document.value) === canonicalJson(this.#inForce.raw);
  }
}

function pluginWords(raw: unknown): string {
  return canonicalJson(rawList(raw, 'plugins'));
}
