// A program: one server on each address of its arguments, each answering every request with its own name, `a`, `b` …; tells its
// parent the ports. Ends with its parent.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const ports: number[] = [];
for (const [i, host] of process.argv.slice(2).entries()) {
  const name = String.fromCharCode('a'.charCodeAt(0) + i);
  const server = createServer({ keepAliveTimeout: 75_000 }, (_, response) => {
    response.setHeader('content-length', name.length).end(name);
  });
  server.listen(0, host);
  await once(server, 'listening');
  ports.push((server.address() as AddressInfo).port);
}
process.on('disconnect', () => process.exit());
process.send?.(ports);
