import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { type TestContext, test } from 'node:test';
import { signal } from '@preact/signals-core';
import { DEFAULT_DENIED } from '../../../config/schema/exposure.js';
import { ADDR_NEG, ADDR_PENDING, type Addr, addrBound, makeAddress } from '../../../src/base/addr.js';
import { parseAddressRanges } from '../../../src/base/address-ranges.js';
import { MetricsScope } from '../../../src/base/metrics.js';
import { EMPTY_PATH, pathFromText } from '../../../src/base/path.js';
import { EXTERNAL_PREFIX, makeDenyAddresses } from '../../../src/naming/deny-addresses.js';
import { captureLog } from '../../support/captured-log.js';
import { metricValue } from '../../support/metric-value.js';

function start(t: TestContext, denied: readonly string[], admin?: { ip: string; port: number }) {
  const log = captureLog(t);
  const metrics = new MetricsScope();
  const transformer = makeDenyAddresses({
    prefix: EXTERNAL_PREFIX,
    ranges: parseAddressRanges(denied),
    admin,
    metrics,
  });
  const addr = signal<Addr>(ADDR_PENDING);
  const state = transformer.transform({ id: pathFromText('#', 'web'), residual: EMPTY_PATH, addr });
  assert.ok(state.state === 'ok' && state.value.type === 'leaf');
  const bound = state.value.value;
  /** Of these hosts at port 80, those that are left. */
  const left = (...hosts: string[]): readonly string[] => {
    addr.value = addrBound(hosts.map((host) => makeAddress(host, 80)));
    const now = bound.addr.value;
    assert.equal(now.state, 'bound');
    return now.state === 'bound' ? now.addresses.map(({ host }) => host) : [];
  };
  return { log, metrics, addr, bound, left };
}

test('denied addresses are left out, the others stay', (t) => {
  const { left, bound, metrics, log } = start(t, ['10.0.0.0/8', 'fd00::/8', '192.0.2.1']);
  assert.equal(bound.id.show(), '/%/linkgate.external/#/web');
  assert.deepEqual(left('10.1.2.3', '192.0.2.1', '192.0.2.2', 'fd00::1', '2001:db8::1'), ['192.0.2.2', '2001:db8::1']);
  assert.equal(metricValue(metrics, 'denied_addresses'), 3);
  assert.equal(log.length, 1);
  assert.match(log[0]?.msg ?? '', /^10\.1\.2\.3:80, 192\.0\.2\.1:80, \[fd00::1\]:80: never reached from outside/);
});

test('denied addresses that were all leave an empty set, which is no Neg', (t) => {
  const { left, log } = start(t, ['10.0.0.0/8']);
  assert.deepEqual(left('10.1.2.3'), []);
  assert.match(log[0]?.msg ?? '', /; none is left$/);
});

test('addresses of which none is denied are passed on as they are', (t) => {
  const { addr, bound } = start(t, ['10.0.0.0/8']);
  for (const one of [ADDR_PENDING, ADDR_NEG, addrBound([makeAddress('192.0.2.1', 80)]), addrBound([])]) {
    addr.value = one;
    assert.equal(bound.addr.value, one);
  }
});

test('denied IPv4 addresses are so in every form of IPv6 that embeds them', (t) => {
  const { left } = start(t, ['169.254.0.0/16']);
  assert.deepEqual(
    left(
      ...['::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '0:0:0:0:0:ffff:169.254.169.254', '::169.254.169.254'],
      ...['::ffff:0:a9fe:a9fe', '64:ff9b::169.254.169.254', '64:FF9B::A9FE:A9FE', '64:ff9b:1::a9fe:a9fe'],
      ...['2002:a9fe:a9fe::1', '2002:a9fe:a9fe:0:0:0:0:1', 'fe80::1%eth0', '64:ff9b::192.0.2.1', '::1'],
    ),
    ['fe80::1%eth0', '64:ff9b::192.0.2.1', '::1'],
  );
});

test('hosts that are no addresses are left out: they could be resolved to anything', (t) => {
  const { left } = start(t, []);
  assert.deepEqual(
    left('metadata.internal', '169.254.169.254.nip.io', '0xa9fea9fe', '2852039166', '127.1', '192.0.2.1'),
    ['192.0.2.1'],
  );
});

test('addresses denied by default are those of link-local, metadata and this host', (t) => {
  const { left } = start(t, DEFAULT_DENIED);
  assert.deepEqual(
    left(
      ...[
        '169.254.169.254',
        '169.254.170.2',
        '100.100.100.200',
        '168.63.129.16',
        '192.0.0.192',
        '0.0.0.0',
        '0.1.2.3',
        '::',
      ],
      ...['fe80::1', 'febf::1%eth0', 'fd00:ec2::254', 'fd20:ce::254', '::ffff:0.0.0.0'],
      ...['10.0.0.1', '127.0.0.1', '::1', '192.168.0.1', 'fd00::1', '203.0.113.1'],
    ),
    ['10.0.0.1', '127.0.0.1', '::1', '192.168.0.1', 'fd00::1', '203.0.113.1'],
  );
});

test("the gateway's own admin is left out, at its address and port alone", (t) => {
  const { left } = start(t, [], { ip: '127.0.0.1', port: 80 });
  assert.deepEqual(left('127.0.0.1', '::ffff:127.0.0.1', '0.0.0.0', '127.0.0.2', '192.0.2.1'), [
    '127.0.0.2',
    '192.0.2.1',
  ]);
  assert.deepEqual(start(t, [], { ip: '127.0.0.1', port: 81 }).left('127.0.0.1'), ['127.0.0.1']);
});

for (const ip of ['0.0.0.0', '::', '0:0:0:0:0:0:0:0', 'localhost']) {
  test(`admin at ${ip} is left out at every address of this machine`, (t) => {
    const { left } = start(t, [], { ip, port: 80 });
    const own = Object.values(networkInterfaces()).flatMap((addresses = []) => addresses.map(({ address }) => address));
    assert.deepEqual(left('127.0.0.1', '127.3.2.1', '::1', '0.0.0.0', ...own, '203.0.113.1'), ['203.0.113.1']);
  });
}
