// Peer: @fastify/http-proxy as its README sets it up (undici pool underneath). Arguments: listen port, upstream port.

import fastifyProxy from '@fastify/http-proxy';
import fastify from 'fastify';

const [listenPort, upstreamPort] = process.argv.slice(2).map(Number);
const server = fastify({ logger: false, keepAliveTimeout: 75_000 });
await server.register(fastifyProxy, { upstream: `http://127.0.0.1:${upstreamPort}` });
await server.listen({ host: '127.0.0.1', port: listenPort });
