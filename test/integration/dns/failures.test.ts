import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { encode } from 'dns-packet';
import { eventually } from '../../support/eventually.js';
import {
  address,
  type FakeDnsBehaviour,
  type FakeDnsQuery,
  FakeDnsServer,
  response,
  srv,
} from '../../support/fake-dns-server.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { DnsScene } from './dns-scene.js';

expectNoOpenHandles();

const WEB = '_http._tcp.web.test';
const ID = `/#/io.l5d.dnssrv/${WEB}. /:`;
/** So that a silent server costs a test little. */
const QUICK = { queryTimeoutMs: 40 };

/** A scene in which `web` is bound to 10.0.0.1:80. */
async function bound(t: TestContext) {
  const scene = await DnsScene.start(t, QUICK);
  scene.server.zone.set(WEB, [srv('a.test', 80)]);
  scene.server.zone.set('a.test', [address('10.0.0.1')]);
  const web = scene.follow(`/${WEB}.`);
  await eventually(() => web.now === `${ID} 10.0.0.1:80`);
  return { scene, web };
}

const FAILURES: readonly (readonly [what: string, behaviour: FakeDnsBehaviour, message: RegExp])[] = [
  ['SERVFAIL', { rcode: 2 }, /127\.0\.0\.1:\d+: it answered SERVFAIL/],
  ['REFUSED', { rcode: 5 }, /127\.0\.0\.1:\d+: it answered REFUSED/],
  ['NOTIMP', { rcode: 4 }, /it answered NOTIMP/],
  ['FORMERR', { rcode: 1 }, /it answered FORMERR/],
  ['an unknown code', { rcode: 13 }, /it answered code 13/],
  ['silence', 'silent', /no answer after 40 ms/],
  ['a referral', referral, /it only names other servers/],
];

function referral(query: FakeDnsQuery): Buffer[] {
  const ns = { type: 'NS', name: 'test', ttl: 1, class: 'IN', data: 'ns.test' } as const;
  return [encode({ ...response(query, 0), flags: 0, authorities: [ns] })];
}

const GARBAGE: readonly (readonly [what: string, behaviour: FakeDnsBehaviour, message: RegExp])[] = [
  ['bytes that are no message', () => [Buffer.alloc(60_000, 0x41)], /one answer, none to what was asked/],
  ['an empty datagram', () => [Buffer.alloc(0)], /one answer, none to what was asked/],
  ['another id', otherId, /one answer, none to what was asked/],
  ['the answer to another question', otherQuestion, /one answer, none to what was asked/],
  ['an answer that is cut off', cutOff, /the answer of \d+ bytes cannot be read/],
  ['a name that points to itself', selfPointing, /the answer of \d+ bytes cannot be read/],
  ['a hundred wrong answers', (query) => Array.from({ length: 100 }, () => otherId(query)).flat(), /100 answers, none/],
];

function attack(query: FakeDnsQuery): Buffer {
  const answers = [
    {
      type: 'SRV',
      name: query.name,
      ttl: 1,
      class: 'IN',
      data: { priority: 0, weight: 0, port: 6, target: 'evil.test' },
    },
  ] as const;
  const additionals = [{ type: 'A', name: 'evil.test', ttl: 1, class: 'IN', data: '6.6.6.6' }] as const;
  return encode({ ...response(query, 0), answers: [...answers], additionals: [...additionals] });
}

function otherId(query: FakeDnsQuery): Buffer[] {
  return [attack({ ...query, id: query.id ^ 1 })];
}

function otherQuestion(query: FakeDnsQuery): Buffer[] {
  return [attack({ ...query, name: 'other.test' })];
}

function cutOff(query: FakeDnsQuery): Buffer[] {
  return [attack(query).subarray(0, -7)];
}

function selfPointing(query: FakeDnsQuery): Buffer[] {
  const bytes = attack(query);
  // The name of the first record, behind the header and the question.
  bytes.writeUInt16BE(0xc000 | (12 + query.name.length + 6), 12 + query.name.length + 6);
  return [bytes];
}

