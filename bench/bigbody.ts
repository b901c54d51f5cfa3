// Big bodies: one response and one request body of 10 GiB each through one gateway process. Prints its peak resident memory;
// exits with 1 when that passes the limit or a byte is missing. `--gib 1` for a shorter run.

import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { GATEWAY } from './proxy/machine.js';
import { freePort, Program } from './proxy/process.js';
import { get } from './proxy/request.js';

const MIB = 1024 * 1024;
const LIMIT_MB = 200;
const PIECE = Buffer.alloc(256 * 1024, 'x');

process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { gib: { type: 'string', default: '10' } } });
  if (!/^[1-9]\d{0,3}$/.test(values.gib)) {
    console.error(`--gib is "${values.gib}", want a whole number from 1`);
    return 2;
  }
  const bytes = Number(values.gib) * 1024 * MIB;
  const folder = mkdtempSync(join(tmpdir(), 'linkgate-bigbody-'));
  const upstream = await startUpstream(bytes);
  const port = await freePort();
  const gateway = await startGateway(folder, port, (upstream.address() as AddressInfo).port);
  let complete = true;
  try {
    for (const [what, pass] of [
      ['response', download],
      ['request', upload],
    ] as const) {
      const startedAt = performance.now();
      const passed = await pass(port, bytes);
      const seconds = (performance.now() - startedAt) / 1000;
      complete &&= passed === bytes;
      const figures = `${passed} of ${bytes} bytes in ${seconds.toFixed(1)} s, ${(passed / MIB / seconds).toFixed(0)} MiB/s`;
      console.log(`${what} body: ${figures}; peak resident memory so far ${gateway.peakResidentMB().toFixed(0)} MiB`);
    }
    const peakMB = gateway.peakResidentMB();
    console.log(`peak resident memory ${peakMB.toFixed(0)} MiB, limit ${LIMIT_MB} MiB`);
    return complete && peakMB < LIMIT_MB ? 0 : 1;
  } finally {
    await gateway.stop();
    upstream.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function startGateway(folder: string, port: number, upstreamPort: number): Promise<Program> {
  const config = join(folder, 'linkerd.yaml');
  const router = `{protocol: http, dtab: "/svc/* => /$/inet/127.0.0.1/${upstreamPort}", servers: [{port: ${port}}]}`;
  writeFileSync(config, `admin: {port: 0}\nrouters: [${router}]\n`);
  return Program.start({
    command: [process.execPath, GATEWAY, config],
    folder,
    name: 'linkgate',
    isReady: async () => (await get(port, '/ready'))?.status === 200,
  });
}

/** Answers `/big` with `bytes` bytes, a PUT with how many bytes its body had, anything else with nothing. */
async function startUpstream(bytes: number): Promise<Server> {
  const server = createServer((socket) => void serve(socket, bytes).catch(() => socket.destroy()));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server;
}

async function serve(socket: Socket, bytes: number): Promise<void> {
  for (;;) {
    const head = await readHead(socket);
    if (head.startsWith('GET /big ')) {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`);
      await send(socket, bytes);
    } else if (head.startsWith('PUT ')) {
      const received = String(await receive(socket, bytes));
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${received.length}\r\n\r\n${received}`);
    } else {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    }
  }
}

/** How many bytes arrived. */
async function download(port: number, bytes: number): Promise<number> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.write('GET /big HTTP/1.1\r\nHost: web\r\n\r\n');
  await readHead(socket);
  const received = await receive(socket, bytes);
  socket.destroy();
  return received;
}

/** How many bytes the upstream says arrived. */
async function upload(port: number, bytes: number): Promise<number> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.write(`PUT / HTTP/1.1\r\nHost: web\r\nContent-Length: ${bytes}\r\n\r\n`);
  await send(socket, bytes);
  const length = Number(/^content-length: (\d+)\r$/im.exec(await readHead(socket))?.[1]);
  while (socket.readableLength < length) await once(socket, 'readable');
  const received = Number(String(socket.read(length)));
  socket.destroy();
  return received;
}

async function send(socket: Socket, bytes: number): Promise<void> {
  for (let left = bytes; left > 0; left -= PIECE.length) {
    if (!socket.write(left < PIECE.length ? PIECE.subarray(0, left) : PIECE)) await once(socket, 'drain');
  }
}

/** The next message's head; what follows it stays in the socket. */
async function readHead(socket: Socket): Promise<string> {
  let head = '';
  for (;;) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) {
      if (socket.readableEnded || socket.destroyed) throw new Error('connection ended before a whole head');
      await Promise.race([once(socket, 'readable'), once(socket, 'end'), once(socket, 'close')]);
      continue;
    }
    const before = head.length;
    head += chunk.toString('latin1');
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) continue;
    const rest = chunk.subarray(end + 4 - before);
    if (rest.length > 0) socket.unshift(rest);
    return head.slice(0, end + 2);
  }
}

/** Reads `bytes` bytes and throws them away; fewer when the connection ends first. */
function receive(socket: Socket, bytes: number): Promise<number> {
  return new Promise((resolve) => {
    let received = 0;
    const finish = (): void => {
      socket.off('data', take).off('close', finish).pause();
      resolve(received);
    };
    const take = (chunk: Buffer): void => {
      received += chunk.length;
      if (received >= bytes) finish();
    };
    socket.on('data', take).on('close', finish);
  });
}
