// Bytes of one connection in, HTTP/1.1 messages out: strict, and written apart from the product's codec so that a bug there
// is not forgiven here. Every wait has a limit and says what it waited for.

import type { Socket } from 'node:net';

/** How long a test waits for anything before it fails, in milliseconds. */
export const WAIT_LIMIT_MS = 5_000;

/** One header or trailer line, in the order and case of the wire. */
export type Field = readonly [name: string, value: string];

export interface Head {
  readonly startLine: string;
  readonly fields: readonly Field[];
  /** As it arrived, with its empty line (latin1). */
  readonly raw: string;
}

export interface Body {
  readonly bytes: Buffer;
  /** Data of each chunk of a chunked body; else the whole body, when there is one. */
  readonly chunks: readonly Buffer[];
  readonly trailers: readonly Field[];
}

/** `end`: the peer sent FIN. `reset`: RST or another socket error. `local`: destroyed by this side. */
export type Ending = 'end' | 'reset' | 'local';

/** The connection was over before what was waited for had arrived. */
export class ConnectionOver extends Error {
  readonly ending: Ending;

  constructor(what: string, ending: Ending, seen: Buffer) {
    super(`connection over (${ending}) while waiting for ${what}; unread: ${quote(seen)}`);
    this.name = 'ConnectionOver';
    this.ending = ending;
  }
}

/** Conditions that something else makes true: `changed()` asks all of them again. */
export class Conditions {
  readonly #waiting = new Set<() => void>();

  changed(): void {
    for (const ask of [...this.#waiting]) ask();
  }

  /**
   * What `attempt` answers once it is not undefined. Rejects with what it throws, or after `limitMs` (Infinity: never) with
   * a message that ends in `describe()`.
   */
  wait<T>(attempt: () => T | undefined, describe: () => string, limitMs = WAIT_LIMIT_MS): Promise<T> {
    return new Promise((resolve, reject) => {
      const ask = (): void => {
        try {
          const answer = attempt();
          if (answer === undefined) return;
          resolve(answer);
        } catch (error) {
          reject(error);
        }
        stop();
      };
      const giveUp = (): void => {
        stop();
        reject(new Error(`waited ${limitMs} ms for ${describe()}`));
      };
      const timer = limitMs === Number.POSITIVE_INFINITY ? undefined : setTimeout(giveUp, limitMs);
      const stop = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(ask);
      };
      this.#waiting.add(ask);
      ask();
    });
  }
}

/** Takes all that a socket receives and hands it out in the pieces asked for. */
export class ByteReader {
  /** How the connection ended, as far as receiving goes; undefined while it is open. */
  ending: Ending | undefined;

  readonly #conditions = new Conditions();
  #chunks: Buffer[] = [];
  #length = 0;

  constructor(socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
      this.#conditions.changed();
    });
    socket.on('end', () => this.#over('end'));
    socket.on('error', () => this.#over('reset'));
    socket.on('close', () => this.#over('local'));
  }

  /** What has arrived and was not taken yet. */
  get unread(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  take(count: number, what = `${count} bytes`, limitMs?: number): Promise<Buffer> {
    return this.#until(what, () => (this.#length >= count ? this.#cut(count) : undefined), limitMs);
  }

  /** Everything up to and including `mark`, as latin1. */
  takeThrough(mark: string, what = quote(Buffer.from(mark)), limitMs?: number): Promise<string> {
    const attempt = (): string | undefined => {
      const at = this.unread.indexOf(mark, 0, 'latin1');
      return at < 0 ? undefined : this.#cut(at + mark.length).toString('latin1');
    };
    return this.#until(what, attempt, limitMs);
  }

  /** The rest, once the peer has half-closed. */
  async takeToEnd(limitMs?: number): Promise<Buffer> {
    const ending = await this.ended(limitMs);
    if (ending !== 'end') throw new ConnectionOver('the end of the data', ending, this.unread);
    return this.#cut(this.#length);
  }

  /** How the connection ended; rejects when it is still open after `limitMs`. */
  ended(limitMs?: number): Promise<Ending> {
    const describe = (): string => `the peer to close; unread: ${quote(this.unread)}`;
    return this.#conditions.wait(() => this.ending, describe, limitMs);
  }

  #over(ending: Ending): void {
    // A reset after FIN still matters to who waits for the ending; a plain close after either does not.
    if (this.ending === undefined || (this.ending === 'end' && ending === 'reset')) this.ending = ending;
    this.#conditions.changed();
  }

  #until<T>(what: string, attempt: () => T | undefined, limitMs?: number): Promise<T> {
    const attemptOrOver = (): T | undefined => {
      const answer = attempt();
      if (answer === undefined && this.ending) throw new ConnectionOver(what, this.ending, this.unread);
      return answer;
    };
    return this.#conditions.wait(attemptOrOver, () => `${what}; unread: ${quote(this.unread)}`, limitMs);
  }

  #cut(count: number): Buffer {
    const all = this.unread;
    this.#chunks = count < all.length ? [all.subarray(count)] : [];
    this.#length = all.length - count;
    return all.subarray(0, count);
  }
}

