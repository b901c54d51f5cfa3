// rest: one JSON request to a registry's HTTP interface, on a connection of its own that is closed afterwards.

import { type IncomingHttpHeaders, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

export interface RestTarget {
  /** `http://127.0.0.1:8500` */
  readonly origin: string;
  /** PEM of what the server's certificate must be signed by. */
  readonly ca?: string;
  /** PEM of the client's certificate and its key. */
  readonly cert?: string;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RestAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Parsed when it is JSON, else the text. */
  readonly body: unknown;
}

const LIMIT_MS = 5_000;

/** `body`: text as it is, anything else as JSON. Rejects when there is no answer within 5 s; every status resolves. */
export function rest(
  target: RestTarget,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<RestAnswer> {
  const { origin, headers: always, ...tls } = target;
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  const length = { 'content-length': String(Buffer.byteLength(text)) };
  const type = typeof body === 'object' ? { 'content-type': 'application/json' } : {};
  const send = origin.startsWith('https:') ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const request = send(new URL(path, origin), {
      ...tls,
      method,
      agent: false,
      signal: AbortSignal.timeout(LIMIT_MS),
      headers: { ...length, ...type, ...always, ...headers },
    });
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('error', reject);
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const answer = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: parsed(answer) });
      });
    });
    request.end(text);
  });
}

/** As `rest`, for requests that must succeed: resolves with the body, rejects with a status other than 2xx. */
export async function restOk(...args: Parameters<typeof rest>): Promise<unknown> {
  const { status, body } = await rest(...args);
  if (status >= 200 && status < 300) return body;
  throw new Error(
    `${args[1]} ${args[0].origin}${args[2]} was answered ${status}: ${JSON.stringify(body).slice(0, 500)}`,
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
