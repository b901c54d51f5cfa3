import { testMixedExpression } from '../../support/conformance/mixed.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { startDnsDriver } from './drivers/dns-driver.js';
import { startFakeKubernetesDriver } from './drivers/fake-kubernetes-driver.js';
import { startMarathonDriver } from './drivers/marathon-driver.js';

expectNoOpenHandles();

testMixedExpression('io.l5d.k8s, io.l5d.marathon and io.l5d.dnssrv', async () => {
  const [kubernetes, marathon, dns] = await Promise.all([
    startFakeKubernetesDriver(),
    startMarathonDriver(),
    startDnsDriver(),
  ]);
  return [kubernetes, marathon, dns];
});
