import { testNamer } from '../../support/namer-conformance.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { registrySuite } from '../registries/registry-suite.js';
import { startKubernetesDriver } from './drivers/kubernetes-driver.js';

expectNoOpenHandles();

registrySuite('kubernetes', () =>
  testNamer({
    title: 'io.l5d.k8s',
    empty: 'empty',
    // Names of services are DNS labels: there is no unicodeService.
    // One list and watch of a namespace and a kind is shared by all names.
    watchesOf100: 2,
    leftOut: {
      garbage: 'the API server takes nothing that is no endpoint; a fake one shows it in kubernetes-fake.test.ts',
    },
    start: startKubernetesDriver,
  }),
);
