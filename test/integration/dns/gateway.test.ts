import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dnsSrvNamer } from '../../../namers/dns/index.js';
import { kinds as builtIn } from '../../../src/kinds.js';
import { captureLog } from '../../support/captured-log.js';
import { address, FakeDnsServer, srv } from '../../support/fake-dns-server.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { get, Scene } from '../../support/scene.js';
import { Traffic } from '../../support/traffic.js';
import { fixed } from '../../support/upstream.js';

expectNoOpenHandles();

const kinds = { ...builtIn, namer: [dnsSrvNamer] };

test('gateway fails no request while its name server is killed and frozen, and sees changes made meanwhile', async (t) => {
  captureLog(t);
  const server = await FakeDnsServer.start();
  t.after(() => server.close());
  const scene = new Scene(t);
  const [a, b, c] = [
    await scene.upstream(fixed(200, 'a')),
    await scene.upstream(fixed(200, 'b')),
    await scene.upstream(fixed(200, 'c')),
  ];
  server.zone.set('here.test', [address('127.0.0.1', 1)]);
  const serve = (...ports: readonly number[]): void => {
    server.zone.set(
      '_http._tcp.web.test',
      ports.map((port) => srv('here.test', port, { ttl: 1 })),
    );
  };
  serve(a.port);
  const gateway = await scene.gateway(
    `
admin: {port: 0}
namers: [{kind: io.l5d.dnssrv, experimental: true, dnsHosts: ["${server.host}"]}]
routers:
- {protocol: http, dtab: "/svc/web => /#/io.l5d.dnssrv/_http._tcp.web.test.", servers: [{port: 0}]}`,
    { kinds },
  );
  const errors = (): number => gateway.metric('namer', 'io.l5d.dnssrv', 'service', 'errors');
  const traffic = await Traffic.start({ port: gateway.port, request: get() });
  t.after(() => traffic.stop());
  await traffic.settlesOn('a');
  serve(a.port, b.port);
  await traffic.settlesOn('a', 'b');
  await server.stop();
  await traffic.until('failed lookups', () => errors() >= 5);
  serve(b.port, c.port);
  await server.start();
  await traffic.settlesOn('b', 'c');
  const before = errors();
  server.behaviour = 'silent';
  await traffic.until('lookups without an answer', () => errors() > before);
  serve(c.port);
  server.behaviour = 'zone';
  await traffic.settlesOn('c');
  assert.ok((await traffic.end()) > 500);
});

test('gateway tells why a name is bound to nothing, and tries alternatives', async (t) => {
  captureLog(t);
  const server = await FakeDnsServer.start();
  await server.stop();
  const scene = new Scene(t);
  const fallback = await scene.upstream(fixed(200, 'fallback'));
  const start = (dtab: string) =>
    scene.gateway(
      `
admin: {port: 0}
namers: [{kind: io.l5d.dnssrv, experimental: true, dnsHosts: ["${server.host}"]}]
routers:
- {protocol: http, dtab: "${dtab}", servers: [{port: 0}]}`,
      { kinds },
    );
  const alone = await scene.ask(await start('/svc => /#/io.l5d.dnssrv'), get());
  assert.equal(alone.status, 502);
  assert.match(alone.text, new RegExp(`DNS ${server.host}: .*ECONNREFUSED`));
  const other = await start(`/svc => /#/io.l5d.dnssrv | /$/inet/127.0.0.1/${fallback.port}`);
  assert.equal((await scene.ask(other, get())).text, 'fallback');
});
