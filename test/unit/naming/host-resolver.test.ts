import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type DnsQueries, type HostResolver, makeHostResolver } from '../../../src/naming/host-resolver.js';
import { ManualClock } from '../../support/manual-clock.js';

type Answer = readonly string[] | string;

/** DNS with the records given: addresses, or an error code. Everything else is ENOTFOUND. */
class FakeDns {
  readonly asked: string[] = [];
  cancelled = false;
  readonly #records: Record<string, { readonly a?: Answer; readonly aaaa?: Answer }>;

  constructor(records: FakeDns['records'] = {}) {
    this.#records = records;
  }

  get records(): Record<string, { readonly a?: Answer; readonly aaaa?: Answer }> {
    return this.#records;
  }

  get queries(): DnsQueries {
    return {
      resolve4: ((name: string) => {
        this.asked.push(name);
        return answer(this.#records[name]?.a, name);
      }) as DnsQueries['resolve4'],
      resolve6: ((name: string) => answer(this.#records[name]?.aaaa, name)) as DnsQueries['resolve6'],
      cancel: () => {
        this.cancelled = true;
      },
    };
  }
}

async function answer(record: Answer = 'ENOTFOUND', name: string): Promise<string[]> {
  if (typeof record !== 'string') return [...record];
  throw Object.assign(new Error(`query ${record} ${name}`), { code: record });
}

describe('host resolver', () => {
  let dir: string;
  const clock = new ManualClock();

  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'host-resolver-'));
  });
  after(() => rmSync(dir, { recursive: true }));

  const make = (dns: FakeDns, hosts = '', resolvConf = ''): HostResolver => {
    writeFileSync(join(dir, 'hosts'), hosts);
    writeFileSync(join(dir, 'resolv.conf'), resolvConf);
    return makeHostResolver({
      clock,
      queries: dns.queries,
      hostsFile: join(dir, 'hosts'),
      resolvConf: join(dir, 'resolv.conf'),
    });
  };

  it('gives the addresses of both families', async () => {
    const dns = new FakeDns({ 'web.test': { a: ['10.0.0.1', '10.0.0.2'], aaaa: ['fd00::1'] } });
    assert.deepEqual(await make(dns).resolve('web.test'), ['10.0.0.1', '10.0.0.2', 'fd00::1']);
  });

  for (const code of ['ENOTFOUND', 'ENODATA', 'ESERVFAIL', 'ETIMEOUT']) {
    it(`is content with one family when the other says ${code}`, async () => {
      assert.deepEqual(await make(new FakeDns({ w: { a: ['10.0.0.1'], aaaa: code } })).resolve('w'), ['10.0.0.1']);
      assert.deepEqual(await make(new FakeDns({ w: { a: code, aaaa: ['fd00::1'] } })).resolve('w'), ['fd00::1']);
    });
  }

  for (const code of ['ENOTFOUND', 'ENODATA', 'EBADNAME']) {
    it(`takes ${code} for "no such host"`, async () => {
      assert.deepEqual(await make(new FakeDns({ w: { a: code, aaaa: code } })).resolve('w'), []);
    });
  }

  for (const code of ['ESERVFAIL', 'ETIMEOUT', 'ECONNREFUSED', 'EREFUSED']) {
    it(`takes ${code} for a failure, even when the other family is known to have nothing`, async () => {
      await assert.rejects(make(new FakeDns({ w: { a: code, aaaa: 'ENODATA' } })).resolve('w'), { code });
      await assert.rejects(make(new FakeDns({ w: { a: 'ENOTFOUND', aaaa: code } })).resolve('w'), { code });
    });
  }

  it('asks the hosts file first, whatever the case, and then nobody else', async () => {
    const dns = new FakeDns({ vm: { a: ['10.0.0.9'] } });
    const hosts = '# names\n10.0.0.1 vm vm.test # the machine\n\nfd00::1\tVM\n10.0.0.2 other\n';
    const resolver = make(dns, hosts);
    assert.deepEqual(await resolver.resolve('Vm'), ['10.0.0.1', 'fd00::1']);
    assert.deepEqual(await resolver.resolve('vm.test'), ['10.0.0.1']);
    assert.deepEqual(dns.asked, []);
    assert.deepEqual(await resolver.resolve('machine'), []);
  });

  it('reads the hosts file again after 5 s', async () => {
    const resolver = make(new FakeDns(), '10.0.0.1 vm\n');
    assert.deepEqual(await resolver.resolve('vm'), ['10.0.0.1']);
    writeFileSync(join(dir, 'hosts'), '10.0.0.2 vm\n');
    clock.advance(4999);
    assert.deepEqual(await resolver.resolve('vm'), ['10.0.0.1']);
    clock.advance(1);
    assert.deepEqual(await resolver.resolve('vm'), ['10.0.0.2']);
  });

  it('does without hosts file and resolv.conf', async () => {
    const dns = new FakeDns({ w: { a: ['10.0.0.1'] } });
    const missing = join(dir, 'missing');
    const resolver = makeHostResolver({ clock, queries: dns.queries, hostsFile: missing, resolvConf: missing });
    assert.deepEqual(await resolver.resolve('w'), ['10.0.0.1']);
  });

  const searches: [resolvConf: string, host: string, asked: string[]][] = [
    ['search a.test b.test', 'web', ['web.a.test', 'web.b.test', 'web']],
    ['search a.test', 'web.x', ['web.x', 'web.x.a.test']],
    ['search a.test\noptions timeout:1 ndots:2', 'web.x', ['web.x.a.test', 'web.x']],
    ['search a.test', 'web.', ['web']],
    ['search a.test\ndomain b.test', 'web', ['web.b.test', 'web']],
    ['domain b.test\nsearch a.test', 'web', ['web.a.test', 'web']],
    ['search .\nnameserver 10.0.0.1', 'web', ['web']],
    ['', 'web', ['web']],
  ];
  for (const [resolvConf, host, asked] of searches) {
    it(`with "${resolvConf.replace('\n', '; ')}" looks for ${host} as ${asked.join(', ')}`, async () => {
      const dns = new FakeDns();
      assert.deepEqual(await make(dns, '', resolvConf).resolve(host), []);
      assert.deepEqual(dns.asked, asked);
    });
  }

  it('ends the search at the first answer', async () => {
    const dns = new FakeDns({ 'web.a.test': { a: ['10.0.0.1'] } });
    assert.deepEqual(await make(dns, '', 'search a.test b.test').resolve('web'), ['10.0.0.1']);
    assert.deepEqual(dns.asked, ['web.a.test']);
  });

  it('ends the search at a failure: a later suffix may name another host', async () => {
    const dns = new FakeDns({ 'web.a.test': { a: 'ETIMEOUT', aaaa: 'ETIMEOUT' }, 'web.b.test': { a: ['10.0.0.2'] } });
    await assert.rejects(make(dns, '', 'search a.test b.test').resolve('web'), { code: 'ETIMEOUT' });
  });

  it('cancels what is under way when closed', async () => {
    const dns = new FakeDns();
    await make(dns).close();
    assert.ok(dns.cancelled);
  });
});
