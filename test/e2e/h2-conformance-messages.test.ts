// RFC 9113 §8 on a whole gateway: requests that are malformed, requests that only seem to be, and what a response looks like.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DATA, END_STREAM, HEADERS, PUSH_PROMISE } from '../../src/wire/h2/frames.js';
import { ENABLE_PUSH } from '../../src/wire/h2/settings.js';
import { H2GatewayUnderTest } from '../support/conformance/h2-gateway-under-test.js';
import { BAD_BODIES, BAD_TRAILERS, CONNECT, MALFORMED, WELL_FORMED } from '../support/conformance/h2-message-cases.js';
import { eventually } from '../support/eventually.js';
import { GET, POST } from '../support/h2-peer.js';
import { expectNoOpenHandles } from '../support/open-handles.js';

expectNoOpenHandles();

test('h2 conformance: the stream of a request is reset for', async (t) => {
  const server = await H2GatewayUnderTest.start(t);
  const { upstream } = server.gateway;
  for (const [section, what, fields] of MALFORMED) {
    await t.test(`${what} (§${section})`, async (t) => {
      const peer = await server.connect(t);
      const seen = upstream.requests.length;
      peer.headers(1, fields, { endStream: true });
      assert.equal(await peer.nextReset(1), 'PROTOCOL_ERROR');
      // Again: by now the field may be in the dynamic table, and must be remembered as bad.
      peer.headers(3, fields, { endStream: true });
      assert.equal(await peer.nextReset(3), 'PROTOCOL_ERROR');
      assert.equal(upstream.requests.length, seen);
      peer.headers(5, GET, { endStream: true });
      await server.assertServed(5);
    });
  }
  for (const [what, send] of BAD_BODIES) {
    await t.test(`a body ${what} (§8.1.1)`, async (t) => {
      const peer = await server.connect(t);
      send(peer);
      assert.equal(await peer.nextReset(1), 'PROTOCOL_ERROR');
      await server.assertAlive();
    });
  }
  for (const [what, fields, endStream] of BAD_TRAILERS) {
    await t.test(`trailers that ${what}`, async (t) => {
      const peer = await server.connect(t);
      peer.headers(1, POST);
      peer.data(1, 'x');
      peer.headers(1, fields, { endStream });
      assert.equal(await peer.nextReset(1), 'PROTOCOL_ERROR');
      await server.assertAlive();
    });
  }
  await server.assertOthersUnharmed();
});

test('h2 conformance: a request is served', async (t) => {
  const server = await H2GatewayUnderTest.start(t);
  for (const [what, fields] of WELL_FORMED.filter((_, i) => WELL_FORMED[i]?.[1] !== CONNECT)) {
    await t.test(`with ${what} (§8.3)`, async (t) => {
      const peer = await server.connect(t);
      peer.headers(1, fields, { endStream: true });
      await server.assertServed(1);
      assert.equal(server.received.method, fields[fields.indexOf(':method') + 1]);
    });
  }

  for (const method of ['GET', 'HEAD', 'DELETE', 'PROPFIND']) {
    await t.test(`of method ${method}, without a body (§8.1)`, async (t) => {
      const peer = await server.connect(t);
      peer.headers(1, [':method', method, ...GET.slice(2)], { endStream: true });
      await server.assertServed(1);
      assert.equal(server.received.method, method);
      if (method === 'HEAD') assert.equal(peer.takeData(1).length, 0);
    });
  }

  await t.test('with a body in several DATA, padded and not, the largest of 2^14 octets (§4.2, §6.1)', async (t) => {
    const peer = await server.connect(t);
    peer.headers(1, POST);
    peer.data(1, Buffer.alloc(16_384, 'a'));
    peer.data(1, 'b', { padding: 255 });
    peer.data(1, '', { padding: 0 });
    peer.data(1, 'c', { padding: 10, endStream: true });
    await server.assertServed(1);
    const { bytes } = await server.received.body();
    assert.equal(bytes.toString(), `${'a'.repeat(16_384)}bc`);
  });

  await t.test('with trailers (§8.1)', async (t) => {
    const peer = await server.connect(t);
    peer.headers(1, POST);
    peer.data(1, 'body');
    peer.headers(1, ['x-sum', '42'], { endStream: true });
    await server.assertServed(1);
    const { bytes, trailers } = await server.received.body();
    assert.equal(bytes.toString(), 'body');
    assert.deepEqual(trailers, [['x-sum', '42']]);
  });

  await t.test(
    'with padded HEADERS that have a priority, in HEADERS and many CONTINUATIONs (§6.2, §6.10)',
    async (t) => {
      const peer = await server.connect(t);
      peer.headers(1, GET, { endStream: true, padding: 255, dependsOn: 0 });
      await server.assertServed(1);
      const block = peer.encode([...GET, 'x-long', 'v'.repeat(200)]);
      peer.frame(HEADERS, END_STREAM, 3, block.subarray(0, 1));
      for (let at = 1; at < block.length; at += 20)
        peer.continuation(3, block.subarray(at, at + 20), at + 20 >= block.length);
      await server.assertServed(3);
      assert.equal(server.received.header('x-long'), 'v'.repeat(200));
    },
  );

  await server.assertOthersUnharmed();
});

