import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually } from '../../support/eventually.js';
import { address, alias, type FakeRecord, srv } from '../../support/fake-dns-server.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { DnsScene } from './dns-scene.js';

expectNoOpenHandles();

const WEB = '_http._tcp.web.test';
const ID = `/#/io.l5d.dnssrv/${WEB}. /:`;

/** `web` has these SRV records, and `a.test`, `b.test`, … the addresses 10.0.0.1, 10.0.0.2, … */
function serve(scene: DnsScene, ...records: readonly FakeRecord[]): void {
  scene.server.zone.set(WEB, records);
  for (const [i, name] of ['a', 'b', 'c', 'd'].entries()) {
    scene.server.zone.set(`${name}.test`, [address(`10.0.0.${i + 1}`)]);
  }
}

function file(t: TestContext, text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'dns-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'resolv.conf');
  writeFileSync(path, text);
  return path;
}

test('dnssrv binds the first element to the addresses of its SRV records, the rest is residual', async (t) => {
  const scene = await DnsScene.start(t);
  serve(scene, srv('a.test', 8080), srv('b.test', 8081));
  scene.server.zone.set('b.test', [address('10.0.0.2'), address('fd00::2')]);
  const web = scene.follow(`/${WEB}./users/1`);
  await eventually(() => web.now.includes('10.0.0.1'));
  assert.equal(web.now, `/#/io.l5d.dnssrv/${WEB}. /users/1: 10.0.0.1:8080 10.0.0.2:8081 [fd00::2]:8081`);
  assert.deepEqual(web.history, ['pending', web.now]);
  // The addresses came with the answer.
  assert.deepEqual(scene.asked(), [`SRV ${WEB}`]);
  assert.equal(scene.metric('lookup_successes_total'), 1);
});

test('dnssrv asks each query from a new port with a new id, and says that it takes 4,096 bytes', async (t) => {
  const scene = await DnsScene.start(t);
  serve(scene, srv('a.test', 80), srv('b.test', 80));
  scene.server.isHelpful = false;
  const web = scene.follow(`/${WEB}.`);
  await eventually(() => web.now.includes('10.0.0.2'));
  const { queries } = scene.server;
  assert.equal(queries.length, 5);
  assert.equal(new Set(queries.map(({ port }) => port)).size, 5);
  assert.ok(new Set(queries.map(({ id }) => id)).size > 1);
  assert.ok(queries.every(({ payloadBytes }) => payloadBytes === 4096));
});

test('dnssrv looks up targets whose addresses do not come along, with the same server', async (t) => {
  const scene = await DnsScene.start(t);
  scene.server.isHelpful = false;
  serve(scene, srv('a.test', 80), srv('A.Test', 81), srv('b.test', 80));
  scene.server.zone.set('b.test', [alias('b2.test')]);
  scene.server.zone.set('b2.test', [address('10.0.0.22'), address('fd00::22')]);
  const web = scene.follow(`/${WEB}.`);
  await eventually(() => web.now.includes('10.0.0.22'));
  assert.equal(web.now, `${ID} 10.0.0.1:80 10.0.0.1:81 10.0.0.22:80 [fd00::22]:80`);
  // Each target once, whatever the number of its records and the case of its name.
  assert.equal(scene.asked().filter((question) => question === 'A a.test').length, 1);
});

test('dnssrv leaves out a target that has no address, counts it and warns once', async (t) => {
  const scene = await DnsScene.start(t);
  serve(scene, srv('a.test', 80), srv('gone.test', 80));
  const web = scene.follow(`/${WEB}.`);
  await eventually(() => web.now === `${ID} 10.0.0.1:80`);
  scene.clock.skip(5000);
  await eventually(() => scene.metric('unknown_srv_hosts_results_total') === 2);
  const warnings = scene.warnings();
  assert.equal(warnings.length, 1, warnings.join('\n'));
  assert.match(
    warnings[0] ?? '',
    /^warn DNS 127\.0\.0\.1:\d+: _http._tcp.web.test.: SRV target "gone.test." has no address/,
  );
});

