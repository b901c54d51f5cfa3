// `npm start`: starts two demo services and the gateway in front of them (config/quickstart.yaml), says what to try, and
// stops all of it on Ctrl-C with the gateway's exit code.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const GATEWAY = 'dist/src/main.js';
const CONFIG = 'config/quickstart.yaml';
/** As in config/disco/web-v1 and web-v2. */
const SERVICES = { v1: 18081, v2: 18082 };
/** As in config/quickstart.yaml. */
const PROXY_PORT = 4140;
const ADMIN_PORT = 9990;
const READY_LIMIT_MS = 20_000;

const PROXY = `http://127.0.0.1:${PROXY_PORT}`;
const ADMIN = `http://127.0.0.1:${ADMIN_PORT}`;

const TOUR = `
linkgate is ready. In another terminal, in this same folder:

1. A request is routed by its Host header; "web" is split three to one between two versions:
   curl -H 'Host: web' ${PROXY}/hello

2. Twenty of them: about 15 from v1, about 5 from v2
   for i in $(seq 20); do curl -s -H 'Host: web' ${PROXY}/; done | sort | uniq -c

3. Send one request elsewhere with a dtab of its own: always v2
   curl -H 'Host: web' -H 'l5d-dtab: /svc/web => /srv/web-v2' ${PROXY}/

4. A host nobody serves: 502, with the names and rules that were tried
   curl -i -H 'Host: nowhere' ${PROXY}/

5. Routing by files, live: beta.example.com is "web" until config/disco/beta exists, then v2 alone; no restart
   curl -H 'Host: beta.example.com' ${PROXY}/
   cp config/disco/web-v2 config/disco/beta && sleep 1
   curl -H 'Host: beta.example.com' ${PROXY}/
   rm config/disco/beta

6. Explain a name: every rule tried for /svc/web and where it ends
   curl -s -G ${ADMIN}/delegator.json --data-urlencode 'path=/svc/web' --data-urlencode 'namespace=http' \\
     --data-urlencode 'dtab=/srv => /#/io.l5d.fs ; /svc/web => 3 * /srv/web-v1 & 1 * /srv/web-v2'

7. Metrics of what you just did, as JSON and for Prometheus
   curl -s '${ADMIN}/admin/metrics.json?pretty=true' | grep requests
   curl -s ${ADMIN}/admin/metrics/prometheus | grep requests

The configuration is ${CONFIG}. Ctrl-C stops everything.
`;

/** @type {import('node:http').Server[]} */
const services = [];
try {
  process.exitCode = await main();
} catch (error) {
  console.error(`quickstart: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
} finally {
  for (const service of services) {
    service.close();
    service.closeAllConnections();
  }
}

/** @returns {Promise<number>} the gateway's exit code */
async function main() {
  if (!existsSync(join(ROOT, GATEWAY))) throw new Error(`${GATEWAY} is missing: run "npm run build" first`);
  // The gateway's own ports as well: an older gateway on the admin port would answer "ready" for the one started here.
  await assertFree(PROXY_PORT, `the gateway (${CONFIG})`);
  await assertFree(ADMIN_PORT, `the gateway's admin (${CONFIG})`);
  for (const [version, port] of Object.entries(SERVICES)) services.push(await startService(version, port));
  return runGateway();
}

/**
 * Answers every request with its version.
 * @param {string} version
 * @param {number} port
 */
async function startService(version, port) {
  const service = createHttpServer((request, response) => {
    response.setHeader('content-type', 'text/plain').end(`web ${version} says hello to ${request.url}\n`);
  });
  await listen(service, port, `demo service ${version} (config/disco/web-${version})`);
  return service;
}

/**
 * @param {number} port
 * @param {string} whose
 */
async function assertFree(port, whose) {
  const probe = createServer();
  await listen(probe, port, whose);
  await new Promise((resolve) => probe.close(resolve));
}

/**
 * @param {import('node:net').Server} server
 * @param {number} port
 * @param {string} whose
 * @returns {Promise<void>}
 */
function listen(server, port, whose) {
  return new Promise((resolve, reject) => {
    server.once('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      const taken = `port ${port} of ${whose} is taken: find its owner with "ss -ltnp sport = :${port}", stop it, try again`;
      reject(error.code === 'EADDRINUSE' ? new Error(taken) : error);
    });
    server.listen(port, '127.0.0.1', () => resolve());
  });
}

/** @returns {Promise<number>} */
function runGateway() {
  // In a process group of its own: on Ctrl-C the terminal signals us alone and the gateway is asked to stop once.
  const gateway = spawn(process.execPath, ['--enable-source-maps', GATEWAY, CONFIG], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  let stopping = false;
  const stop = () => {
    // Asked twice: no more patience.
    gateway.kill(stopping ? 'SIGKILL' : 'SIGTERM');
    stopping = true;
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
  process.on('exit', () => gateway.kill('SIGKILL'));

  return new Promise((resolve, reject) => {
    let neverReady = false;
    gateway.once('error', reject);
    gateway.once('exit', (code, signal) => {
      if (neverReady) reject(new Error(`${ADMIN}/admin/ready did not answer 200 within ${READY_LIMIT_MS / 1000} s`));
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0));
    });
    const over = () => stopping || gateway.exitCode !== null || gateway.signalCode !== null;
    untilReady(over).then((ready) => {
      if (ready) process.stdout.write(TOUR);
      else if (!over()) {
        neverReady = true;
        stop();
      }
    }, reject);
  });
}

/**
 * Polls the gateway's readiness until it is there, has no sense any more, or the limit has passed.
 * @param {() => boolean} over
 */
async function untilReady(over) {
  const giveUpAt = Date.now() + READY_LIMIT_MS;
  while (!over() && Date.now() < giveUpAt) {
    const ready = await fetch(`${ADMIN}/admin/ready`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ready) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}
