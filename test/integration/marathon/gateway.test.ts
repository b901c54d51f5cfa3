import assert from 'node:assert/strict';
import { test } from 'node:test';
import { marathonNamer } from '../../../namers/marathon/index.js';
import { kinds as builtIn } from '../../../src/kinds.js';
import { captureLog } from '../../support/captured-log.js';
import { FakeMarathon } from '../../support/fake-marathon.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { get, Scene } from '../../support/scene.js';
import { Traffic } from '../../support/traffic.js';
import { fixed } from '../../support/upstream.js';

expectNoOpenHandles();

const kinds = { ...builtIn, namer: [marathonNamer] };

test('gateway fails no request while Marathon is killed and frozen, and sees changes made meanwhile', async (t) => {
  captureLog(t);
  const marathon = await FakeMarathon.start();
  t.after(() => marathon.close());
  const scene = new Scene(t);
  const [a, b, c] = [
    await scene.upstream(fixed(200, 'a')),
    await scene.upstream(fixed(200, 'b')),
    await scene.upstream(fixed(200, 'c')),
  ];
  const serve = (...ports: readonly number[]): void => {
    marathon.apps.set('/web', { tasks: ports.map((port) => ({ host: '127.0.0.1', ports: [port] })) });
  };
  serve(a.port);
  const gateway = await scene.gateway(
    `
admin: {port: 0}
namers: [{kind: io.l5d.marathon, host: 127.0.0.1, port: ${marathon.port}, ttlMs: 100, jitterMs: 10}]
routers:
- {protocol: http, dtab: "/svc => /#/io.l5d.marathon", servers: [{port: 0}]}`,
    { kinds },
  );
  const errors = (): number => gateway.metric('namer', 'io.l5d.marathon', 'service', 'errors');
  const traffic = await Traffic.start({ port: gateway.port, request: get() });
  t.after(() => traffic.stop());
  await traffic.settlesOn('a');
  serve(a.port, b.port);
  await traffic.settlesOn('a', 'b');
  await marathon.stop();
  await traffic.until('failed polls', () => errors() >= 12);
  serve(b.port, c.port);
  await marathon.start();
  await traffic.settlesOn('b', 'c');
  const asked = marathon.requests.length;
  marathon.behaviour = 'hang';
  await traffic.until('polls without an answer', () => marathon.requests.length >= asked + 2);
  serve(c.port);
  marathon.behaviour = undefined;
  // What hangs is given up after ten seconds.
  await traffic.settlesOn('c');
  assert.ok((await traffic.end()) > 500);
});

test('gateway tries alternatives to an app with zero replicas (1.x bug 32)', async (t) => {
  captureLog(t);
  const marathon = await FakeMarathon.start();
  t.after(() => marathon.close());
  marathon.apps.set('/web', { tasks: [] });
  const scene = new Scene(t);
  const fallback = await scene.upstream(fixed(200, 'fallback'));
  const gateway = await scene.gateway(
    `
admin: {port: 0}
namers: [{kind: io.l5d.marathon, host: 127.0.0.1, port: ${marathon.port}}]
routers:
- {protocol: http, dtab: "/svc => /#/io.l5d.marathon | /$/inet/127.0.0.1/${fallback.port}", servers: [{port: 0}]}`,
    { kinds },
  );
  assert.equal((await scene.ask(gateway, get())).text, 'fallback');
});