describe('dnssrv whose server fails', () => {
  for (const [what, behaviour, message] of [...FAILURES, ...GARBAGE]) {
    test(`keeps the last good addresses through ${what}, and goes on updating after it (1.x bug 28)`, async (t) => {
      const { scene, web } = await bound(t);
      scene.server.behaviour = behaviour;
      scene.clock.skip(5000);
      await eventually(() => scene.metric('unexpected_code_total') > 0);
      assert.equal(web.now, `${ID} 10.0.0.1:80`);
      const [warning, ...more] = scene.warnings();
      assert.match(warning ?? '', message);
      assert.match(
        warning ?? '',
        /^warn DNS 127\.0\.0\.1:\d+: _http\._tcp\.web\.test\.: SRV of ".*its last answer stays in use$/,
      );
      assert.deepEqual(more, []);
      scene.server.zone.set('a.test', [address('10.0.0.2')]);
      scene.server.behaviour = 'zone';
      scene.clock.skip(5000);
      await eventually(() => web.now === `${ID} 10.0.0.2:80`);
      assert.equal(web.leaves, 1);
    });
  }

  for (const [what, behaviour, message] of GARBAGE) {
    test(`counts ${what} as garbage`, async (t) => {
      const scene = await DnsScene.start(t, QUICK);
      scene.server.behaviour = behaviour;
      const web = scene.follow(`/${WEB}.`);
      await eventually(() => scene.garbage() > 0);
      assert.match(web.now, message);
    });
  }

  for (const [what, change] of [
    ['NXDOMAIN', (zone) => zone.delete(WEB)],
    ['an answer without SRV records', (zone) => zone.set(WEB, [])],
    ['records without a usable one', (zone) => zone.set(WEB, [srv('gone.test', 80)])],
  ] satisfies readonly (readonly [string, (zone: FakeDnsServer['zone']) => void])[]) {
    test(`drops the addresses on ${what}, and takes them up again`, async (t) => {
      const { scene, web } = await bound(t);
      change(scene.server.zone);
      scene.clock.skip(5000);
      await eventually(() => web.now === 'neg');
      scene.server.zone.set(WEB, [srv('a.test', 81)]);
      scene.clock.skip(5000);
      await eventually(() => web.now === `${ID} 10.0.0.1:81`);
    });
  }

  test('keeps the last good addresses while it is killed, and sees what was changed meanwhile (1.x bug 28)', async (t) => {
    const { scene, web } = await bound(t);
    await scene.server.stop();
    scene.clock.skip(5000);
    await eventually(() => scene.warnings().some((line) => line.includes('ECONNREFUSED')));
    assert.equal(web.now, `${ID} 10.0.0.1:80`);
    scene.server.zone.set(WEB, [srv('a.test', 82)]);
    await scene.server.start();
    scene.clock.skip(5000);
    await eventually(() => web.now === `${ID} 10.0.0.1:82`);
  });

  test('says Neg and why when nobody listens from the start, then recovers', async (t) => {
    const scene = await DnsScene.start(t, QUICK);
    await scene.server.stop();
    const web = scene.follow(`/${WEB}.`);
    await eventually(() => web.now.startsWith('neg because'));
    assert.match(
      web.now,
      /^neg because DNS 127\.0\.0\.1:(\d+): SRV of "_http\._tcp\.web\.test\.": 127\.0\.0\.1:\1: .*ECONNREFUSED/,
    );
    scene.server.zone.set(WEB, [srv('a.test', 80)]);
    scene.server.zone.set('a.test', [address('10.0.0.1')]);
    await scene.server.start();
    scene.clock.skip(5000);
    await eventually(() => web.now === `${ID} 10.0.0.1:80`);
  });

  test('asks the next one', async (t) => {
    for (const behaviour of ['silent', { rcode: 2 }, { rcode: 5 }, otherId, referral] satisfies FakeDnsBehaviour[]) {
      const first = await FakeDnsServer.start();
      t.after(() => first.close());
      first.behaviour = behaviour;
      const second = await FakeDnsServer.start();
      t.after(() => second.close());
      second.zone.set(WEB, [srv('a.test', 80)]);
      second.zone.set('a.test', [address('10.0.0.1')]);
      const dnsHosts = [first, second].map(({ port }) => ({ host: '127.0.0.1', port }));
      const scene = await DnsScene.start(t, { ...QUICK, dnsHosts });
      const web = scene.follow(`/${WEB}.`);
      await eventually(() => web.now === `${ID} 10.0.0.1:80`);
      assert.equal(first.queries.length, 1);
    }
  });

  test('does not ask the next one when the first says that there is no such name', async (t) => {
    const second = await FakeDnsServer.start();
    t.after(() => second.close());
    const scene = await DnsScene.start(t, QUICK);
    const dnsHosts = [scene.server, second].map(({ port }) => ({ host: '127.0.0.1', port }));
    const asking = await DnsScene.start(t, { ...QUICK, dnsHosts });
    const web = asking.follow(`/${WEB}.`);
    await eventually(() => web.now === 'neg');
    assert.deepEqual(second.queries, []);
  });

  test('keeps the addresses of a target that cannot be looked up now', async (t) => {
    const scene = await DnsScene.start(t, QUICK);
    scene.server.isHelpful = false;
    scene.server.zone.set(WEB, [srv('a.test', 80), srv('b.test', 80)]);
    scene.server.zone.set('a.test', [address('10.0.0.1'), address('fd00::1')]);
    scene.server.zone.set('b.test', [address('10.0.0.2')]);
    const web = scene.follow(`/${WEB}.`);
    const all = `${ID} 10.0.0.1:80 10.0.0.2:80 [fd00::1]:80`;
    await eventually(() => web.now === all);
    scene.server.behaviours.set('AAAA a.test', { rcode: 2 });
    scene.clock.skip(5000);
    await eventually(() => scene.metric('lookup_successes_total') === 2);
    scene.server.behaviours.set('A a.test', { rcode: 2 });
    scene.clock.skip(5000);
    await eventually(() => scene.metric('lookup_successes_total') === 3);
    assert.deepEqual(web.history.slice(1), [all]);
    assert.match(
      scene.warnings()[0] ?? '',
      /SRV target: AAAA of "a\.test\.": .*SERVFAIL; its last addresses stay in use/,
    );
    scene.server.zone.set('a.test', [address('10.0.0.3')]);
    scene.server.behaviours.clear();
    scene.clock.skip(5000);
    await eventually(() => web.now === `${ID} 10.0.0.2:80 10.0.0.3:80`);
  });

  test('keeps all addresses when no target can be looked up', async (t) => {
    const { scene, web } = await bound(t);
    scene.server.isHelpful = false;
    scene.server.zone.set(WEB, [srv('new.test', 80)]);
    for (const type of ['A', 'AAAA']) scene.server.behaviours.set(`${type} new.test`, { rcode: 2 });
    scene.clock.skip(5000);
    await eventually(() => scene.metric('unexpected_code_total') > 0);
    assert.equal(web.now, `${ID} 10.0.0.1:80`);
  });

  test('takes no answer from another address', async (t) => {
    const scene = await DnsScene.start(t, { queryTimeoutMs: 200 });
    const attacker = createSocket('udp4');
    t.after(() => attacker.close());
    let attacks = 0;
    scene.server.behaviour = (query) => {
      attacker.send(attack(query), query.port, '127.0.0.1', () => {
        attacks += 1;
      });
      return [];
    };
    const web = scene.follow(`/${WEB}.`);
    await eventually(() => web.now.startsWith('neg because'));
    assert.match(web.now, /no answer after 200 ms/);
    assert.ok(attacks >= 1);
    assert.equal(scene.garbage(), 0, 'what another address sent was not even seen');
  });

  test('takes the right answer behind wrong ones', async (t) => {
    const scene = await DnsScene.start(t);
    scene.server.zone.set(WEB, [srv('a.test', 80)]);
    scene.server.zone.set('a.test', [address('10.0.0.1')]);
    scene.server.behaviour = (query) => [
      ...otherId(query),
      ...otherQuestion(query),
      Buffer.from('nonsense of twelve bytes or more'),
      scene.server.zoneAnswer(query),
    ];
    const web = scene.follow(`/${WEB}.`);
    await eventually(() => web.now === `${ID} 10.0.0.1:80`);
    assert.equal(scene.garbage(), 0);
  });
});

