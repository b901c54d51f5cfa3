// Unary calls by @grpc/grpc-js, as fast as they are answered: `node grpc-load.mjs <port> <seconds> <channels> <calls>`, with so many
// calls under way on each channel. Prints one line of JSON.

import { credentials, makeClientConstructor } from '@grpc/grpc-js';
import { ECHO } from './grpc-echo.mjs';

const [port, seconds, channels, calls] = process.argv.slice(2).map(Number);
const MESSAGE = Buffer.alloc(64, 'x');
const Echo = makeClientConstructor(ECHO, 'Echo');
// Channels to one target share a connection unless they are told not to.
const options = { 'grpc.use_local_subchannel_pool': 1, 'grpc.default_authority': 'host-0.example.com' };
const clients = Array.from(
  { length: channels },
  () => new Echo(`127.0.0.1:${port}`, credentials.createInsecure(), options),
);

const latenciesUs = [];
let errors = 0;
const begunAt = performance.now();
const until = begunAt + seconds * 1000;

function call(client) {
  const sentAt = performance.now();
  return new Promise((resolve) => {
    client.unary(MESSAGE, (error, answer) => {
      if (error || answer.length !== MESSAGE.length) errors += 1;
      else latenciesUs.push((performance.now() - sentAt) * 1000);
      resolve();
    });
  });
}

async function callAgainAndAgain(client) {
  while (performance.now() < until) await call(client);
}

await Promise.all(clients.flatMap((client) => Array.from({ length: calls }, () => callAgainAndAgain(client))));
const us = (performance.now() - begunAt) * 1000;
for (const client of clients) client.close();
latenciesUs.sort((a, b) => a - b);
const at = (share) => latenciesUs[Math.floor(latenciesUs.length * share)] ?? null;
console.log(JSON.stringify({ us, requests: latenciesUs.length, bytes: 0, errors, p50Us: at(0.5), p99Us: at(0.99) }));
