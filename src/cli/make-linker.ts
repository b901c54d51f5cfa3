// The linker of a configuration that was read, with the real clock and the real source of chance.

import { realClock } from '../base/clock.js';
import { realRandom } from '../base/random.js';
import { type Linker, type LinkerOptions, makeLinker } from '../linker.js';
import type { ReadConfig } from './read-config.js';
import { VERSION } from './version.js';

/** Throws what a part's `make` throws. */
export function makeRealLinker(
  read: ReadConfig & { readonly ok: true },
  control: Pick<LinkerOptions, 'onShutdownRequest' | 'reloader'>,
): Linker {
  return makeLinker({
    config: read.config,
    raw: read.raw,
    kinds: read.kinds,
    ...control,
    build: { name: 'linkgate', version: VERSION, startedAt: realClock.epochMs() },
    clock: realClock,
    random: realRandom,
  });
}
