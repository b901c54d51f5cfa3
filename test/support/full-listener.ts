// FullListener: a port of loopback where connections are neither accepted nor refused, as at a host that is gone.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';

/** Listens in a thread that then sleeps for good, and fills its queue: the system drops what more comes. */
const PROGRAM = `
const { createServer } = require('node:net');
const { parentPort, workerData } = require('node:worker_threads');
const server = createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  parentPort.postMessage(server.address().port);
  Atomics.wait(new Int32Array(workerData), 0, 0);
  server.close();
});
`;

/** Connections that fit in a queue of length 1, and some more in case the system is generous. */
const FILL = 4;

export async function startFullListener(t: TestContext): Promise<{ readonly port: number }> {
  const gate = new SharedArrayBuffer(4);
  const worker = new Worker(PROGRAM, { eval: true, workerData: gate });
  const [port] = (await once(worker, 'message')) as [number];
  const sockets: Socket[] = [];
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    Atomics.notify(new Int32Array(gate), 0);
    await worker.terminate();
  });
  for (let i = 0; i < FILL; i++) sockets.push(connect({ port, host: '127.0.0.1' }).on('error', () => {}));
  // The first two are in the queue; the others wait, as what comes after them will.
  await once(sockets[1] as Socket, 'connect');
  return { port };
}
