// Kind `test.fake`: lets a configuration name a FakeNamer, so that an end-to-end test decides what names are bound to.

import { z } from 'zod';
import { defineKind } from '../../src/base/kind.js';
import { kinds } from '../../src/kinds.js';
import type { Kinds } from '../../src/linker.js';
import type { FakeNamer } from './fake-namer.js';

/** `namer` must have the prefix `/#/test.fake`. */
export function kindsWith(namer: FakeNamer): Kinds {
  const fake = defineKind({
    kind: 'test.fake',
    description: 'Answers what a test says.',
    config: z.strictObject({}),
    make: () => namer,
  });
  return { ...kinds, namer: [...kinds.namer, fake] };
}