test('dnssrv leaves out a record with port 0, and warns', async (t) => {
  const scene = await DnsScene.start(t);
  serve(scene, srv('a.test', 0), srv('b.test', 80));
  const web = scene.follow(`/${WEB}.`);
  await eventually(() => web.now === `${ID} 10.0.0.2:80`);
  assert.match(scene.warnings()[0] ?? '', /SRV target "a.test." has port 0, which is not in 1-65535/);
  assert.equal(scene.garbage(), 1);
});

test('dnssrv follows aliases, in one answer and in several', async (t) => {
  for (const isHelpful of [true, false]) {
    const scene = await DnsScene.start(t);
    serve(scene, srv('a.test', 80));
    scene.server.isHelpful = isHelpful;
    scene.server.zone.set('old.test', [alias('older.test')]);
    scene.server.zone.set('older.test', [alias(WEB)]);
    const web = scene.follow('/old.test.');
    await eventually(() => web.now === '/#/io.l5d.dnssrv/old.test. /: 10.0.0.1:80');
  }
});

test('dnssrv gives up on a loop of aliases', async (t) => {
  const scene = await DnsScene.start(t);
  scene.server.isHelpful = false;
  scene.server.zone.set('x.test', [alias('y.test')]);
  scene.server.zone.set('y.test', [alias('x.test')]);
  const web = scene.follow('/x.test.');
  await eventually(() => web.now.startsWith('neg because'));
  assert.match(web.now, /SRV of "x.test.": more than 8 aliases in a row$/);
});

test('dnssrv answers Neg for names that do not exist, have no SRV record or no usable one', async (t) => {
  const scene = await DnsScene.start(t);
  scene.server.zone.set('nodata.test', [address('10.0.0.1')]);
  scene.server.zone.set('off.test', [srv('.', 0)]);
  scene.server.zone.set('lost.test', [srv('nowhere.test', 80)]);
  for (const name of ['missing.test', 'nodata.test', 'off.test', 'lost.test']) {
    const followed = scene.follow(`/${name}.`);
    await eventually(() => followed.now === 'neg');
  }
  assert.equal(scene.metric('lookup_failures_total'), 2);
  assert.equal(scene.metric('lookup_zero_results_total'), 2);
  assert.equal(scene.warnings().length, 1, 'the lost target alone');
});

test('dnssrv answers Neg without asking for what can be no name in DNS', async (t) => {
  const scene = await DnsScene.start(t);
  for (const path of ['/', `/${'x'.repeat(64)}.test`, `/${'abcdefgh.'.repeat(29)}`, '/a..b', '/.', '/\\xff\\xfe']) {
    assert.equal(scene.follow(path).now, 'neg', path);
  }
  assert.deepEqual(scene.asked(), []);
});

test('dnssrv asks for names of other letters as UTF-8', async (t) => {
  const scene = await DnsScene.start(t);
  scene.server.zone.set('größe.test', [srv('a.test', 80)]);
  scene.server.zone.set('a.test', [address('10.0.0.1')]);
  const element = [...Buffer.from('größe.test.')].map((byte) => `\\x${byte.toString(16)}`).join('');
  const followed = scene.follow(`/${element}`);
  await eventually(() => followed.now.endsWith('10.0.0.1:80'));
});

test('dnssrv has one watch for a name in any case, which ends a while after its last observer', async (t) => {
  const scene = await DnsScene.start(t, { lingerMs: 10_000 });
  serve(scene, srv('a.test', 80));
  const [one, other] = [scene.follow(`/${WEB}./x`), scene.follow(`/${WEB.toUpperCase()}.`)];
  await eventually(() => one.now.includes('10.0.0.1') && other.now.includes('10.0.0.1'));
  assert.equal(scene.asked().length, 1);
  assert.deepEqual(Object.keys(scene.namer.state().watches), [`${WEB}.`]);
  one.stop();
  scene.clock.skip(60_000);
  await eventually(() => scene.asked().length === 2);
  other.stop();
  scene.clock.skip(10_000);
  assert.deepEqual(Object.keys(scene.namer.state().watches), []);
  const asked = scene.asked().length;
  scene.clock.skip(60_000);
  assert.equal(scene.asked().length, asked);
});

