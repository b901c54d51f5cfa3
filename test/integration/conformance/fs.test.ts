import { testNamer } from '../../support/namer-conformance.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { FsDriver } from './drivers/fs-driver.js';

expectNoOpenHandles();

testNamer({
  title: 'io.l5d.fs',
  empty: 'empty',
  unicodeService: 'naïve-größe-名前',
  // It has no counter of watches: one directory is watched for all.
  watchesOf100: 0,
  leftOut: {
    unreachable: 'the directory must be there when the configuration is loaded',
    silent: 'a directory that does not answer blocks whoever reads it',
    frozen: 'a directory that does not answer blocks whoever reads it',
    garbage: 'it has no counters; test/e2e/fs-live.test.ts shows the rest',
  },
  start: async () => new FsDriver(),
});
