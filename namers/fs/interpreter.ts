// io.l5d.fs as an interpreter: a dtab in a file that is watched, in front of the router's own, over the namers of the
// configuration.

import { basename, dirname, resolve } from 'node:path';
import { computed } from '@preact/signals-core';
import { type Activity, failed, ok, PENDING, type State } from '../../src/base/activity.js';
import { type Dtab, showDtab } from '../../src/base/dtab.js';
import { type Logger, makeLogger } from '../../src/base/log.js';
import { parseDtab } from '../../src/base/name-grammar.js';
import { briefly, lineAndColumn, ParseError } from '../../src/base/parse-error.js';
import { bytesFromText } from '../../src/base/path.js';
import type { Interpreter, InterpreterContext } from '../../src/naming/interpreter.js';
import { makeLiveDtabInterpreter } from '../../src/naming/live-dtab-interpreter.js';
import { FILE_TIMING } from '../shared/file-timing.js';
import { type DirectoryState, WatchedDirectory, type WatchFunction } from '../shared/watched-directory.js';

export interface FsInterpreterOptions extends Pick<InterpreterContext, 'dtab' | 'namers' | 'system' | 'clock'> {
  readonly dtabFile: string;
  readonly log?: Logger;
  /** From the last observer's leaving to the end of the watch, in milliseconds. Default 10,000. */
  readonly lingerMs?: number;
  /** Default `fs.watch`. */
  readonly watch?: WatchFunction;
}

export interface FsInterpreter extends Interpreter {
  state(): FsInterpreterState;
}

export interface FsInterpreterState {
  readonly dtabFile: string;
  readonly dtab:
    | { readonly state: 'pending' }
    | { readonly state: 'ok'; readonly dtab: string }
    | { readonly state: 'failed'; readonly error: string };
  readonly directory: DirectoryState;
}

/** A dtab of 100,000 dentries takes less than half of it. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/**
 * While there is no such file every name is pending. A text that is no dtab fails every name until it is corrected: the
 * binding cache then keeps what it has, and names that are new get the error, which says where in the file it is.
 */
export function makeFsInterpreter(options: FsInterpreterOptions): FsInterpreter {
  const { dtab, namers, system, clock, watch, log = makeLogger('interpreter.io.l5d.fs') } = options;
  const path = resolve(options.dtabFile);
  const directory = new WatchedDirectory<State<Dtab>>(Buffer.from(dirname(path)), {
    ...FILE_TIMING,
    clock,
    log,
    decode: makeDecoder(path, log),
    maxBytes: MAX_FILE_BYTES,
    ...(options.lingerMs !== undefined && { lingerMs: options.lingerMs }),
    ...(watch && { watch }),
  });
  const live = dtabIn(directory, bytesFromText(basename(path)));
  return {
    ...makeLiveDtabInterpreter({ live, dtab, namers, system }),
    state: () => ({ dtabFile: path, dtab: showState(live.peek()), directory: directory.state() }),
    close: () => directory.close(),
  };
}

/** Text that is no dtab is a state of the file, and no reason to keep the one before: new names must not get old routes. */
function makeDecoder(path: string, log: Logger): (text: string) => State<Dtab> {
  let wasBad = false;
  return (text) => {
    try {
      const dtab = ok(parseDtab(text));
      if (wasBad) log.info(`${path} is a dtab again`);
      wasBad = false;
      return dtab;
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
      const { line, column } = lineAndColumn(text, error.offset);
      const message = `${path}:${line}:${column}: Invalid dtab: ${briefly(error, text)}`;
      log.warn(`${message}; names in use keep their endpoints, new ones fail until that is corrected`);
      wasBad = true;
      return failed(new Error(message, { cause: error }));
    }
  };
}

/** `name` is a binary string, as in listings. */
function dtabIn(directory: WatchedDirectory<State<Dtab>>, name: string): Activity<Dtab> {
  return computed(() => {
    const listing = directory.listing.value;
    if (listing.state !== 'ok') return listing;
    if (listing.value.get(name) !== 'file') return PENDING;
    const content = directory.file(name).value.value;
    return content.state === 'ok' ? (content.value ?? PENDING) : content;
  });
}

function showState(dtab: State<Dtab>): FsInterpreterState['dtab'] {
  switch (dtab.state) {
    case 'pending':
      return { state: 'pending' };
    case 'failed':
      return { state: 'failed', error: dtab.error.message };
    case 'ok':
      return { state: 'ok', dtab: showDtab(dtab.value) };
    default:
      return dtab satisfies never;
  }
}
