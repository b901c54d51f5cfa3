// Peer: http-proxy behind node:http, upstream connections kept alive. Arguments: listen port, upstream port.

import { Agent, createServer } from 'node:http';
import httpProxy from 'http-proxy';

const [listenPort, upstreamPort] = process.argv.slice(2).map(Number);
const proxy = httpProxy.createProxyServer({
  target: { host: '127.0.0.1', port: upstreamPort },
  agent: new Agent({ keepAlive: true }),
});
proxy.on('error', (_error, _request, response) => response.destroy());

createServer({ keepAliveTimeout: 75_000 }, (request, response) => proxy.web(request, response)).listen(
  listenPort,
  '127.0.0.1',
);