test('dnssrv puts the search list behind a relative name, and not behind one that ends with a dot', async (t) => {
  const resolvConf = file(t, 'search x.example example\noptions ndots:3\n');
  const scene = await DnsScene.start(t, { resolvConf });
  scene.server.zone.set('_http._tcp.web.example', [srv('a.test', 80)]);
  scene.server.zone.set('a.test', [address('10.0.0.1')]);
  const relative = scene.follow('/_http._tcp.web');
  await eventually(() => relative.now.endsWith('10.0.0.1:80'));
  assert.deepEqual(scene.asked(), ['SRV _http._tcp.web.x.example', 'SRV _http._tcp.web.example']);
  const absolute = scene.follow('/_http._tcp.web.');
  await eventually(() => absolute.now === 'neg');
  assert.equal(scene.asked().at(-1), 'SRV _http._tcp.web');
});

test('dnssrv asks the hosts of dnsHosts that are names where the system says that they are', async (t) => {
  const scene = await DnsScene.start(t);
  serve(scene, srv('a.test', 80));
  const named = await DnsScene.start(t, { dnsHosts: [{ host: 'ns.example', port: scene.server.port }] });
  const web = named.follow(`/${WEB}.`);
  await eventually(() => web.now.startsWith('neg because'));
  assert.match(web.now, /dnsHosts: there is no host "ns.example"/);
  named.resolver.answers.set('ns.example', ['127.0.0.1']);
  named.clock.skip(5000);
  await eventually(() => web.now.endsWith('10.0.0.1:80'));
});

test('dnssrv uses all priorities alike unless it is told to look', async (t) => {
  const scene = await DnsScene.start(t);
  serve(scene, srv('a.test', 80, { priority: 1 }), srv('b.test', 80, { priority: 2, weight: 9 }));
  const web = scene.follow(`/${WEB}.`);
  await eventually(() => web.now === `${ID} 10.0.0.1:80 10.0.0.2:80`);
});

test('dnssrv with usePriority uses the lowest priority that has an address', async (t) => {
  const scene = await DnsScene.start(t, { usePriority: true });
  const records = [
    srv('b.test', 80, { priority: 20 }),
    srv('a.test', 80, { priority: 10 }),
    srv('c.test', 80, { priority: 10 }),
  ];
  serve(scene, ...records);
  const web = scene.follow(`/${WEB}.`);
  await eventually(() => web.now === `${ID} 10.0.0.1:80 10.0.0.3:80`);
  scene.server.zone.delete('a.test');
  scene.server.zone.delete('c.test');
  scene.clock.skip(5000);
  await eventually(() => web.now === `${ID} 10.0.0.2:80`);
  scene.server.zone.set('c.test', [address('10.0.0.3')]);
  scene.clock.skip(5000);
  await eventually(() => web.now === `${ID} 10.0.0.3:80`);
  assert.equal(web.leaves, 1);
});

test('dnssrv with useWeight shares the weight of a record among the addresses of its target', async (t) => {
  const scene = await DnsScene.start(t, { useWeight: true });
  serve(scene, srv('a.test', 80, { weight: 60 }), srv('b.test', 80, { weight: 10 }), srv('c.test', 80));
  scene.server.zone.set('a.test', [address('10.0.0.1'), address('10.0.0.11')]);
  const web = scene.follow(`/${WEB}.`);
  await eventually(() => web.now === `${ID} 10.0.0.11:80*30 10.0.0.1:80*30 10.0.0.2:80*10 10.0.0.3:80`);
});

