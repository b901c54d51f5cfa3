import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseServersetMember, showServersetMember } from '../../../../namers/zookeeper/serverset-member.js';

const parse = (json: unknown): ReturnType<typeof parseServersetMember> =>
  parseServersetMember(Buffer.from(typeof json === 'string' ? json : JSON.stringify(json)));

const ALIVE = { serviceEndpoint: { host: '10.0.0.1', port: 80 }, additionalEndpoints: {}, status: 'ALIVE' };

test('a member that is alive is read with its service endpoint, named endpoints and shard', () => {
  const member = parse({
    ...ALIVE,
    additionalEndpoints: { http: { host: 'web-1.example', port: 8080 }, admin: { host: '::1', port: 9990 } },
    shard: 3,
    metadata: { zone: 'a' },
  });
  assert.deepEqual(member?.service, { host: '10.0.0.1', port: 80 });
  assert.deepEqual(
    [...(member?.named ?? [])],
    [
      ['http', { host: 'web-1.example', port: 8080 }],
      ['admin', { host: '::1', port: 9990 }],
    ],
  );
  assert.equal(member?.shard, 3);
});

test('a member with named endpoints alone is a member', () => {
  const member = parse({ additionalEndpoints: { http: { host: '10.0.0.1', port: 80 } }, status: 'ALIVE', shard: null });
  assert.equal(member?.service, undefined);
  assert.equal(member?.named.size, 1);
  assert.equal(member?.shard, undefined);
});

for (const status of ['DEAD', 'STARTING', 'STOPPING', 'STOPPED', 'WARNING']) {
  test(`a member with status ${status} is none`, () => {
    assert.equal(parse({ ...ALIVE, status }), undefined);
  });
}

const bad: readonly (readonly [json: unknown, message: RegExp])[] = [
  ['', /not JSON: ""/],
  ['{"serviceEndpoint":', /not JSON: "\{\\?"serviceEndpoint/],
  ['[1]', /it is \[1\], want a JSON object/],
  ['null', /it is null, want a JSON object/],
  [{ ...ALIVE, status: 'SLEEPY' }, /status "SLEEPY" is not one of ALIVE, DEAD/],
  [{ ...ALIVE, status: undefined }, /status undefined is not one of/],
  [{ ...ALIVE, status: 4 }, /status 4 is not one of/],
  [{ ...ALIVE, serviceEndpoint: { host: '10.0.0.1', port: 70000 } }, /serviceEndpoint: port 70000 is not in 1-65535/],
  [{ ...ALIVE, serviceEndpoint: { host: '10.0.0.1', port: 0 } }, /port 0 is not in/],
  [{ ...ALIVE, serviceEndpoint: { host: '10.0.0.300', port: 80 } }, /address "10.0.0.300" is neither/],
  [{ ...ALIVE, serviceEndpoint: { port: 80 } }, /address undefined is neither/],
  [{ ...ALIVE, serviceEndpoint: '10.0.0.1:80' }, /serviceEndpoint is "10.0.0.1:80", want a JSON object/],
  [{ ...ALIVE, additionalEndpoints: { http: { host: 'a b', port: 80 } } }, /additionalEndpoints.http: address "a b"/],
  [{ ...ALIVE, additionalEndpoints: [] }, /additionalEndpoints is \[\], want a JSON object/],
  [{ status: 'ALIVE' }, /it has no endpoints/],
  [{ ...ALIVE, shard: 'x' }, /shard "x" is not a whole number/],
];
for (const [json, message] of bad) {
  test(`a member that is ${JSON.stringify(json)} is refused`, () => assert.throws(() => parse(json), message));
}

test('a refusal quotes no more than 100 characters', () => {
  assert.throws(
    () => parse('x'.repeat(5000)),
    (error: Error) => error.message.length < 130,
  );
});

test('a member that the announcer writes is read back', () => {
  const json = showServersetMember({ host: '10.0.0.7', port: 4140 });
  assert.equal(json, '{"serviceEndpoint":{"host":"10.0.0.7","port":4140},"additionalEndpoints":{},"status":"ALIVE"}');
  assert.deepEqual(parse(json)?.service, { host: '10.0.0.7', port: 4140 });
});
