// Every built-in namer, one line each.

import type { Kind } from '../src/base/kind.js';
import type { Namer, NamerContext } from '../src/naming/namer.js';
import { fsNamer } from './fs/index.js';
import { rewriteNamer } from './rewrite/index.js';

/** Hand to each `make` only what its own `config` schema gave out. */
export const namers: readonly Kind<unknown, NamerContext, Namer>[] = [fsNamer, rewriteNamer];
