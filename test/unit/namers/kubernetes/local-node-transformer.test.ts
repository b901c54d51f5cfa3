import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { signal } from '@preact/signals-core';
import { makeLocalNodeTransformer } from '../../../../namers/kubernetes/local-node-transformer.js';
import { nodeOf, subnet24 } from '../../../../namers/kubernetes/same-node.js';
import { type Addr, addrBound, makeAddress, showAddress } from '../../../../src/base/addr.js';
import { parsePath } from '../../../../src/base/name-grammar.js';
import { EMPTY_PATH, pathFromText } from '../../../../src/base/path.js';

const PREFIX = pathFromText('%', 'io.l5d.k8s.localnode');
const ADDR = addrBound([
  makeAddress('10.1.1.7', 80),
  makeAddress('10.1.2.7', 80, 1, { nodeName: 'node-2' }),
  makeAddress('10.11.1.7', 80, 1, { nodeName: 'node-1' }),
  makeAddress('fd00::1', 80),
]);

function transform(hostNetwork: boolean, env: Record<string, string>, prefix = PREFIX): string {
  const source = signal<Addr>(ADDR);
  const made = makeLocalNodeTransformer({ prefix, hostNetwork, env }).transform({
    id: parsePath('/#/x/web'),
    residual: EMPTY_PATH,
    addr: source,
  });
  assert.ok(made.state === 'ok' && made.value.type === 'leaf');
  const { id, addr } = made.value.value;
  const now = addr.value;
  return `${id.show()} ${now.state === 'bound' ? now.addresses.map(showAddress).join(' ') : now.state}`;
}

describe('io.l5d.k8s.localnode', () => {
  it('keeps the addresses in the /24 of POD_IP', () => {
    assert.equal(transform(false, { POD_IP: '10.1.1.200' }), '/%/io.l5d.k8s.localnode/10.1.1.200/#/x/web 10.1.1.7:80');
  });

  it('keeps the addresses on the node NODE_NAME in the network of the host', () => {
    const env = { POD_IP: '10.1.1.200', NODE_NAME: 'node-2' };
    assert.equal(transform(true, env), '/%/io.l5d.k8s.localnode/node-2/#/x/web 10.1.2.7:80');
  });

  it('is Neg without any, which no alternative follows', () => {
    assert.equal(transform(false, { POD_IP: '10.9.9.9' }), '/%/io.l5d.k8s.localnode/10.9.9.9/#/x/web neg');
  });

  it('has the configured prefix as it is', () => {
    assert.equal(transform(false, { POD_IP: '10.1.1.2' }, pathFromText('%', 'mine')), '/%/mine/#/x/web 10.1.1.7:80');
  });

  for (const [hostNetwork, env, message] of [
    [false, {}, /POD_IP is not set; let the pod have it from status\.podIP/],
    [false, { POD_IP: '' }, /POD_IP is not set/],
    [true, {}, /NODE_NAME is not set; let the pod have it from spec\.nodeName/],
    [false, { POD_IP: 'fd00::1' }, /POD_IP is "fd00::1", which is no IPv4 address; use hostNetwork: true/],
  ] as const) {
    it(`refuses to start with ${JSON.stringify(env)}`, () => {
      assert.throws(() => makeLocalNodeTransformer({ prefix: PREFIX, hostNetwork, env }), message);
    });
  }
});

describe('subnet24', () => {
  it('is the first 24 bits of an IPv4 address, and nothing of any other', () => {
    assert.equal(subnet24('10.1.2.3'), '10.1.2');
    assert.equal(subnet24('10.1.23.3') === subnet24('10.1.2.33'), false);
    assert.equal(subnet24('::ffff:10.1.2.3'), undefined);
    assert.equal(subnet24('web.example.com'), undefined);
  });

  it('is asked for only where nodes have no names', () => {
    assert.equal(nodeOf(true)(makeAddress('10.1.2.3', 80)), undefined);
  });
});
