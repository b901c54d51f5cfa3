// Open-loop load generator, a program of its own: a fixed rate of GETs out, latencies in, as JSON on stdout.
// Arguments: port, requests/s, seconds, connections, path, `poll` or `sleep`.
//
// Each request has a time at which it is due, set before the run. Its latency counts from then, also when no connection is
// free or this process is late: what a caller who does not slow down would see (no coordinated omission).

import { connect, type Socket } from 'node:net';
import { readDirectly } from '../../src/wire/direct-read.js';
import { writeDirectly } from '../../src/wire/direct-write.js';
import { streamWrap, type WriteRequest } from '../../src/wire/stream-wrap.js';
import { nowMs, startMetronome } from './metronome.js';
import { hostName } from './request.js';

export interface OpenLoopResult {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly completed: number;
  /** Due but never answered, or answered other than 200. */
  readonly errors: number;
  /** 99th percentile of how late this program itself was in looking at its schedule, in ms. */
  readonly ownDelayP99Ms: number;
}

/** Not counted: connections and caches warm up, and V8 compiles what is called often, on the core that the upstream shares. */
const WARM_UP = { requests: 4000, leastMs: 500, mostMs: 5000 };
const STRAGGLERS_MS = 2_000;
/** In `HTTP/1.1 200 OK`. */
const STATUS_AT = 9;
/** For its thread to start. */
const METRONOME_START_MS = 200;

const [port = 0, rate = 0, seconds = 0, connections = 0] = process.argv.slice(2, 6).map(Number);
const request = `GET ${process.argv[6]} HTTP/1.1\r\nHost: ${hostName(0)}\r\n\r\n`;
const warmUpMs = Math.min(WARM_UP.mostMs, Math.max(WARM_UP.leastMs, (WARM_UP.requests * 1000) / rate));
const warmUp = Math.round((rate * warmUpMs) / 1000);
const total = warmUp + Math.round(rate * seconds);

const latencies: number[] = [];
const ownDelays: number[] = [];
/** Numbers of the requests that are due and have no connection yet. */
const waiting: number[] = [];
const idle: Connection[] = [];
let nextRequest = 0;
let answered = 0;
let errors = 0;
let reported = false;
let start = 0;

/** All connections read into it, and are through with it before the next one reads. */
const incoming = Buffer.alloc(64 * 1024);
/** Of a whole answer 200: another one of the same path that is as long is whole, and is not looked into. */
let usualLength = 0;

/** Past the streams of Node, as the gateway itself: this program shares a core with the upstream. */
class Connection {
  readonly #socket: Socket;
  #write: WriteRequest | undefined = streamWrap?.makeWriteRequest();
  #request = 0;
  #pending = '';

  static open(): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const onread = {
        buffer: incoming,
        callback: (bytes: number) => {
          connection.#read(bytes);
          return true;
        },
      };
      const socket = connect({ host: '127.0.0.1', port, noDelay: true, onread });
      const connection = new Connection(socket);
      socket.once('error', reject);
      socket.once('connect', () => {
        readDirectly(socket, (bytes) => {
          connection.#read(bytes);
          return undefined;
        });
        resolve(connection);
      });
    });
  }

  constructor(socket: Socket) {
    this.#socket = socket;
    // A request lost with its connection is counted as never answered.
    socket.on('error', () => {});
  }

  send(number: number): void {
    this.#request = number;
    const outcome = this.#write ? writeDirectly(this.#socket, request, this.#write, () => {}) : 'refused';
    if (outcome === 'refused') this.#socket.write(request, 'latin1');
    if (outcome === 'held') this.#write = streamWrap?.makeWriteRequest();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #read(bytes: number): void {
    if (bytes === usualLength && this.#pending === '' && isStatus200()) {
      this.#complete(true);
      return;
    }
    const all = this.#pending + incoming.toString('latin1', 0, bytes);
    const headEnd = all.indexOf('\r\n\r\n');
    const length = headEnd < 0 ? Number.NaN : Number(/\r\ncontent-length: *(\d+)/i.exec(all)?.[1]);
    if (!(all.length >= headEnd + 4 + length)) {
      this.#pending = all;
      return;
    }
    this.#pending = '';
    const good = all.startsWith('200', STATUS_AT);
    if (good) usualLength = all.length;
    this.#complete(good);
  }

  #complete(good: boolean): void {
    complete(this.#request, good);
    const next = waiting.shift();
    if (next === undefined) idle.push(this);
    else this.send(next);
  }
}

function isStatus200(): boolean {
  return incoming[STATUS_AT] === 0x32 && incoming[STATUS_AT + 1] === 0x30 && incoming[STATUS_AT + 2] === 0x30;
}

function dueAt(number: number): number {
  return start + (number * 1000) / rate;
}

function complete(number: number, good: boolean): void {
  answered += 1;
  if (number >= warmUp) {
    if (!good) errors += 1;
    latencies.push(nowMs() - dueAt(number));
  }
  if (answered === total) report();
}

function sendDue(): void {
  const now = nowMs();
  while (nextRequest < total && dueAt(nextRequest) <= now) {
    if (nextRequest >= warmUp) ownDelays.push(now - dueAt(nextRequest));
    const connection = idle.pop();
    if (connection) connection.send(nextRequest);
    else waiting.push(nextRequest);
    nextRequest += 1;
  }
}

/** Asks the clock all the time: for a program that gets its core while nobody else wants it (`idlePriority`). */
function poll(): void {
  sendDue();
  if (!reported) setImmediate(poll);
}

function report(): void {
  reported = true;
  clearTimeout(late);
  latencies.sort((a, b) => a - b);
  ownDelays.sort((a, b) => a - b);
  const result: OpenLoopResult = {
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    maxMs: quantile(latencies, 1),
    completed: latencies.length,
    errors: errors + total - answered,
    ownDelayP99Ms: quantile(ownDelays, 0.99),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  for (const connection of opened) connection.destroy();
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0;
}

const attempts = await Promise.allSettled(Array.from({ length: connections }, () => Connection.open()));
// Those that fail are missed as capacity; with none at all every request ends up unanswered.
const opened = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
idle.push(...opened);
start = nowMs() + METRONOME_START_MS;
const late = setTimeout(report, dueAt(total) + STRAGGLERS_MS - nowMs());
if (process.argv[7] === 'sleep') startMetronome({ startMs: start, intervalMs: 1000 / rate, count: total }, sendDue);
else poll();
