import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type InstanceOptions, Instances } from '../../../../namers/consul/instances.js';

const DEFAULTS: InstanceOptions = { preferServiceAddress: true, weights: new Map(), transferMetadata: false };

const catalog = (fields: object = {}): object => ({
  Node: 'n1',
  Address: '10.9.9.9',
  ServiceID: 'web-1',
  ServiceAddress: '10.0.0.1',
  ServicePort: 80,
  ServiceTags: ['blue'],
  ServiceMeta: { version: '7' },
  ...fields,
});

const health = (status = 'passing', service: object = {}): object => ({
  Node: { Node: 'n1', Address: '10.9.9.9', Meta: { rack: '4' } },
  Service: { ID: 'web-1', Address: '10.0.0.1', Port: 80, Tags: ['blue'], Meta: { version: '7' }, ...service },
  Checks: [{ CheckID: 'c', Status: status }],
});

/** What the entries are read as, and what was said of them. */
function read(entries: unknown, options: Partial<InstanceOptions> = {}) {
  const complaints: string[] = [];
  const instances = new Instances({ ...DEFAULTS, ...options });
  const service = instances.read(Buffer.from(JSON.stringify(entries)), (message) => complaints.push(message));
  return { service, complaints };
}

describe('instances of Consul', () => {
  for (const [what, entry] of [
    ['catalog', catalog()],
    ['health', health()],
  ] as const) {
    it(`are read from an answer of the ${what} endpoint`, () => {
      assert.deepEqual(read([entry]).service, { endpoints: [{ host: '10.0.0.1', port: 80, weight: 1 }] });
    });

    it(`of the ${what} endpoint have the node's address, the weight of a tag and metadata where that is wanted`, () => {
      const options = {
        preferServiceAddress: false,
        weights: new Map([['blue', 3]]),
        transferMetadata: true,
        authority: 'a.b',
      };
      const endpoint = { host: '10.9.9.9', port: 80, weight: 3, meta: { version: '7', authority: 'a.b' } };
      assert.deepEqual(read([entry], options).service, { endpoints: [endpoint] });
    });
  }

  for (const [what, address, host] of [
    ['an IPv6 address', '2001:db8::1', '2001:db8::1'],
    ['a host name', 'web-1.example.com', 'web-1.example.com'],
    ["the node's address where the service has none", '', '10.9.9.9'],
    ["the node's address where the service's is missing", null, '10.9.9.9'],
  ] as const) {
    it(`have ${what}`, () => {
      assert.equal(read([catalog({ ServiceAddress: address })]).service?.endpoints[0]?.host, host);
    });
  }

  for (const [what, fields, complaint] of [
    ['port 70000', { ServicePort: 70000 }, '"web-1 on n1": port 70000 is not in 1-65535; it is left out'],
    ['port 0', { ServicePort: 0 }, '"web-1 on n1": port 0 is not in 1-65535; it is left out'],
    ['no port', { ServicePort: undefined }, '"web-1 on n1": port undefined is not in 1-65535; it is left out'],
    [
      'an address that is none',
      { ServiceAddress: 'a b' },
      '"web-1 on n1": address "a b" is neither an IP address nor a host name; it is left out',
    ],
    [
      'an address that is no text',
      { ServiceAddress: 7 },
      '"web-1 on n1": address 7 is neither an IP address nor a host name; it is left out',
    ],
    ['no id', { ServiceID: 7, ServicePort: -1 }, '"instance 2": port -1 is not in 1-65535; it is left out'],
  ] as const) {
    it(`with ${what} are left out, and the others are not`, () => {
      const { service, complaints } = read([catalog({ ServiceID: 'good' }), catalog(fields)]);
      assert.equal(service?.endpoints.length, 1);
      assert.deepEqual(complaints, [complaint]);
    });
  }

  it('are no service when there are none', () => {
    assert.equal(read([]).service, undefined);
  });

  it('are no service when none is in a wanted state', () => {
    assert.equal(read([health('critical')], { statuses: new Set(['passing']) }).service, undefined);
  });

  it('are a service without endpoints when all are bad', () => {
    assert.deepEqual(read([catalog({ ServicePort: 0 })]).service, { endpoints: [] });
  });

  it('are of interest only in a wanted state, however bad they are', () => {
    const { service, complaints } = read([health('critical', { Port: 0 }), health('warning')], {
      statuses: new Set(['passing', 'warning']),
    });
    assert.equal(service?.endpoints.length, 1);
    assert.deepEqual(complaints, []);
  });

  it('keep the last good address, until the registry lists them no more', () => {
    const instances = new Instances(DEFAULTS);
    const hosts = (...entries: readonly object[]): unknown =>
      instances.read(Buffer.from(JSON.stringify(entries)), () => {})?.endpoints.map(({ host }) => host);
    const bad = catalog({ ServicePort: 70000 });
    assert.deepEqual(hosts(catalog()), ['10.0.0.1']);
    assert.deepEqual(hosts(bad), ['10.0.0.1']);
    assert.deepEqual(hosts(), undefined);
    assert.deepEqual(hosts(bad), []);
  });

  it('take the highest weight of the tags that match, also 0', () => {
    const weights = new Map([
      ['small', 0.5],
      ['big', 2],
      ['none', 0],
    ]);
    const weight = (...tags: unknown[]): unknown =>
      read([catalog({ ServiceTags: tags })], { weights }).service?.endpoints[0]?.weight;
    assert.deepEqual(
      [weight('small', 'big'), weight('none'), weight('none', 'small'), weight('other'), weight(), weight(7)],
      [2, 0, 0.5, 1, 1, 1],
    );
  });

  it('cannot set the Host of requests, or what else the gateway knows of an address, by their Meta', () => {
    const entry = catalog({ ServiceMeta: { authority: 'evil', nodeName: 'evil', a: 'b' } });
    assert.deepEqual(read([entry], { transferMetadata: true }).service?.endpoints[0]?.meta, { a: 'b' });
    const authority = 'web.service.dc1.consul';
    assert.deepEqual(read([entry], { transferMetadata: true, authority }).service?.endpoints[0]?.meta, {
      a: 'b',
      authority,
    });
  });

  for (const [what, body, message] of [
    ['no JSON', '<html>', 'instances: not JSON: "<html>"'],
    ['no list', '{"a":1}', /^instances: want a list, got /],
    ['null', 'null', /^instances: want a list, got null/],
  ] as const) {
    it(`are refused where the answer is ${what}`, () => {
      const instances = new Instances(DEFAULTS);
      assert.throws(() => instances.read(Buffer.from(body), () => {}), { message });
    });
  }
});
