// A program: GETs at a steady rate to one port, whatever becomes of them (open loop), until its parent says stop; then what became
// of each. Arguments: port, requests/s, most seconds, Host, connections to open beforehand.
//
// A request takes an idle connection or a new one, never a place in a queue: what hangs must not slow down what comes behind it.
// It is not sent again. It sleeps between the milliseconds, as whether requests fail is the question here, not microseconds.

import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { nowMs } from '../proxy/metronome.js';
import { backendOf } from './backend.js';
import { OUTCOME, type Outcomes } from './outcomes.js';

export type LoadAnswer =
  | { readonly type: 'started'; readonly startMs: number }
  | { readonly type: 'outcomes'; readonly outcomes: Outcomes };

const TICK_MS = 1;
/** For what is under way at the stop. */
const STRAGGLERS_MS = 3000;
const EXAMPLES = { count: 10, characters: 300 };

const [port = 0, rate = 0, seconds = 0] = process.argv.slice(2, 5).map(Number);
const host = process.argv[5] ?? '';
const connections = Number(process.argv[6] ?? 0);
const most = Math.ceil(rate * seconds);
const writtenMs = new Float64Array(most).fill(Number.NaN);
const endedMs = new Float64Array(most).fill(Number.NaN);
const status = new Int16Array(most);
const backend = new Int8Array(most).fill(-1);
const examples: string[] = [];
const idle = new Set<Connection>();
let sent = 0;
let ended = 0;
let stopped = false;
let lateMs = 0;

class Connection {
  readonly #socket: Socket;
  /** The request under way; -1 for none, and for a connection that is opened beforehand. */
  #number: number;
  #received = '';

  constructor(number: number) {
    this.#number = number;
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.#socket.setEncoding('latin1');
    this.#socket.on('connect', () => {
      if (this.#number >= 0) this.#write();
      else idle.add(this);
    });
    this.#socket.on('data', (text: string) => this.#read(text));
    this.#socket.on('end', () => idle.delete(this));
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.syscall === 'connect') this.#over(OUTCOME.refused);
    });
    this.#socket.on('close', () => {
      idle.delete(this);
      this.#over(this.#received === '' ? OUTCOME.closed : OUTCOME.broken);
    });
  }

  send(number: number): void {
    this.#number = number;
    this.#write();
  }

  #write(): void {
    writtenMs[this.#number] = nowMs();
    this.#socket.write(`GET /r/${this.#number} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 'latin1');
  }

  #read(text: string): void {
    this.#received += text;
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const head = this.#received.slice(0, headEnd);
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1]);
    if (!(this.#received.length >= headEnd + 4 + length)) return;
    backend[this.#number] = backendOf(this.#received.slice(headEnd + 4)) ?? -1;
    const answered = Number(head.slice(9, 12));
    if (answered !== 200 && examples.length < EXAMPLES.count) {
      examples.push(`${this.#number}: ${this.#received.slice(0, EXAMPLES.characters)}`);
    }
    this.#received = '';
    this.#over(answered);
    if (/\r\nconnection: *close/i.test(head)) this.#socket.end();
    else idle.add(this);
  }

  #over(outcome: number): void {
    const number = this.#number;
    if (number < 0) return;
    this.#number = -1;
    status[number] = outcome;
    endedMs[number] = nowMs();
    ended += 1;
  }
}

function dueAt(number: number): number {
  return startMs + (number * 1000) / rate;
}

let lookedAtMs = 0;

function tick(): void {
  const now = nowMs();
  lateMs = Math.max(lateMs, now - lookedAtMs - TICK_MS);
  lookedAtMs = now;
  while (!stopped && sent < most && dueAt(sent) <= now) {
    const [connection] = idle;
    if (connection) {
      idle.delete(connection);
      connection.send(sent);
    } else {
      new Connection(sent);
    }
    sent += 1;
  }
  if (!stopped || (ended < sent && now < stoppedAtMs + STRAGGLERS_MS)) setTimeout(tick, TICK_MS);
  else report();
}

function report(): void {
  const dueMs = Float64Array.from({ length: sent }, (_, number) => dueAt(number));
  const outcomes: Outcomes = {
    dueMs,
    writtenMs: writtenMs.slice(0, sent),
    endedMs: endedMs.slice(0, sent),
    status: status.slice(0, sent),
    backend: backend.slice(0, sent),
    lateMs,
    examples,
  };
  answer({ type: 'outcomes', outcomes });
}

function answer(message: LoadAnswer): void {
  process.send?.(message);
}

let stoppedAtMs = 0;
process.on('message', () => {
  stopped = true;
  stoppedAtMs = nowMs();
});
process.on('disconnect', () => process.exit());
for (let i = 0; i < connections; i++) new Connection(-1);
while (idle.size < connections) await pause(TICK_MS);
const startMs = nowMs();
lookedAtMs = startMs;
answer({ type: 'started', startMs });
tick();
