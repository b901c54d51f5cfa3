import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EndpointGroup, EndpointObject } from '../../../../namers/kubernetes/endpoint-object.js';
import { findEndpoints } from '../../../../namers/kubernetes/find-endpoints.js';
import type { ServiceObject } from '../../../../namers/kubernetes/service-object.js';
import { failed, ok, PENDING, type State } from '../../../../src/base/activity.js';

type Known = State<readonly EndpointObject[] | undefined>;
type KnownServiceObject = State<ServiceObject | undefined>;

const NOTHING = ok(undefined);
const SERVICE: ServiceObject = { label: undefined, ports: [], isHeadless: false, ingress: [] };

function group(ports: Readonly<Record<string, number>>, ...hosts: readonly (string | EndpointGroup['addresses'][0])[]) {
  return {
    ports: Object.entries(ports).map(([name, port]) => ({ name, port })),
    addresses: hosts.map((host) => (typeof host === 'string' ? { host } : host)),
  };
}

function object(...groups: readonly EndpointGroup[]): Known {
  return ok([{ service: 'web', label: undefined, groups }]);
}

function serviceWith(parts: Partial<ServiceObject>): KnownServiceObject {
  return ok({ ...SERVICE, ...parts });
}

/** `neg`, `empty`, `pending`, `failed: …` or the endpoints. Undefined for what must not be asked for. */
function find(port: string, endpoints: Known | undefined, service?: KnownServiceObject, label?: string): string {
  const asked = <T>(value: T | undefined, what: string): T => {
    if (value === undefined) throw new Error(`asked for ${what} in vain`);
    return value;
  };
  const now = findEndpoints(
    { port, label },
    { endpoints: () => asked(endpoints, 'endpoints'), service: () => asked(service, 'the service') },
  );
  if (now.state === 'failed') return `failed: ${now.error.message}`;
  if (now.state === 'pending') return 'pending';
  if (now.value === undefined) return 'neg';
  return now.value.endpoints.map(({ host, port: number }) => `${host}:${number}`).join(' ') || 'empty';
}

describe('findEndpoints, by the name of a port', () => {
  it('finds names with dashes and several ports', () => {
    const endpoints = object(group({ 'http-admin-2': 9990, http: 8080 }, 'a', 'b'));
    assert.equal(find('http-admin-2', endpoints), 'a:9990 b:9990');
    assert.equal(find('http', endpoints), 'a:8080 b:8080');
  });

  it('pairs the addresses of each subset with its own port: 1.x gave one port to all', () => {
    assert.equal(
      find('http', object(group({ http: 1 }, 'a'), group({ http: 2 }, 'b'), group({ x: 3 }, 'c'))),
      'a:1 b:2',
    );
  });

  it('is empty while nothing is ready, and Neg without the port', () => {
    const endpoints = object(group({ http: 1 }));
    assert.equal(find('http', endpoints), 'empty');
    assert.equal(find('admin', endpoints, NOTHING), 'neg');
    assert.equal(find('http', NOTHING, NOTHING), 'neg');
    assert.equal(find('http', ok([]), serviceWith({ ports: [{ name: 'http', port: 80, target: 80 }] })), 'neg');
  });

  it('uses those that are ending and still serve only when none is ready', () => {
    const draining = { host: 'b', isDraining: true };
    assert.equal(find('http', object(group({ http: 1 }, 'a', draining))), 'a:1');
    assert.equal(find('http', object(group({ http: 1 }, draining), group({ http: 2 }, 'c'))), 'c:2');
    assert.equal(find('http', object(group({ http: 1 }, draining))), 'b:1');
  });

  it('uses one family of a service that has both', () => {
    assert.equal(
      find('http', object(group({ http: 1 }, 'fd00::1', 'fd00::2'), group({ http: 1 }, '10.0.0.1'))),
      '10.0.0.1:1',
    );
    assert.equal(find('http', object(group({ http: 1 }, 'fd00::1'))), 'fd00::1:1');
  });

  it('counts an endpoint once that is in two slices', () => {
    assert.equal(find('http', object(group({ http: 1 }, 'a'), group({ http: 1 }, 'a'))), 'a:1');
  });

  it('waits and fails with the endpoints, and does not ask for the service meanwhile', () => {
    assert.equal(find('http', PENDING), 'pending');
    assert.equal(find('http', failed(new Error('no'))), 'failed: no');
  });

  it('asks for the service where no endpoint has the port, since it may be an ExternalName', () => {
    const external = { externalName: 'x.example.com', ports: [{ name: 'http', port: 80, target: 8080 }] };
    assert.equal(find('http', NOTHING, serviceWith(external)), 'x.example.com:8080');
    assert.equal(find('tls', NOTHING, serviceWith(external)), 'neg');
    assert.equal(find('http', NOTHING, PENDING), 'pending');
    const refused = failed(new Error('forbidden'));
    assert.equal(
      find('http', NOTHING, refused),
      'failed: port http is looked for in the service, which cannot be read: forbidden',
    );
  });
});