test('dnssrv waits for the shortest TTL, no less than a second and no longer than refreshIntervalSeconds', async (t) => {
  const scene = await DnsScene.start(t, { refreshIntervalSeconds: 30 });
  const nextAfter = async (ttl: { srv: number; a: number }, seconds: number): Promise<void> => {
    scene.server.zone.set(WEB, [srv('a.test', 80, { ttl: ttl.srv })]);
    scene.server.zone.set('a.test', [address('10.0.0.1', ttl.a)]);
    // The answer that has these TTLs.
    const before = scene.asked().length;
    scene.clock.skip(30_000);
    await eventually(() => scene.asked().length === before + 1);
    await eventually(() => scene.metric('lookup_successes_total') === before + 1);
    scene.clock.skip(seconds * 1000 - 500);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(scene.asked().length, before + 1, `asked again before ${seconds} s`);
    scene.clock.skip(500);
    await eventually(() => scene.asked().length === before + 2);
    await eventually(() => scene.metric('lookup_successes_total') === before + 2);
  };
  serve(scene, srv('a.test', 80));
  const web = scene.follow(`/${WEB}.`);
  await eventually(() => web.now.includes('10.0.0.1'));
  await nextAfter({ srv: 600, a: 600 }, 30);
  await nextAfter({ srv: 20, a: 600 }, 20);
  await nextAfter({ srv: 600, a: 7 }, 7);
  await nextAfter({ srv: 0, a: 600 }, 1);
});

test('dnssrv takes sixty records by TCP when they do not fit into a datagram', async (t) => {
  const scene = await DnsScene.start(t);
  scene.server.maxUdpBytes = 512;
  scene.server.zone.set(
    WEB,
    Array.from({ length: 60 }, (_, i) => srv(`instance-${i}.node.test`, 8000 + i)),
  );
  for (let i = 0; i < 60; i++) scene.server.zone.set(`instance-${i}.node.test`, [address(`10.0.1.${i}`)]);
  const web = scene.follow(`/${WEB}.`);
  await eventually(() => web.now.includes('10.0.1.59:8059'));
  assert.equal(web.now.match(/10\.0\.1\.\d+:80\d\d/g)?.length, 60);
  assert.deepEqual(
    scene.server.queries.map(({ transport }) => transport),
    ['udp', 'tcp'],
  );
});

test('dnssrv takes sixty records whose addresses do not come along', async (t) => {
  const scene = await DnsScene.start(t);
  scene.server.isHelpful = false;
  scene.server.zone.set(
    WEB,
    Array.from({ length: 60 }, (_, i) => srv(`i${i}.test`, 8000 + i)),
  );
  for (let i = 0; i < 60; i++) scene.server.zone.set(`i${i}.test`, [address(`10.0.1.${i}`)]);
  const web = scene.follow(`/${WEB}.`);
  await eventually(() => web.now.includes('10.0.1.59:8059'));
  assert.equal(web.now.match(/10\.0\.1\.\d+:80\d\d/g)?.length, 60);
  assert.equal(scene.asked().length, 121);
});

test('dnssrv asks a server that does not know EDNS0 without it', async (t) => {
  const scene = await DnsScene.start(t);
  scene.server.isOld = true;
  serve(scene, srv('a.test', 80));
  const web = scene.follow(`/${WEB}.`);
  await eventually(() => web.now.includes('10.0.0.1'));
  assert.deepEqual(
    scene.server.queries.map(({ payloadBytes }) => payloadBytes),
    [4096, undefined],
  );
});

test('dnssrv keeps its leaf while addresses come and go, and hears of nothing when only their order changes', async (t) => {
  const scene = await DnsScene.start(t);
  serve(scene, srv('a.test', 80), srv('b.test', 80));
  const web = scene.follow(`/${WEB}.`);
  await eventually(() => web.now === `${ID} 10.0.0.1:80 10.0.0.2:80`);
  serve(scene, srv('b.test', 80), srv('a.test', 80));
  scene.clock.skip(5000);
  await eventually(() => scene.metric('lookup_successes_total') === 2);
  serve(scene, srv('c.test', 80));
  scene.clock.skip(5000);
  await eventually(() => web.now === `${ID} 10.0.0.3:80`);
  assert.equal(web.leaves, 1);
  assert.equal(web.history.length, 3);
});
