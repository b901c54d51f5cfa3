// Kube API: paths of an API server in, JSON answers and lines of watches out, by whatever way and credentials there are.

import type { Closable } from '../../src/base/closable.js';
import { type ApiAnswer, type ApiRequest, HttpApi, parseJson, Refused } from '../shared/http-api.js';
import { GarbageError } from '../shared/registry-watch.js';
import { type JsonObject, objectIn } from './json.js';
import type { KubeServer } from './kube-server.js';

/** For a page of a list. */
const ANSWER_MS = 30_000;
/** For one object: whoever writes for others (a leader) must know soon whether it still can. */
const WRITE_MS = 5000;

/** How an object is written: PUT in place of the whole, POST into a collection, PATCH (a merge patch) of what is given. */
export type WriteMethod = 'POST' | 'PUT' | 'PATCH';

export class KubeApi implements Closable {
  /** `Kubernetes localhost:8001`. */
  readonly registry: string;
  readonly #server: () => KubeServer;
  #connected: { readonly server: KubeServer; readonly http: HttpApi } | undefined;
  #closed = false;

  /**
   * `server` is called for each request, and answers the same object for as long as nothing has changed: what was begun
   * with another is cut off. See `serverOf`.
   */
  constructor(server: () => KubeServer) {
    this.#server = server;
    this.registry = registryName(server);
  }

  /** The object that GET `path` answers. Throws `KubeRefused` when it answers with an error, by status or by a Status. */
  async get(path: string, signal: AbortSignal, timeoutMs = ANSWER_MS): Promise<JsonObject> {
    return this.#ask((server) => requestOf(server.basePath + path, timeoutMs, signal));
  }

  /** The object as it is after `method` of `body` to `path`. Throws as `get` does: 409 when another was quicker. */
  async write(method: WriteMethod, path: string, body: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    return this.#ask((server) => ({
      ...requestOf(server.basePath + path, WRITE_MS, signal),
      method,
      headers: { ...HEADERS, 'Content-Type': type },
      body: JSON.stringify(body),
    }));
  }

  /**
   * Calls `onEvent` for each object of the endless answer to GET `path`. Resolves when it ends, rejects as `get` does and
   * when nothing has come for `silenceMs`.
   */
  async watch(
    path: string,
    silenceMs: number,
    onEvent: (event: JsonObject) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { http, server } = this.#connect();
    const wanted = requestOf(server.basePath + path, silenceMs, signal);
    await http.lines(
      wanted,
      (line) => onEvent(objectFrom(line, 'an event')),
      (answer) => refusal(wanted, answer),
    );
  }

  close(): void {
    this.#closed = true;
    this.#connected?.http.close();
  }

  async #ask(requestTo: (server: KubeServer) => KubeRequest): Promise<JsonObject> {
    const { http, server } = this.#connect();
    const wanted = requestTo(server);
    const answer = await http.request(wanted);
    if (answer.status !== 200 && answer.status !== 201) throw refusal(wanted, answer);
    const object = objectFrom(answer.body, `${wanted.method ?? 'GET'} ${wanted.shownPath}`);
    if (object.kind === 'Status') throw new KubeRefused(wanted, statusOf(object));
    return object;
  }

  #connect(): { readonly server: KubeServer; readonly http: HttpApi } {
    if (this.#closed) throw new Error('closed');
    const server = this.#server();
    if (this.#connected?.server !== server) {
      this.#connected?.http.close();
      this.#connected = { server, http: new HttpApi({ name: 'Kubernetes', ...server }) };
    }
    return this.#connected;
  }
}

type KubeRequest = ApiRequest & { readonly shownPath: string };
type Shown = Pick<ApiRequest, 'method' | 'path' | 'shownPath'>;

/** The query is left out of messages: with the version that a watch goes on from in it, no two would be the same. */
function requestOf(path: string, timeoutMs: number, signal: AbortSignal): KubeRequest {
  return { path, shownPath: path.replace(/\?.*/, ''), headers: HEADERS, timeoutMs, signal };
}

const HEADERS = { Accept: 'application/json', 'User-Agent': 'linkgate' };

/** Where it leads now; the same name for as long as the program runs. */
function registryName(server: () => KubeServer): string {
  try {
    const http = new HttpApi({ name: 'Kubernetes', ...server() });
    http.close();
    return http.registry;
  } catch {
    // What is wrong is said by each request.
    return 'Kubernetes';
  }
}

/** What the API server calls a Status. */
export interface KubeStatus {
  readonly code: number;
  readonly message: string;
}

/** The API server said no. */
export class KubeRefused extends Refused {
  constructor(wanted: Shown, { code, message }: KubeStatus) {
    super(wanted, { status: code, headers: {}, body: Buffer.from(message) });
  }
}

/** Of an object that says `kind: Status`, or of the object of an ERROR event. */
export function statusOf(object: JsonObject): KubeStatus {
  const { code, message, reason } = object;
  return {
    code: typeof code === 'number' ? code : 0,
    message: String(message ?? reason ?? 'an error without a message'),
  };
}

function refusal(wanted: Shown, { status, body }: ApiAnswer): KubeRefused {
  return new KubeRefused(wanted, { code: status, message: messageIn(body) + (status === 401 ? NOT_ACCEPTED : '') });
}

const NOT_ACCEPTED = ': the credentials are not accepted';

/** The API server's own words, or what stands in its place. */
function messageIn(body: Buffer): string {
  try {
    return statusOf(objectFrom(body, 'the answer')).message;
  } catch {
    return body.toString('utf8', 0, 1000);
  }
}

function objectFrom(json: Buffer, what: string): JsonObject {
  const value = parseJson(json, what);
  try {
    return objectIn(value ?? '', what);
  } catch (error) {
    throw new GarbageError((error as Error).message);
  }
}
