import { testNamer } from '../../support/namer-conformance.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { registrySuite } from '../registries/registry-suite.js';
import { startConsulDriver } from './drivers/consul-driver.js';

expectNoOpenHandles();

registrySuite('consul', () =>
  testNamer({
    title: 'io.l5d.consul',
    // The catalog has no services, only instances.
    empty: 'absent',
    unicodeService: 'naïve-größe-名前',
    watchesOf100: 100,
    start: startConsulDriver,
  }),
);
