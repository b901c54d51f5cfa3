import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCuratorInstance } from '../../../../namers/zookeeper/curator-namer.js';

const parse = (json: object): ReturnType<typeof parseCuratorInstance> =>
  parseCuratorInstance(Buffer.from(JSON.stringify(json)));

const INSTANCE = {
  name: 'web',
  id: '1',
  address: '10.0.0.1',
  port: 80,
  sslPort: null,
  payload: null,
  registrationTimeUTC: 1,
  serviceType: 'DYNAMIC',
};

test('an instance is read with its port', () => {
  assert.deepEqual(parse(INSTANCE), { endpoint: { host: '10.0.0.1', port: 80 }, isTls: false });
});

test('an instance with an sslPort is read with that', () => {
  assert.deepEqual(parse({ ...INSTANCE, sslPort: 443 }), { endpoint: { host: '10.0.0.1', port: 443 }, isTls: true });
  assert.deepEqual(parse({ ...INSTANCE, port: null, sslPort: 443 })?.endpoint.port, 443);
});

test('an instance that is disabled is none', () => {
  assert.equal(parse({ ...INSTANCE, enabled: false }), undefined);
  assert.ok(parse({ ...INSTANCE, enabled: true }));
});

for (const [json, message] of [
  [{ ...INSTANCE, port: null }, /port null is not in 1-65535/],
  [{ ...INSTANCE, port: 70000 }, /port 70000 is not in/],
  [{ ...INSTANCE, sslPort: 0 }, /port 0 is not in/],
  [{ ...INSTANCE, address: '' }, /address "" is neither/],
  [[INSTANCE], /want a JSON object/],
] as const) {
  test(`the instance ${JSON.stringify(json)} is refused`, () => assert.throws(() => parse(json), message));
}
