import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Freshness } from '../../../src/base/addr.js';
import { parsePath } from '../../../src/base/name-grammar.js';
import type { ClientStack } from '../../../src/router/client-stack.js';
import { explainBinding } from '../../../src/router/explain.js';

function explain(freshness: Freshness | undefined): string {
  const client = { id: parsePath('/#/io.l5d.consul/dc1/web') } as ClientStack;
  return explainBinding({ client, freshness: freshness && (() => freshness) });
}

const REGISTRY = { registry: 'Consul 127.0.0.1:8500', ageMs: 312, updates: 4, error: undefined };

describe('l5d-explain', () => {
  it('has the bound name, its registry, seconds since that confirmed it, and the changes seen', () => {
    assert.equal(explain(REGISTRY), '/#/io.l5d.consul/dc1/web; registry="Consul 127.0.0.1:8500"; age=0.31; updates=4');
  });

  it('has the error while the registry cannot be heard', () => {
    assert.equal(
      explain({ ...REGISTRY, ageMs: 30_000, error: 'connect ECONNREFUSED' }),
      '/#/io.l5d.consul/dc1/web; registry="Consul 127.0.0.1:8500"; age=30.00; updates=4; error="connect ECONNREFUSED"',
    );
  });

  it('has no age before the first answer', () => {
    assert.equal(
      explain({ ...REGISTRY, ageMs: undefined, updates: 0 }),
      '/#/io.l5d.consul/dc1/web; registry="Consul 127.0.0.1:8500"; updates=0',
    );
  });

  it('is the bound name alone where no registry is asked', () => {
    assert.equal(explain(undefined), '/#/io.l5d.consul/dc1/web');
  });

  it('lets nothing that a registry said out of its quotes or its line', () => {
    const explained = explain({ ...REGISTRY, error: 'not JSON: "<a>\r\nSet-Cookie: x" \\ é' });
    assert.ok(explained.endsWith(String.raw`; error="not JSON: \"<a>??Set-Cookie: x\" \\ ?"`), explained);
  });
});
