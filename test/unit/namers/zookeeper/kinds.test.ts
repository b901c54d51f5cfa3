import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  curatorNamer,
  serversetsAnnouncer,
  serversetsNamer,
  zkLeaderNamer,
} from '../../../../namers/zookeeper/index.js';
import type { AnyKind } from '../../../../src/base/kind.js';
import { MetricsScope } from '../../../../src/base/metrics.js';
import { parsePath } from '../../../../src/base/name-grammar.js';
import { makeKind } from '../../../support/make-kind.js';
import { ManualClock } from '../../../support/manual-clock.js';

const ZK = { zkAddrs: [{ host: 'zk1' }] };

test('servers have port 2181 and sessions ten seconds, unless told otherwise', () => {
  for (const kind of [serversetsNamer, zkLeaderNamer]) {
    assert.deepEqual(kind.config.parse(ZK), { zkAddrs: [{ host: 'zk1', port: 2181 }], sessionTimeoutMs: 10_000 });
  }
  assert.equal((curatorNamer.config.parse(ZK) as { basePath: string }).basePath, '/');
  assert.equal((serversetsAnnouncer.config.parse(ZK) as { pathPrefix: string }).pathPrefix, '/discovery');
});

test('io.l5d.curator is experimental, as in Linkerd', () => {
  const kinds: readonly AnyKind[] = [curatorNamer, serversetsNamer, zkLeaderNamer, serversetsAnnouncer];
  assert.deepEqual(
    kinds.filter(({ experimental }) => experimental).map(({ kind }) => kind),
    ['io.l5d.curator'],
  );
});

const bad: readonly (readonly [what: string, keys: object])[] = [
  ['no servers', {}],
  ['an empty list of servers', { zkAddrs: [] }],
  ['a server without a host', { zkAddrs: [{ port: 2181 }] }],
  ['port 70000', { zkAddrs: [{ host: 'zk1', port: 70_000 }] }],
  ['port 0', { zkAddrs: [{ host: 'zk1', port: 0 }] }],
  ['a chroot that is no path', { ...ZK, chroot: 'apps' }],
  ['a chroot with a slash at its end', { ...ZK, chroot: '/apps/' }],
  ['credentials without a scheme', { ...ZK, authInfo: { auth: 'u:p' } }],
  ['a timeout of 0', { ...ZK, sessionTimeoutMs: 0 }],
  ['an unknown key', { ...ZK, zkaddrs: [] }],
];
for (const [what, keys] of bad) {
  test(`${what} is refused`, () => assert.equal(serversetsNamer.config.safeParse(keys).success, false));
}

test('a namer that nobody asks opens nothing and closes', async () => {
  const clock = new ManualClock();
  const context = { prefix: parsePath('/#/zk'), clock, random: () => 0, metrics: new MetricsScope() };
  const session = { ...ZK, chroot: '/apps', authInfo: { scheme: 'digest', auth: 'u:p' } };
  for (const kind of [serversetsNamer, zkLeaderNamer]) {
    const namer = makeKind(kind, session, context);
    assert.equal(clock.pendingTimers, 0);
    assert.deepEqual(namer.state?.(), { registry: 'ZooKeeper zk1:2181/apps', sessions: {}, watches: {} });
    assert.equal(namer.ageMs?.(), undefined);
    await namer.close();
  }
  await makeKind(curatorNamer, session, context).close();
  await makeKind(serversetsAnnouncer, session, context).close();
  assert.equal(clock.pendingTimers, 0);
});
