import { testNamer } from '../../support/namer-conformance.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { startFakeKubernetesDriver } from './drivers/fake-kubernetes-driver.js';

expectNoOpenHandles();

testNamer({
  title: 'io.l5d.k8s before a server with EndpointSlices v1',
  empty: 'empty',
  watchesOf100: 2,
  leftOut: { killed: 'the real server shows it in kubernetes.test.ts' },
  start: startFakeKubernetesDriver,
});
