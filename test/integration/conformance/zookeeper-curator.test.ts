import { testNamer } from '../../support/namer-conformance.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { registrySuite } from '../registries/registry-suite.js';
import { startCuratorDriver } from './drivers/zookeeper-drivers.js';

expectNoOpenHandles();

registrySuite('zookeeper', () =>
  testNamer({
    title: 'io.l5d.curator',
    empty: 'empty',
    unicodeService: 'naïve-größe-名前',
    watchesOf100: 100,
    leftOut: {
      gone: 'a node is deleted after its children: between the two the service is there and empty, which is a 502',
    },
    start: startCuratorDriver,
  }),
);
