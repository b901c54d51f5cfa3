// `linkgate exposure` with io.l5d.ingress: which Ingresses are for callers outside; it asks the API server and writes nothing.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { linkgate } from '../../unit/cli/fake-terminal.js';
import { ingress, ingressPath, startIngressServer } from './ingress-source-scene.js';

expectNoOpenHandles();

const EXTERNAL = { 'linkgate.io/exposure': 'external' };

function config(port: number): string {
  return `
admin: {port: 0}
routers:
- protocol: http
  label: edge
  identifier: {kind: io.l5d.ingress, host: 127.0.0.1, port: ${port}, publishAddresses: [192.0.2.1]}
  dtab: |
    /svc => /$/inet/127.0.0.1/1 ;
    /ext/shop/http/web => /$/inet/127.0.0.1/8080
  servers: [{port: 0}, {port: 0, exposure: external}]
`;
}

it('linkgate exposure lists the Ingresses for callers outside, path by path, and writes nothing', async (t) => {
  const server = await startIngressServer();
  t.after(() => server.close());
  const paths = [ingressPath('/'), ingressPath('/cart')];
  server.put('shop/ingresses', ingress('web', 'shop.example.com', { annotations: EXTERNAL, paths }));
  server.put('shop/ingresses', ingress('admin', 'admin.example.com'));
  const { code, out, err } = await linkgate(['exposure', '-'], config(server.port));
  assert.deepEqual([code, err], [0, '']);
  const [first = '', , ...hosts] = out.split('\n');
  assert.equal(first, '127.0.0.1:0 of edge: 1 host, names begin with /ext');
  assert.deepEqual(hosts, [
    '',
    'shop.example.com   (ingress shop/web)',
    '  /* (ingress shop/web)  → /ext/shop/http/web',
    '    ✓ /$/inet/127.0.0.1/8080   1 address',
    '  /cart* (ingress shop/web)  → /ext/shop/http/web',
    '    ✓ /$/inet/127.0.0.1/8080   1 address',
    '',
  ]);
  assert.deepEqual(server.writes, []);
});

it('linkgate exposure says that the API server does not answer', async (t) => {
  const server = await startIngressServer();
  const { port } = server;
  await server.close();
  t.after(() => server.close());
  const { code, out, err } = await linkgate(['exposure', '--timeout', '0.2', '-'], config(port));
  assert.equal(code, 1);
  assert.match(out, /^127\.0\.0\.1:0 of edge: 0 hosts/);
  assert.match(err, /^linkgate: not all is known after 0\.2 s:\n {2}Kubernetes 127\.0\.0\.1:\d+: .*ingresses/m);
});