describe('findEndpoints, by the number of a port', () => {
  const PORTS = [
    { name: 'http', port: 80, target: 8080 },
    { name: 'named', port: 81, target: 'http-in-pod' },
  ];

  it('finds the port of the endpoints that has the name of that of the service', () => {
    const endpoints = object(group({ http: 8080, named: 9000 }, 'a'), group({ http: 8080, named: 9001 }, 'b'));
    assert.equal(find('80', endpoints, serviceWith({ ports: PORTS })), 'a:8080 b:8080');
    // A named target port may be another number in each pod (1.x bug 10).
    assert.equal(find('81', endpoints, serviceWith({ ports: PORTS })), 'a:9000 b:9001');
  });

  it('finds the target itself in endpoints whose ports have other names, as 1.x does', () => {
    assert.equal(find('80', object(group({ other: 1 }, 'a')), serviceWith({ ports: PORTS })), 'a:8080');
    assert.equal(find('81', object(group({ 'http-in-pod': 7 }, 'a')), serviceWith({ ports: PORTS })), 'a:7');
    assert.equal(find('81', object(group({ other: 7 }, 'a')), serviceWith({ ports: PORTS })), 'empty');
  });

  it('finds the only port, which has no name', () => {
    const service = serviceWith({ ports: [{ name: '', port: 80, target: 'web' }] });
    assert.equal(find('80', object(group({ '': 8080 }, 'a')), service), 'a:8080');
  });

  it('is empty for a service without endpoints (1.x bug 6), and Neg without the port or the service', () => {
    assert.equal(find('80', NOTHING, serviceWith({ ports: PORTS })), 'empty');
    assert.equal(find('8080', undefined, serviceWith({ ports: PORTS })), 'neg');
    assert.equal(find('80', undefined, NOTHING), 'neg');
  });

  it('finds any port of a headless service that names none', () => {
    const service = serviceWith({ isHeadless: true });
    assert.equal(find('5432', object(group({}, 'a', 'b')), service), 'a:5432 b:5432');
    assert.equal(find('70000', undefined, service), 'neg');
    assert.equal(
      find('80', undefined, serviceWith({ isHeadless: true, ports: [{ name: '', port: 1, target: 1 }] })),
      'neg',
    );
  });

  it('gives an ExternalName its target, or the number itself', () => {
    const bare = serviceWith({ externalName: 'x.example.com' });
    assert.equal(find('443', undefined, bare), 'x.example.com:443');
    assert.equal(find('0', undefined, bare), 'neg');
    const ports = serviceWith({ externalName: 'x.example.com', ports: PORTS });
    assert.equal(find('80', undefined, ports), 'x.example.com:8080');
    assert.equal(find('81', undefined, ports), 'x.example.com:81');
    assert.equal(find('82', undefined, ports), 'neg');
  });

  it('waits and fails with what it needs', () => {
    assert.equal(find('80', undefined, PENDING), 'pending');
    assert.equal(find('80', PENDING, serviceWith({ ports: PORTS })), 'pending');
    assert.equal(find('80', failed(new Error('no')), serviceWith({ ports: PORTS })), 'failed: no');
    assert.match(
      find('80', undefined, failed(new Error('no'))),
      /^failed: port 80 is looked for in the service, which cannot/,
    );
  });
});

describe('findEndpoints, with a label', () => {
  const objects = ok(
    ['V1', 'v2', undefined].map((label, i) => ({ service: 'web', label, groups: [group({ http: 1 }, `h${i}`)] })),
  );

  it('takes only what has the value, whatever its case', () => {
    assert.equal(find('http', objects, NOTHING, 'v1'), 'h0:1');
    assert.equal(find('http', objects, NOTHING, 'v3'), 'neg');
    const service = serviceWith({ ports: [{ name: 'http', port: 80, target: 1 }] });
    assert.equal(find('80', objects, service, 'v2'), 'h1:1');
    const external = { externalName: 'x.example.com', label: 'v1' };
    assert.equal(find('80', undefined, serviceWith(external), 'v1'), 'x.example.com:80');
    assert.equal(find('80', undefined, serviceWith(external), 'v2'), 'neg');
  });
});
