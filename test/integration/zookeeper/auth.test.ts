import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { eventually } from '../../support/eventually.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { registrySuite } from '../registries/registry-suite.js';
import { startZooKeeper, type ZooKeeper } from '../registries/zookeeper.js';
import type { ZooKeeperTestClient } from '../registries/zookeeper-test-client.js';
import { becomes, memberJson, ZkScene } from './zk-scene.js';

expectNoOpenHandles();

const READ_AND_MORE = 31;

/** The id of a digest entry of an ACL. */
function digest(credentials: string): string {
  const hash = createHash('sha1').update(credentials).digest('base64');
  return `${credentials.split(':')[0]}:${hash}`;
}

registrySuite('zookeeper', () => {
  let zookeeper: ZooKeeper;
  let client: ZooKeeperTestClient;

  before(async () => {
    zookeeper = await startZooKeeper();
    client = await zookeeper.client();
    await client.addAuth('digest', 'gate:geheim');
    const acl = [{ permissions: READ_AND_MORE, scheme: 'digest', id: digest('gate:geheim') }];
    await client.create('/web', '', { acl });
    await client.create('/web/member_', memberJson(1), { sequential: true, acl });
  });
  after(async () => {
    await client?.close();
    await zookeeper?.stop();
  });

  test('credentials open what is closed to others', async (t) => {
    const scene = new ZkScene(t, zookeeper, { authInfo: { scheme: 'digest', auth: 'gate:geheim' } });
    const web = await scene.first(scene.serversets(), '/web');
    assert.equal(web.now, '/#/s/web /: 127.0.0.1:1');
  });

  for (const [what, authInfo] of [
    ['no credentials', undefined],
    ['wrong credentials', { scheme: 'digest', auth: 'gate:falsch' }],
  ] as const) {
    test(`${what} are told as such with what to do, counted, and never shown`, async (t) => {
      const scene = new ZkScene(t, zookeeper, { authInfo });
      const web = await scene.first(scene.serversets(), '/web');
      const registry = `ZooKeeper ${zookeeper.connectString}`;
      const hint = 'the ACL of the node does not allow it; set authInfo to credentials that it allows';
      assert.equal(web.now, `neg because ${registry}: getChildren /web: NO_AUTH: ${hint}`);
      assert.ok(scene.count('errors') > 0);
      assert.doesNotMatch(scene.logged.join('\n'), /falsch/);
    });
  }

  test('a scheme that the server does not know is told as such', async (t) => {
    const scene = new ZkScene(t, zookeeper, { authInfo: { scheme: 'kerberos', auth: 'gate:geheim' } });
    const web = await scene.first(scene.serversets(), '/web');
    assert.match(web.now, /authentication with scheme "kerberos": AUTH_FAILED: the server refuses authInfo/);
    assert.ok(scene.count('errors') > 0);
    assert.doesNotMatch(scene.logged.join('\n'), /geheim/);
  });

  test('the last good addresses stay when the rights are taken away', async (t) => {
    const acl = [{ permissions: READ_AND_MORE, scheme: 'digest', id: digest('gate:geheim') }];
    const open = await client.create('/open');
    await client.create('/open/member_', memberJson(1), { sequential: true });
    const scene = new ZkScene(t, zookeeper);
    const web = await scene.first(scene.serversets(), open);
    // Gone and made again, so that others may no more read it.
    await Promise.all([
      client.delete('/open/member_0000000000'),
      client.delete('/open'),
      client.create('/open', '', { acl }),
    ]);
    await eventually(() => scene.count('errors') > 0);
    assert.equal(web.now, '/#/s/open /: 127.0.0.1:1');
    assert.match(scene.warnings.join('\n'), /\/open: getChildren \/open: NO_AUTH.*its last answer stays in use/);
    await client.delete('/open');
    await becomes(web, 'neg', 8000);
  });
});