describe('dnssrv whose server truncates', () => {
  /** A server that truncates by UDP and does `onTcp` by TCP, on the port of the scene's server. */
  async function truncating(t: TestContext, tcp: (query: FakeDnsQuery) => Buffer[]) {
    const scene = await DnsScene.start(t, QUICK);
    scene.server.behaviour = (query) =>
      query.transport === 'tcp' ? tcp(query) : [encode({ ...response(query, 0), flags: 0x0200 })];
    const web = scene.follow(`/${WEB}.`);
    await eventually(() => web.now.startsWith('neg because'));
    return { scene, web };
  }

  test('and is silent by TCP is given up in time', async (t) => {
    const { web } = await truncating(t, () => []);
    assert.match(web.now, /no answer after 40 ms/);
  });

  test('and truncates by TCP too answers nonsense', async (t) => {
    const { scene, web } = await truncating(t, (query) => [encode({ ...response(query, 0), flags: 0x0200 })]);
    assert.match(web.now, /an answer that is truncated by TCP too/);
    assert.ok(scene.garbage() > 0);
  });

  test('and answers another question by TCP answers nonsense', async (t) => {
    const { scene, web } = await truncating(t, otherQuestion);
    assert.match(web.now, /one answer, none to what was asked/);
    assert.ok(scene.garbage() > 0);
  });

  test('and sends 64 KiB of garbage by TCP answers nonsense', async (t) => {
    const { web } = await truncating(t, () => [Buffer.alloc(65_535, 0xff)]);
    assert.match(web.now, /one answer, none to what was asked/);
  });

  test('and does not listen by TCP, or hangs up, has failed', async (t) => {
    for (const hangsUp of [false, true]) {
      const udp = createSocket('udp4');
      await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
      t.after(() => udp.close());
      udp.on('message', (bytes, from) => {
        const answer = Buffer.from(bytes);
        // A response that is truncated.
        answer.writeUInt16BE(0x8200, 2);
        udp.send(answer, from.port, from.address);
      });
      const { port } = udp.address();
      if (hangsUp) {
        const tcp = createServer((socket) => socket.on('data', () => socket.end('x')));
        await new Promise<void>((resolve) => tcp.listen(port, '127.0.0.1', resolve));
        t.after(() => tcp.close());
      }
      const scene = await DnsScene.start(t, { ...QUICK, dnsHosts: [{ host: '127.0.0.1', port }] });
      const web = scene.follow(`/${WEB}.`);
      await eventually(() => web.now.startsWith('neg because'));
      assert.match(web.now, hangsUp ? /the TCP connection ended before the whole answer/ : /ECONNREFUSED/);
    }
  });
});

test('dnssrv leaves no socket open when it is closed amid a query', async (t) => {
  const scene = await DnsScene.start(t);
  scene.server.behaviour = 'silent';
  const web = scene.follow(`/${WEB}.`);
  await eventually(() => scene.server.queries.length === 1);
  const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name.startsWith('UDP')).length;
  assert.equal(sockets(), 2, "the server's and the query's");
  web.stop();
  await scene.namer.close();
  await eventually(() => sockets() === 1);
});
