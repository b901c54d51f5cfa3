import { testNamer } from '../../support/namer-conformance.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { registrySuite } from '../registries/registry-suite.js';
import { startEtcdDriver } from './drivers/etcd-driver.js';

expectNoOpenHandles();

registrySuite('etcd', () =>
  testNamer({
    title: 'io.l5d.etcd',
    // A service is what has keys below it.
    empty: 'absent',
    unicodeService: 'naïve-größe-名前',
    // All keys below the prefix are watched as one.
    watchesOf100: 1,
    start: startEtcdDriver,
  }),
);
