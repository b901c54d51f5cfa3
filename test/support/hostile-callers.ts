// Hostile callers: requests of hostile-requests.ts in, over as few connections as a gateway allows; what each was answered, out.

import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext } from 'node:tls';
import { DATA, GOAWAY, HEADERS, RST_STREAM } from '../../src/wire/h2/frames.js';
import { H2Peer } from './h2-peer.js';
import { type HostileRequest, type Http1Request, type Http2Request, http1Text } from './hostile-requests.js';
import { WAIT_LIMIT_MS } from './http-reader.js';

export interface HostileAnswer {
  readonly status: number;
  /** Lines of `name: value` in lower case and in order, without those of the connection. */
  readonly fields: string;
  readonly body: string;
}

export interface HostileTransport {
  readonly port: number;
  /** Undefined: plain text. Empty: TLS without SNI. */
  readonly serverName: string | undefined;
}

/**
 * Answers in the order of the requests; undefined where the connection or the stream ended without one. Fails when
 * nothing comes for too long.
 */
export async function askAll(
  protocol: HostileRequest['protocol'],
  requests: readonly HostileRequest[],
  transport: HostileTransport,
): Promise<readonly (HostileAnswer | undefined)[]> {
  const answers: (HostileAnswer | undefined)[] = Array.from({ length: requests.length });
  let waiting = requests.map(
    (request, i): Waiting => ({
      request,
      answered: (answer) => {
        answers[i] = answer;
      },
    }),
  );
  while (waiting.length > 0) {
    const socket = await open(protocol, transport);
    const conversation = protocol === 'h2' ? askHttp2 : askHttp1;
    waiting = [...(await conversation(socket, waiting).finally(() => socket.destroy()))];
  }
  return answers;
}

interface Waiting {
  readonly request: HostileRequest;
  answered(answer: HostileAnswer | undefined): void;
}

/** Answers those that have to be asked on another connection, always fewer. */
type Conversation = (socket: Socket, waiting: readonly Waiting[]) => Promise<readonly Waiting[]>;

/** Made once: that takes longer than a handshake. */
const TLS = createSecureContext({ minVersion: 'TLSv1.3' });

function open(protocol: HostileRequest['protocol'], { port, serverName }: HostileTransport): Promise<Socket> {
  const target = { host: '127.0.0.1', port, noDelay: true };
  const socket =
    serverName === undefined
      ? connectPlain(target)
      : connectTls({
          ...target,
          ...(serverName === '' ? {} : { servername: serverName }),
          secureContext: TLS,
          rejectUnauthorized: false,
          ALPNProtocols: [protocol],
        });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once(serverName === undefined ? 'connect' : 'secureConnect', () => resolve(socket));
  });
}

/** One after the other, without waiting for answers. */
const askHttp1: Conversation = (socket, waiting) => {
  let next = 0;
  let text = '';
  let announced = false;
  return new Promise((resolve, reject) => {
    const timer = limit(() =>
      reject(new Error(`no answer to ${show(waiting[next]?.request)}, but ${JSON.stringify(text)}`)),
    );
    const over = (): void => {
      clearTimeout(timer);
      const guilty = waiting[next];
      // Whoever is answered last may have had the connection closed; where nobody was told, the next one did.
      if (!announced && guilty) {
        guilty.answered(undefined);
        next += 1;
      }
      resolve(waiting.slice(next));
    };
    socket.on('error', () => {});
    socket.on('close', over);
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1');
      while (next < waiting.length && !announced) {
        const one = waiting[next] as Waiting;
        const read = readAnswer(text, (one.request as Http1Request).method === 'HEAD');
        if (!read) return;
        text = text.slice(read.length);
        one.answered(read.answer);
        next += 1;
        announced = read.closes;
      }
      if (next === waiting.length || announced) over();
    });
    socket.write(Buffer.from(waiting.map(({ request }) => http1Text(request as Http1Request)).join(''), 'latin1'));
  });
};

interface Read {
  readonly answer: HostileAnswer;
  readonly length: number;
  readonly closes: boolean;
}

/** The first answer in `text`, once it is whole. */
function readAnswer(text: string, isHead: boolean): Read | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [statusLine = '', ...lines] = text.slice(0, end).toLowerCase().split('\r\n');
  const status = Number(/^http\/1\.1 (\d{3})/.exec(statusLine)?.[1]);
  const fields = lines.filter((line) => !line.startsWith('connection:')).join('\n');
  const bodyLength = isHead ? 0 : Number(/^content-length: (\d+)$/m.exec(fields)?.[1] ?? 0);
  const length = end + 4 + bodyLength;
  if (text.length < length) return undefined;
  const body = text.slice(end + 4, length);
  return { answer: { status, fields, body }, length, closes: lines.includes('connection: close') };
}

/** All at once. */
const askHttp2: Conversation = (socket, waiting) => {
  const peer = new H2Peer((bytes) => socket.write(bytes), { acknowledges: true });
  const open = new Map(waiting.map((one, i) => [2 * i + 1, one]));
  const answers = new Map<number, { status: number; fields: string; body: string }>();
  let lastId = Number.POSITIVE_INFINITY;
  return new Promise((resolve, reject) => {
    const timer = limit(() =>
      reject(new Error(`no answer to ${[...open.values()].map(({ request }) => show(request))}`)),
    );
    const over = (): void => {
      clearTimeout(timer);
      const unasked = [...open].filter(([id]) => id > lastId).map(([, one]) => one);
      for (const [id, one] of open) if (id <= lastId) one.answered(undefined);
      if (unasked.length === waiting.length) reject(new Error('the connection was refused'));
      resolve(unasked);
    };
    const done = (id: number, answer: HostileAnswer | undefined): void => {
      open.get(id)?.answered(answer);
      open.delete(id);
    };
    socket.on('error', () => {});
    socket.on('close', over);
    socket.on('data', (bytes: Buffer) => {
      peer.feed(bytes);
      for (const { type, id, flags, fields, payload } of peer.frames.splice(0)) {
        if (type === HEADERS && fields && !answers.has(id)) answers.set(id, headOf(fields));
        const answer = answers.get(id);
        if (type === DATA && answer) answer.body += payload.toString('latin1');
        if (type === RST_STREAM) done(id, undefined);
        if (type === GOAWAY) lastId = payload.readUInt32BE(0);
        if ((type === HEADERS || type === DATA) && (flags & END_STREAM) !== 0) done(id, answer);
      }
      if (open.size === 0) over();
    });
    peer.together(() => {
      peer.begin();
      for (const [id, { request }] of open) {
        peer.headers(id, (request as Http2Request).fields.flat(), { endStream: true });
      }
    });
  });
};

const END_STREAM = 1;

function headOf(fields: readonly string[]): { status: number; fields: string; body: string } {
  const lines: string[] = [];
  for (let i = 2; i < fields.length; i += 2) lines.push(`${fields[i]}: ${fields[i + 1]}`);
  return { status: Number(fields[1]), fields: lines.join('\n'), body: '' };
}

export function show(request: HostileRequest | undefined): string {
  return JSON.stringify(request?.protocol === 'http/1.1' ? http1Text(request) : request?.fields);
}

function limit(over: () => void): NodeJS.Timeout {
  return setTimeout(over, WAIT_LIMIT_MS);
}