test('h2 conformance: a response', async (t) => {
  const server = await H2GatewayUnderTest.start(t);

  await t.test('is one HEADERS, DATA, and one END_STREAM at the end (§8.1)', async (t) => {
    const peer = await server.connect(t);
    server.body = 'x'.repeat(50_000);
    peer.headers(1, GET, { endStream: true });
    await server.answers(1);
    const frames = peer.frames.filter(({ id }) => id === 1);
    assert.deepEqual(new Set(frames.slice(1).map(({ type }) => type)), new Set([DATA]));
    assert.equal(frames[0]?.type, HEADERS);
    assert.deepEqual(
      frames.map(({ flags }) => flags & END_STREAM),
      frames.map((_, i) => (i === frames.length - 1 ? END_STREAM : 0)),
    );
    assert.equal(peer.takeData(1).length, 50_000);
    server.body = 'ok';
  });

  await t.test(
    'begins with :status, has no other pseudo-header, no capitals and no connection fields (§8.2, §8.3.2)',
    async (t) => {
      const peer = await server.connect(t);
      const before = server.gateway.upstream.requests.length;
      peer.headers(1, GET, { endStream: true });
      await eventually(() => server.gateway.upstream.requests.length > before);
      server.received.respond(200, 'ok', [
        ['Connection', 'X-Hop'],
        ['X-Hop', 'gone'],
        ['Keep-Alive', 'timeout=5'],
        ['X-Kept', 'YES'],
      ]);
      const { fields = [] } = await peer.next(HEADERS, 1);
      const names = fields.filter((_, i) => i % 2 === 0);
      assert.equal(names[0], ':status');
      assert.deepEqual(
        names.filter((name) => name.startsWith(':')),
        [':status'],
      );
      assert.deepEqual(
        names.filter((name) => name !== name.toLowerCase()),
        [],
      );
      for (const hop of ['connection', 'x-hop', 'keep-alive', 'transfer-encoding'])
        assert.ok(!names.includes(hop), hop);
      assert.equal(fields[fields.indexOf('x-kept') + 1], 'YES');
    },
  );

  await t.test('is never a push, whatever the client takes (§8.4)', async (t) => {
    const peer = await server.connect(t);
    peer.settings([[ENABLE_PUSH, 1]]);
    peer.headers(1, GET, { endStream: true });
    await server.assertServed(1);
    assert.equal(peer.take(PUSH_PROMISE), undefined);
    assert.ok(peer.frames.every(({ id }) => (id & 1) === 1 || id === 0));
  });

  await t.test('to CONNECT is one of the gateway, for it is no tunnel unless it is told to be (§8.5)', async (t) => {
    const peer = await server.connect(t);
    peer.headers(1, CONNECT);
    assert.equal((await peer.nextHead(1))[':status'], '405');
    await server.assertAlive();
  });

  await server.assertOthersUnharmed();
});
