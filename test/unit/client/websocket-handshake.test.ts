import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../../../src/base/errors.js';
import { WebSocketHandshake, webSocketAccept } from '../../../src/client/websocket-handshake.js';
import { Headers } from '../../../src/service/headers.js';

/** RFC 6455 §1.3. */
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const PROOF = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

test('WebSocket handshake: the proof of a key is that of RFC 6455', () => {
  assert.equal(webSocketAccept(KEY), PROOF);
});

test('WebSocket handshake sends 16 bytes of its own', () => {
  const keys = [new WebSocketHandshake(), new WebSocketHandshake()].map(({ http1 }) => {
    const [, key] = /^Sec-WebSocket-Key: (\S+)\r\n$/.exec(http1) ?? assert.fail(http1);
    return Buffer.from(key as string, 'base64');
  });
  assert.deepEqual(
    keys.map(({ length }) => length),
    [16, 16],
  );
  assert.notDeepEqual(keys[0], keys[1]);
});

test('WebSocket handshake takes the right proof, and takes it out', () => {
  const headers = Headers.from([
    ['Sec-WebSocket-Accept', PROOF],
    ['Sec-WebSocket-Protocol', 'chat'],
  ]);
  new WebSocketHandshake(KEY).check(headers);
  assert.deepEqual([...headers], [['Sec-WebSocket-Protocol', 'chat']]);
});

for (const [what, proofs] of [
  ['none', []],
  ['another', [PROOF.toLowerCase()]],
  ['two', [PROOF, PROOF]],
] as const) {
  test(`WebSocket handshake does not take ${what} for the proof`, () => {
    const headers = Headers.from(proofs.map((proof) => ['Sec-WebSocket-Accept', proof] as const));
    assert.throws(
      () => new WebSocketHandshake(KEY).check(headers),
      (error) => error instanceof GatewayError && error.code === 'upstream-malformed' && error.message.includes(PROOF),
    );
  });
}

test('WebSocket handshake refuses a 2xx, which would be a tunnel to its caller, and no other status', () => {
  const handshake = new WebSocketHandshake(KEY);
  for (const status of [200, 204, 299]) assert.throws(() => handshake.refuse(status), /want 101/);
  for (const status of [300, 403, 426, 503]) handshake.refuse(status);
});
