import { testMixedExpression } from '../../support/conformance/mixed.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { registrySuite } from '../registries/registry-suite.js';
import { startConsulDriver } from './drivers/consul-driver.js';
import { startEtcdDriver } from './drivers/etcd-driver.js';
import { FsDriver } from './drivers/fs-driver.js';

expectNoOpenHandles();

registrySuite(['consul', 'etcd'], () =>
  testMixedExpression('io.l5d.etcd, io.l5d.consul and io.l5d.fs', async () => {
    const [consul, etcd] = await Promise.all([startConsulDriver(), startEtcdDriver()]);
    return [etcd, consul, new FsDriver()];
  }),
);
