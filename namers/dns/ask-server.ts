// Asking a server: one DNS question and one name server in, its answer out; by UDP, and by TCP where it does not fit.

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import type { Clock } from '../../src/base/clock.js';
import { GarbageError } from '../shared/registry-watch.js';
import { type DnsAnswer, decodeAnswer, encodeQuery, FORMAT_ERROR, type Question } from './message.js';

export interface DnsServer {
  readonly ip: string;
  readonly port: number;
}

export interface AskOptions {
  readonly clock: Clock;
  /** For each of the ways that a question may have to go. */
  readonly timeoutMs: number;
  /** Rejects at once, and leaves nothing open. */
  readonly signal: AbortSignal;
}

/** Any status is an answer. Rejects when there is none, or none that can be read (GarbageError). */
export async function askServer(server: DnsServer, question: Question, options: AskOptions): Promise<DnsAnswer> {
  let answer = await askByUdp(server, question, true, options);
  // RFC 6891 §7: a server that does not know the extension is asked without it.
  if (answer.rcode === FORMAT_ERROR) answer = await askByUdp(server, question, false, options);
  return answer.truncated ? askByTcp(server, question, options) : answer;
}

/** Answers that do not fit the question, after which a server is believed to answer nonsense only. */
const MAX_UNRELATED = 100;

/**
 * From a new socket each time, so that the port is as hard to guess as the id. The socket is connected: the kernel drops
 * what comes from any other address, and tells of a port that nobody listens on.
 */
function askByUdp(server: DnsServer, question: Question, edns: boolean, options: AskOptions): Promise<DnsAnswer> {
  return withLimit(options, (attempt) => {
    const id = randomInt(0x10000);
    const socket = createSocket(isIPv6(server.ip) ? 'udp6' : 'udp4');
    let unrelated = 0;
    socket.on('error', attempt.fail);
    socket.on('message', (bytes) => {
      attempt.try(() => {
        const answer = decodeAnswer(bytes, id, question);
        if (answer) attempt.succeed(answer);
        else {
          unrelated += 1;
          if (unrelated >= MAX_UNRELATED) throw onlyUnrelated(unrelated);
        }
      });
    });
    socket.connect(server.port, server.ip);
    socket.on('connect', () => attempt.try(() => socket.send(encodeQuery(id, question, edns))));
    return { close: () => socket.close(), late: () => (unrelated > 0 ? onlyUnrelated(unrelated) : undefined) };
  });
}

function onlyUnrelated(count: number): GarbageError {
  return new GarbageError(`${count === 1 ? 'one answer' : `${count} answers`}, none to what was asked`);
}

/** A message behind its length in two bytes (RFC 1035 §4.2.2): 64 KiB at most. */
function askByTcp(server: DnsServer, question: Question, options: AskOptions): Promise<DnsAnswer> {
  return withLimit(options, (attempt) => {
    const id = randomInt(0x10000);
    const socket = connect(server.port, server.ip);
    let received = Buffer.alloc(0);
    socket.on('error', attempt.fail);
    socket.on('close', () => attempt.fail(new Error('the TCP connection ended before the whole answer')));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const end = received.length < 2 ? Number.POSITIVE_INFINITY : 2 + received.readUInt16BE(0);
      if (received.length < end) return;
      attempt.try(() => {
        const answer = decodeAnswer(received.subarray(2, end), id, question);
        if (!answer) throw onlyUnrelated(1);
        if (answer.truncated) throw new GarbageError('an answer that is truncated by TCP too');
        attempt.succeed(answer);
      });
    });
    const query = encodeQuery(id, question, true);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    socket.write(Buffer.concat([length, query]));
    return { close: () => socket.destroy(), late: () => undefined };
  });
}

interface Attempt {
  succeed(answer: DnsAnswer): void;
  fail(error: Error): void;
  /** What `action` throws fails the attempt. */
  try(action: () => void): void;
}

interface Started {
  /** Called once, when the attempt is over. */
  close(): void;
  /** What to say in place of `no answer` when the time is up. */
  late(): Error | undefined;
}

/** The first outcome counts; the time and the signal are outcomes. */
function withLimit({ clock, timeoutMs, signal }: AskOptions, start: (attempt: Attempt) => Started): Promise<DnsAnswer> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    let over = false;
    let started: Started | undefined;
    const finish = (outcome: () => void): void => {
      if (over) return;
      over = true;
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      started?.close();
      outcome();
    };
    const fail = (error: Error): void => finish(() => reject(error));
    const onAbort = (): void => fail(signal.reason as Error);
    const timer = clock.after(timeoutMs, () => fail(started?.late() ?? new Error(`no answer after ${timeoutMs} ms`)));
    signal.addEventListener('abort', onAbort);
    started = start({
      succeed: (answer) => finish(() => resolve(answer)),
      fail,
      try: (action) => {
        try {
          action();
        } catch (error) {
          fail(error as Error);
        }
      },
    });
  });
}
