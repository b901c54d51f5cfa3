// What a reload leaves behind: listeners that still drain, ports that are free again, metrics of what is not there.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { RawClient } from '../support/raw-client.js';
import { get, Scene } from '../support/scene.js';
import { fixed, hang, startUpstream } from '../support/upstream.js';

expectNoOpenHandles();

interface Keys {
  readonly servers?: string;
  readonly admin?: string;
  /** More of the router, then of the file. */
  readonly more?: string;
}

function config({ servers = '{port: 0}', admin = 'port: 0', more = '' }: Keys = {}): string {
  return `
admin: {${admin}}
routers:
- protocol: http
  dtab: /svc/* => /$/inet/127.0.0.1/1
  servers: [${servers}]
${more}`;
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const upstream = await startUpstream();
  const { port } = upstream;
  await upstream.close();
  return port;
}

test('gateway that is told to stop finishes what listeners have under way that a reload took away', async (t) => {
  const scene = new Scene(t);
  const upstream = await scene.upstream(hang);
  const to = (servers: string): string => config({ servers }).replace('/1\n', `/${upstream.port}\n`);
  const gateway = await scene.gateway(to('{port: 0}, {port: 0}'));
  const client = await RawClient.connect({ port: gateway.ports[1] as number });
  t.after(() => client.close());
  await client.send(get());
  await upstream.until('a request', () => upstream.requests.length === 1);
  await gateway.reload(to('{port: 0}'));
  const drained = gateway.drain();
  // Whoever does not wait for the request has closed everything by then.
  await Promise.race([drained, setTimeout(300)]);
  await upstream.requests[0]?.respond(200, 'whole');
  const { status, text } = await client.readResponse();
  assert.deepEqual([status, text], [200, 'whole']);
  await drained;
});

test('reload that is refused leaves no metrics of what it would have brought', async (t) => {
  const scene = new Scene(t);
  const taken = await scene.upstream(fixed(200, 'in the way'));
  const gateway = await scene.gateway(config());
  const more = `- protocol: http
  label: other
  servers: [{port: 0}, {port: ${taken.port}}]
namers: [{kind: io.l5d.consul, prefix: /other}]
`;
  await assert.rejects(gateway.reload(config({ more })), /Cannot start router other/);
  const scopes = (...path: string[]): string[] => [...gateway.metrics.scope(...path).children.keys()];
  assert.deepEqual([scopes('rt'), scopes('namer')], [['http'], []]);
});

test('reload that takes `originator` away takes its gauge away, and one that brings it brings that', async (t) => {
  const gateway = await new Scene(t).gateway(config({ more: '  originator: true\n' }));
  const shown: number[] = [gateway.metric('rt', 'http', 'originator')];
  for (const more of ['', '  originator: true\n']) {
    await gateway.reload(config({ more }));
    shown.push(gateway.metric('rt', 'http', 'originator'));
  }
  assert.deepEqual(shown, [1, 0, 1]);
});

test('reload that moves admin elsewhere frees its port at once: the next one can move it back', async (t) => {
  const [first, second] = [await freePort(), await freePort()];
  const gateway = await new Scene(t).gateway(config({ admin: `port: ${first}` }));
  const ping = async (port: number): Promise<string> => {
    const answer = await fetch(`http://127.0.0.1:${port}/admin/ping`, { headers: { connection: 'close' } });
    return answer.text();
  };
  await gateway.reload(config({ admin: `port: ${second}` }));
  assert.equal(await ping(second), 'pong');
  await assert.rejects(ping(first));
  await gateway.reload(config({ admin: `port: ${first}` }));
  assert.equal(await ping(first), 'pong');
  await assert.rejects(ping(second));
});
