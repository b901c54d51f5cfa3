import { testNamer } from '../../support/namer-conformance.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { registrySuite } from '../registries/registry-suite.js';
import { startLeaderDriver } from './drivers/zookeeper-drivers.js';

expectNoOpenHandles();

registrySuite('zookeeper', () =>
  testNamer({
    title: 'io.l5d.zkLeader',
    empty: 'absent',
    unicodeService: 'naïve-größe-名前',
    watchesOf100: 100,
    start: startLeaderDriver,
  }),
);