/** Reads start line and fields. Refuses what an honest sender never writes: bare LF, folding, space before the colon. */
export async function readHead(reader: ByteReader, what: string, limitMs?: number): Promise<Head> {
  const raw = await reader.takeThrough('\r\n\r\n', `the head of ${what}`, limitMs);
  const [startLine = '', ...lines] = raw.slice(0, -4).split('\r\n');
  if (/[\r\n]/.test(startLine)) throw new Error(`bare CR or LF in the start line of ${what}: ${JSON.stringify(raw)}`);
  return { startLine, fields: lines.map((line) => parseField(line, what)), raw };
}

/** Reads the body that the fields announce; `untilClose` says what no framing at all means. */
export async function readBody(
  reader: ByteReader,
  fields: readonly Field[],
  untilClose: boolean,
  limitMs?: number,
): Promise<Body> {
  const codings = allValues(fields, 'transfer-encoding');
  const lengths = allValues(fields, 'content-length');
  if (codings.length + lengths.length > 1) {
    throw new Error(`ambiguous framing: transfer-encoding ${codings.join()} content-length ${lengths.join()}`);
  }
  if (codings.length === 1) {
    if (codings[0]?.toLowerCase() !== 'chunked') throw new Error(`transfer-encoding is "${codings[0]}", want chunked`);
    return readChunked(reader, limitMs);
  }
  if (lengths.length === 1) {
    if (!/^\d+$/.test(lengths[0] ?? '')) throw new Error(`content-length is "${lengths[0]}", want digits`);
    return wholeBody(await reader.take(Number(lengths[0]), `a body of ${lengths[0]} bytes`, limitMs));
  }
  return wholeBody(untilClose ? await reader.takeToEnd(limitMs) : Buffer.alloc(0));
}

/** The first value of that field; `name` in any case. */
export function firstValue(fields: readonly Field[], name: string): string | undefined {
  return allValues(fields, name)[0];
}

/** Every value of that field, in order. */
export function allValues(fields: readonly Field[], name: string): string[] {
  return fields.filter(([field]) => field.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
}

function parseField(line: string, what: string): Field {
  const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/.exec(line);
  if (!match?.[1] || /[\r\n\0]/.test(line)) throw new Error(`malformed field in ${what}: ${JSON.stringify(line)}`);
  return [match[1], match[2] ?? ''];
}

async function readChunked(reader: ByteReader, limitMs?: number): Promise<Body> {
  const chunks: Buffer[] = [];
  for (;;) {
    const line = (await reader.takeThrough('\r\n', 'a chunk size', limitMs)).slice(0, -2);
    if (!/^[0-9A-Fa-f]+(;[^\r\n]*)?$/.test(line)) throw new Error(`malformed chunk size ${JSON.stringify(line)}`);
    const size = Number.parseInt(line, 16);
    if (size === 0) return { bytes: Buffer.concat(chunks), chunks, trailers: await readTrailers(reader, limitMs) };
    chunks.push(await reader.take(size, `a chunk of ${size} bytes`, limitMs));
    const end = await reader.take(2, 'the end of a chunk', limitMs);
    if (end.toString('latin1') !== '\r\n') throw new Error(`chunk of ${size} bytes ends in ${quote(end)}, want CR LF`);
  }
}

async function readTrailers(reader: ByteReader, limitMs?: number): Promise<Field[]> {
  const trailers: Field[] = [];
  for (;;) {
    const line = (await reader.takeThrough('\r\n', 'a trailer or the last line', limitMs)).slice(0, -2);
    if (line === '') return trailers;
    trailers.push(parseField(line, 'the trailers'));
  }
}

function wholeBody(bytes: Buffer): Body {
  return { bytes, chunks: bytes.length > 0 ? [bytes] : [], trailers: [] };
}

/** The first bytes, readable in a message. */
function quote(bytes: Buffer): string {
  const shown = JSON.stringify(bytes.subarray(0, 200).toString('latin1'));
  return bytes.length > 200 ? `${shown}… (${bytes.length} bytes)` : shown;
}
