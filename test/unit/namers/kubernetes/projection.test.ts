import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { endpointSlices, endpointsSubsets } from '../../../../namers/kubernetes/endpoint-object.js';
import { projectService } from '../../../../namers/kubernetes/service-object.js';
import { endpoints, service, slice } from '../../../support/fake-kube-apiserver.js';

function noComplaint(message: string): never {
  throw new Error(`complained: ${message}`);
}

describe('endpointSlices', () => {
  const project = (object: object) => endpointSlices('version')(object as never, undefined, noComplaint);

  it('keeps what is needed and nothing else', () => {
    const object = slice(
      'Web',
      [{ addresses: ['10.0.0.1', '10.0.0.2'], nodeName: 'n1', targetRef: { uid: 'x' }, zone: 'z' }],
      {
        labels: { version: 'v1', other: 'o' },
      },
    );
    assert.deepEqual(project(object), {
      service: 'web',
      label: 'v1',
      groups: [{ ports: [{ name: 'http', port: 8080 }], addresses: [{ host: '10.0.0.1', nodeName: 'n1' }] }],
    });
  });

  it('takes the conditions as the API defines them: unknown is ready', () => {
    for (const [conditions, kept] of [
      [undefined, 'ready'],
      [null, 'ready'],
      [{}, 'ready'],
      [{ ready: null }, 'ready'],
      [{ ready: true }, 'ready'],
      [{ ready: true, serving: true, terminating: false }, 'ready'],
      [{ ready: false }, 'left out'],
      [{ ready: false, serving: true, terminating: false }, 'left out'],
      [{ ready: false, serving: false, terminating: true }, 'left out'],
      [{ ready: false, serving: true, terminating: true }, 'draining'],
    ] as const) {
      const [group] = project(slice('web', [{ addresses: ['10.0.0.1'], conditions }]))?.groups ?? [];
      const [address] = group?.addresses ?? [];
      const found = address === undefined ? 'left out' : address.isDraining ? 'draining' : 'ready';
      assert.equal(found, kept, JSON.stringify(conditions));
    }
  });

  it('takes empty slices, ports without a name and other protocols', () => {
    assert.deepEqual(project(slice('web', null, { ports: null }))?.groups, [{ ports: [], addresses: [] }]);
    const ports = [
      { name: '', port: 1 },
      { port: 2, protocol: 'TCP' },
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'all', port: null },
    ];
    assert.deepEqual(project(slice('web', [], { ports }))?.groups[0]?.ports, [
      { name: '', port: 1 },
      { name: '', port: 2 },
    ]);
  });

  it('takes the node from the topology of v1beta1', () => {
    const object = slice('web', [{ addresses: ['10.0.0.1'], topology: { 'kubernetes.io/hostname': 'n2' } }]);
    assert.deepEqual(project(object)?.groups[0]?.addresses, [{ host: '10.0.0.1', nodeName: 'n2' }]);
  });

  it('takes no notice of slices of no service', () => {
    assert.equal(project({ metadata: { name: 'x' }, endpoints: [] }), undefined);
    assert.equal(project({ metadata: { name: 'x', labels: null } }), undefined);
  });
});

describe('endpointsSubsets', () => {
  const project = (object: object) => endpointsSubsets(undefined)(object as never, undefined, noComplaint);

  it('takes subsets that are null, absent or empty (1.x bug 9)', () => {
    for (const subsets of [null, undefined, []]) {
      assert.deepEqual(project({ metadata: { name: 'web' }, subsets })?.groups, []);
    }
    assert.deepEqual(project(endpoints('web', [{ addresses: null, ports: null }]))?.groups, [
      { ports: [], addresses: [] },
    ]);
  });

  it('keeps each subset with its own ports, and leaves out what is not ready', () => {
    const object = endpoints('web', [
      { addresses: [{ ip: '10.0.0.1', nodeName: 'n1' }], ports: [{ name: 'http', port: 1 }] },
      { addresses: [{ ip: 'fd00::1' }], notReadyAddresses: [{ ip: '10.0.0.3' }], ports: [{ name: 'http', port: 2 }] },
    ]);
    assert.deepEqual(project(object)?.groups, [
      { ports: [{ name: 'http', port: 1 }], addresses: [{ host: '10.0.0.1', nodeName: 'n1' }] },
      { ports: [{ name: 'http', port: 2 }], addresses: [{ host: 'fd00::1' }] },
    ]);
  });
});

