// The upstream where nginx is missing: a program of its own so that it can be pinned. Argument: port.

import { createServer } from 'node:http';
import { LARGE_BYTES, LARGE_PATH, SMALL_BYTES } from './upstream.js';

const small = Buffer.alloc(SMALL_BYTES, 'x');
const large = Buffer.alloc(LARGE_BYTES, 'x');

createServer({ keepAliveTimeout: 75_000 }, (request, response) => {
  const body = request.url === LARGE_PATH ? large : small;
  response.setHeader('content-length', body.length).end(body);
}).listen(Number(process.argv[2]), '127.0.0.1');
