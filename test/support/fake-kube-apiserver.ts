// FakeKubeApiserver: the documented list, watch and write protocol of a Kubernetes API server, over objects that a test writes,
// with the failures that a real one cannot be made to show.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';

export interface KubeObject {
  readonly metadata: { readonly name: string; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

export interface FakeKubeApiserverOptions {
  /** Bearer token that every request must have. Default: none needed. */
  readonly token?: string;
  /** Serves HTTPS. */
  readonly tls?: TlsOptions;
  /** Default 0: any free port. */
  readonly port?: number;
  /** API groups that are served, as path prefixes. Default: core v1 and discovery.k8s.io/v1. */
  readonly apis?: readonly string[];
}

export const CORE = '/api/v1';
export const DISCOVERY_V1 = '/apis/discovery.k8s.io/v1';
export const DISCOVERY_V1BETA1 = '/apis/discovery.k8s.io/v1beta1';
export const NETWORKING_V1 = '/apis/networking.k8s.io/v1';
export const NETWORKING_V1BETA1 = '/apis/networking.k8s.io/v1beta1';
export const EXTENSIONS_V1BETA1 = '/apis/extensions/v1beta1';
export const COORDINATION_V1 = '/apis/coordination.k8s.io/v1';

/** Where collections are that are not of the core group. */
const GROUPS: Readonly<Record<string, RegExp>> = {
  endpointslices: /^\/apis\/discovery/,
  ingresses: /^\/apis\/(networking|extensions)/,
  ingressclasses: /^\/apis\/networking/,
  leases: /^\/apis\/coordination/,
};

/** How a watch from a version that is too old is told so; API servers have used all three. */
export type GoneAs = 'status' | 'event' | 'body';

export interface WatchEvent {
  readonly type: string;
  readonly object: unknown;
}

export interface KubeWrite {
  /** `PATCH shop/ingresses/web/status` */
  readonly what: string;
  readonly body: KubeObject;
}

/** Which objects of the API a path is about. */
interface Target {
  readonly api: string;
  /** Undefined: all, or that of a cluster. */
  readonly namespace: string | undefined;
  readonly plural: string;
  readonly name: string | undefined;
  readonly isStatus: boolean;
}

type Answer = (request: IncomingMessage, response: ServerResponse, url: URL) => void;

export async function startFakeKubeApiserver(options: FakeKubeApiserverOptions = {}): Promise<FakeKubeApiserver> {
  const server = new FakeKubeApiserver(options);
  await server.listen();
  return server;
}

/** `resource` is `<namespace>/<plural>`, e.g. `prod/endpointslices`; of what is in no namespace `/<plural>`. */
export class FakeKubeApiserver {
  /** Paths with queries, in the order of arrival. */
  readonly requests: string[] = [];
  /** Those that were accepted, in order. */
  readonly writes: KubeWrite[] = [];
  apis: readonly string[];
  token: string | undefined;
  goneAs: GoneAs = 'event';
  /** Resources that may not be read: 403. `POST prod/events`: may not be written so. */
  readonly forbidden = new Set<string>();
  /** Answers in place of the server; the request is logged all the same. */
  intercept: Answer | undefined;
  /** Largest page of a list, whatever is asked for. */
  maxPage = Number.POSITIVE_INFINITY;

  readonly #server;
  readonly #port: number;
  readonly #objects = new Map<string, Map<string, KubeObject>>();
  readonly #history: { readonly resource: string; readonly version: number; readonly event: WatchEvent }[] = [];
  readonly #streams = new Set<Stream>();
  readonly #sockets = new Set<Socket>();
  #version = 100;
  #compacted = 0;

  constructor({ token, tls, port = 0, apis = [CORE, DISCOVERY_V1] }: FakeKubeApiserverOptions) {
    this.apis = apis;
    this.token = token;
    this.#port = port;
    const answer = (request: IncomingMessage, response: ServerResponse): void => this.#answer(request, response);
    this.#server = tls ? createTlsServer(tls, answer) : createServer(answer);
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, '127.0.0.1', () => resolve());
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get version(): number {
    return this.#version;
  }

  /** Watches that are open, of one resource or of all. */
  streams(resource?: string): number {
    return resource === undefined ? this.#streams.size : this.#streamsOf(resource).length;
  }

  /** The object as it is now. */
  object(resource: string, name: string): KubeObject | undefined {
    return this.#of(resource).get(name);
  }

  /** How many requests there were whose path has `part` in it. */
  asked(part: string): number {
    return this.requests.filter((path) => path.includes(part)).length;
  }

  /** Creates or replaces, and tells who watches. */
  put(resource: string, object: KubeObject): void {
    const objects = this.#of(resource);
    const type = objects.has(object.metadata.name) ? 'MODIFIED' : 'ADDED';
    const [namespace] = resource.split('/');
    const uid = `uid-${namespace}-${object.metadata.name}`;
    const stored = this.#stamp({ ...object, metadata: { ...(namespace && { namespace }), uid, ...object.metadata } });
    objects.set(object.metadata.name, stored);
    this.#tell(resource, { type, object: stored });
  }

  delete(resource: string, name: string): void {
    const object = this.#of(resource).get(name);
    if (!object) return;
    this.#of(resource).delete(name);
    this.#tell(resource, { type: 'DELETED', object: this.#stamp(object) });
  }

  /** Changes the objects without telling who watches: as while a watch was cut. */
  forget(resource: string, name: string): void {
    this.#version += 1;
    this.#of(resource).delete(name);
  }

  /** Sends `event` as it is, and keeps nothing. */
  send(resource: string, event: unknown): void {
    this.sendRaw(resource, `${JSON.stringify(event)}\n`);
  }

  /** Sends bytes as they are. */
  sendRaw(resource: string, text: string): void {
    for (const stream of this.#streamsOf(resource)) stream.write(text);
  }

  bookmark(resource: string, version = this.#version): void {
    this.send(resource, { type: 'BOOKMARK', object: { metadata: { resourceVersion: String(version) } } });
  }

  /** Ends the streams as a server does when their time is over. */
  endStreams(): void {
    for (const stream of this.#streams) stream.end();
    this.#streams.clear();
  }

  /** Resets every connection. */
  drop(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Forgets the changes so far: who wants to go on from before now is told 410. */
  compact(): void {
    this.#history.length = 0;
    this.#compacted = this.#version;
  }

  /** Loses all that it knew, its history and its counter, as when its store is restored from an old copy. */
  restore(version: number): void {
    this.#objects.clear();
    this.#history.length = 0;
    this.#compacted = 0;
    this.#version = version;
  }

  async close(): Promise<void> {
    for (const stream of this.#streams) stream.close();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #of(resource: string): Map<string, KubeObject> {
    let objects = this.#objects.get(resource);
    if (!objects) {
      objects = new Map();
      this.#objects.set(resource, objects);
    }
    return objects;
  }

  #streamsOf(resource: string): Stream[] {
    return [...this.#streams].filter((stream) => isIn(stream.resource, resource));
  }

  #stamp(object: KubeObject): KubeObject {
    this.#version += 1;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
  }

  #tell(resource: string, event: WatchEvent): void {
    this.#history.push({ resource, version: this.#version, event });
    this.send(resource, event);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    this.requests.push(path);
    const url = new URL(path, 'http://fake');
    if (this.intercept) {
      this.intercept(request, response, url);
      return;
    }
    if (this.token !== undefined && request.headers.authorization !== `Bearer ${this.token}`) {
      sendStatus(response, 401, 'Unauthorized');
      return;
    }
    this.serve(request, response, url);
  }

  /** What it answers when nothing is intercepted; for interceptions of some requests only. */
  serve(request: IncomingMessage, response: ServerResponse, url: URL): void {
    const target = this.#target(url.pathname);
    if (!target) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n');
      return;
    }
    const { method = 'GET' } = request;
    const { plural, namespace, name } = target;
    const resource = `${namespace ?? '*'}/${plural}`;
    if (this.forbidden.has(resource) || this.forbidden.has(`${method} ${resource}`)) {
      sendStatus(response, 403, `${plural} is forbidden: User "reader" cannot list resource "${plural}"`);
    } else if (method !== 'GET') void this.#write(target, request, response);
    else if (name !== undefined) this.#get(target, response);
    else if (url.searchParams.get('watch') === '1') this.#watch(resource, url, response);
    else this.#list(resource, url, response);
  }

  #target(path: string): Target | undefined {
    const api = this.apis.find((one) => path.startsWith(`${one}/`));
    if (api === undefined) return undefined;
    const parts = path.slice(api.length + 1).split('/');
    const namespace = parts[0] === 'namespaces' ? parts[1] : undefined;
    const [plural = '', name, subresource] = namespace === undefined ? parts : parts.slice(2);
    const isItsGroup = GROUPS[plural]?.test(api) ?? api === CORE;
    return isItsGroup ? { api, namespace, plural, name, isStatus: subresource === 'status' } : undefined;
  }

  #get({ namespace = '', plural, name = '' }: Target, response: ServerResponse): void {
    const object = this.#of(`${namespace}/${plural}`).get(name);
    if (object) sendJson(response, 200, object);
    else sendStatus(response, 404, `${plural} "${name}" not found`);
  }

  async #write(target: Target, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { namespace = '', plural, isStatus } = target;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as KubeObject;
    const resource = `${namespace}/${plural}`;
    const name = target.name ?? body.metadata.name;
    const before = this.#of(resource).get(name);
    const version = body.metadata?.resourceVersion;
    const isNew = request.method === 'POST';
    if (isNew ? before : !before) sendStatus(response, isNew ? 409 : 404, `${plural} "${name}"`);
    else if (version !== undefined && version !== before?.metadata.resourceVersion) {
      sendStatus(response, 409, `Operation cannot be fulfilled on ${plural} "${name}": the object has been modified`);
    } else {
      const after = request.method === 'PATCH' ? merged(before, body) : body;
      this.writes.push({ what: `${request.method} ${resource}/${name}${isStatus ? '/status' : ''}`, body });
      this.put(resource, after as KubeObject);
      sendJson(response, isNew ? 201 : 200, this.#of(resource).get(name));
    }
  }

  #list(resource: string, { searchParams: query }: URL, response: ServerResponse): void {
    const name = query.get('fieldSelector')?.replace('metadata.name=', '');
    const all = [...this.#objects]
      .filter(([of]) => isIn(resource, of))
      .flatMap(([, objects]) => [...objects.values()])
      .filter(({ metadata }) => name === undefined || metadata.name === name);
    const [version = String(this.#version), start = '0'] = query.get('continue')?.split(':') ?? [];
    if (Number(version) < this.#compacted) {
      sendStatus(response, 410, 'The provided continue parameter is too old');
      return;
    }
    const limit = Math.min(Number(query.get('limit') ?? all.length), this.maxPage);
    const end = Number(start) + limit;
    const token = end < all.length ? `${version}:${end}` : undefined;
    sendJson(response, 200, {
      kind: 'List',
      metadata: { resourceVersion: version, ...(token !== undefined && { continue: token }) },
      items: all.slice(Number(start), end),
    });
  }

  #watch(resource: string, { searchParams: query }: URL, response: ServerResponse): void {
    const from = Number(query.get('resourceVersion'));
    if (from < this.#compacted) {
      this.#sayGone(response);
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const stream = new Stream(resource, response, Number(query.get('timeoutSeconds')));
    this.#streams.add(stream);
    response.on('close', () => {
      stream.close();
      this.#streams.delete(stream);
    });
    const name = query.get('fieldSelector')?.replace('metadata.name=', '');
    for (const { resource: changed, version, event } of this.#history) {
      const { metadata } = event.object as KubeObject;
      if (!isIn(resource, changed) || version <= from || (name !== undefined && metadata.name !== name)) continue;
      stream.write(`${JSON.stringify(event)}\n`);
    }
  }

  #sayGone(response: ServerResponse): void {
    const status = statusObject(410, `too old resource version: ${this.#compacted}`);
    if (this.goneAs === 'status') sendJson(response, 410, status);
    else sendJson(response, 200, this.goneAs === 'body' ? status : { type: 'ERROR', object: status });
  }
}

/** Whether a list or watch of `wanted` has the objects of `resource` in it: those of all namespaces are asked for as `*`. */
function isIn(wanted: string, resource: string): boolean {
  return wanted === resource || (wanted.startsWith('*/') && resource.endsWith(wanted.slice(1)));
}

/** RFC 7396. */
function merged(before: unknown, patch: unknown): unknown {
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = typeof before === 'object' ? { ...before } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}

class Stream {
  readonly resource: string;
  readonly #response: ServerResponse;
  readonly #timer: NodeJS.Timeout;

  constructor(resource: string, response: ServerResponse, seconds: number) {
    this.resource = resource;
    this.#response = response;
    this.#timer = setTimeout(() => this.end(), seconds * 1000);
    this.#timer.unref();
  }

  write(text: string): void {
    if (!this.#response.writableEnded) this.#response.write(text);
  }

  end(): void {
    this.#response.end();
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}

export function sendStatus(response: ServerResponse, code: number, message: string): void {
  sendJson(response, code, statusObject(code, message));
}

function statusObject(code: number, message: string): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, code };
}

// ---- objects, as the API has them ----

export interface SliceParts {
  /** `-1` and so on behind the service's name. Default `1`. */
  readonly part?: string;
  readonly ports?: readonly unknown[] | null;
  readonly labels?: Readonly<Record<string, string>>;
}

/** An EndpointSlice of `service`. Endpoints are addresses, or objects as the API has them. */
export function slice(
  service: string,
  endpoints: readonly (string | object)[] | null,
  parts: SliceParts = {},
): KubeObject {
  const { part = '1', ports = [{ name: 'http', port: 8080, protocol: 'TCP' }], labels = {} } = parts;
  return {
    metadata: { name: `${service}-${part}`, labels: { 'kubernetes.io/service-name': service, ...labels } },
    addressType: 'IPv4',
    endpoints:
      endpoints?.map((one) => (typeof one === 'string' ? { addresses: [one], conditions: { ready: true } } : one)) ??
      null,
    ports,
  };
}

/** An Endpoints; subsets are objects as the API has them. */
export function endpoints(service: string, subsets: readonly object[] | null, labels = {}): KubeObject {
  return { metadata: { name: service, labels }, subsets };
}

export function service(name: string, spec: object, more: object = {}): KubeObject {
  return { metadata: { name }, spec, status: { loadBalancer: {} }, ...more };
}
