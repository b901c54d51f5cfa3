import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { get, Scene } from '../support/scene.js';

expectNoOpenHandles();

test('loop of two gateways ends in the loop error within maxCallDepth, and is not retried', async (t) => {
  const scene = new Scene(t);
  const port = await freePort(scene);
  const second = await scene.gateway(config(port, 'maxCallDepth: 6'));
  const first = await scene.gateway(config(second.port, 'maxCallDepth: 20', port));
  const response = await scene.ask(first, get());
  assert.equal(response.status, 400);
  assert.equal(response.text, 'Maximum number of calls (6) has been exceeded. Please check for proxy loops.');
  assert.ok(response.header('l5d-err')?.startsWith('Maximum+number'));
  for (const [{ metric }, listener] of [
    [first, `127.0.0.1/${port}`],
    [second, '127.0.0.1/0'],
  ] as const) {
    assert.equal(metric('rt', 'http', 'server', listener, 'requests'), 4);
    assert.equal(metric('rt', 'http', 'server', listener, 'pending'), 0);
    assert.equal(metric('rt', 'http', 'service', 'svc/web', 'retries', 'total'), 0);
  }
});

test('gateway whose dtab leads to itself ends in the loop error, also where it clears the context', async (t) => {
  const scene = new Scene(t);
  const port = await freePort(scene);
  const gateway = await scene.gateway(config(port, 'maxCallDepth: 3, clearContext: true', port));
  const response = await scene.ask(gateway, get());
  assert.equal(response.status, 400);
  const ofServer = (name: string): number => gateway.metric('rt', 'http', 'server', `127.0.0.1/${port}`, name);
  assert.deepEqual([ofServer('requests'), ofServer('pending')], [5, 0]);
});

/** A gateway that sends everything to a port, with retries. */
function config(to: number, server: string, port = 0): string {
  return `
admin: {port: 0}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/${to}
  service: {responseClassifier: {kind: io.l5d.http.retryableAll5XX}}
  servers: [{port: ${port}, ${server}}]`;
}

/** One that was free a moment ago. */
async function freePort(scene: Scene): Promise<number> {
  const upstream = await scene.upstream();
  const { port } = upstream;
  await upstream.close();
  return port;
}