describe('an endpoint object that cannot be used', () => {
  const before = { service: 'web', label: undefined, groups: [] };
  const project = (object: object, known: typeof before | undefined) => {
    const complaints: string[] = [];
    const result = endpointSlices(undefined)(object as never, known, (message) => complaints.push(message));
    return { result, complaints };
  };

  it('leaves what was known of it in use', () => {
    const { result, complaints } = project(slice('web', ['x y']), before);
    assert.equal(result, before);
    assert.deepEqual(complaints, [
      'address "x y" is neither an IP address nor a host name; its last good addresses stay in use',
    ]);
  });

  it('is used as far as it goes when nothing was known', () => {
    const ports = [
      { name: 'bad', port: 70000 },
      { name: 'good', port: 80 },
    ];
    const { result, complaints } = project(slice('web', ['10.0.0.1', 'x y'], { ports }), undefined);
    assert.deepEqual(result?.groups, [{ ports: [{ name: 'good', port: 80 }], addresses: [{ host: '10.0.0.1' }] }]);
    assert.equal(complaints.length, 2);
    assert.ok(complaints.every((complaint) => complaint.endsWith('; it is left out')));
  });
});

describe('projectService', () => {
  const project = (spec: object, more: object = {}) => projectService('version')(service('web', spec, more) as never);

  it('keeps ports with their targets, by number or by name (1.x bug 10)', () => {
    const ports = [
      { port: 80 },
      { name: 'A', port: 81, targetPort: 8081 },
      { name: 'b', port: 82, targetPort: 'HTTP-alt' },
      { name: 'c', port: 83, targetPort: '8083' },
      { name: 'd', port: 84, targetPort: 0 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ];
    assert.deepEqual(project({ ports }).ports, [
      { name: '', port: 80, target: 80 },
      { name: 'a', port: 81, target: 8081 },
      { name: 'b', port: 82, target: 'http-alt' },
      { name: 'c', port: 83, target: 8083 },
      { name: 'd', port: 84, target: 84 },
    ]);
  });

  it('keeps balancers by host name or address, also before there is one (1.x bug 11)', () => {
    const ingress = [{ hostname: 'lb.example.com' }, { ip: '192.0.2.1' }, {}];
    assert.deepEqual(project({}, { status: { loadBalancer: { ingress } } }).ingress, ['lb.example.com', '192.0.2.1']);
    assert.deepEqual(project({}, { status: null }).ingress, []);
  });

  it('takes an external name, and refuses the gateway itself as one', () => {
    const external = (externalName: unknown) => project({ type: 'ExternalName', externalName }).externalName;
    assert.equal(external('DB.example.com.'), 'db.example.com');
    for (const name of ['localhost', 'LOCALHOST.', 'a.localhost', '127.0.0.1', '::1', '10.0.0.1']) {
      assert.throws(() => external(name), /is no name in DNS$/, name);
    }
    for (const name of ['', 'a b', undefined, 7])
      assert.throws(() => external(name), /neither an IP address nor a host name/);
    assert.equal(project({ type: 'ClusterIP', externalName: 'x.example.com' }).externalName, undefined);
  });

  it('says what makes it useless', () => {
    assert.throws(() => project({ ports: [{ port: 70000 }] }), /port 70000 is not in 1-65535/);
    assert.throws(() => project({ ports: [{ port: 1, targetPort: 70000 }] }), /port 70000 is not in 1-65535/);
  });
});
