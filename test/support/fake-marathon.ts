// FakeMarathon: Marathon's API for apps and tasks on loopback, by HTTP or HTTPS, with the failures that a test asks for.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

export interface FakeTask {
  readonly host: string;
  /** On the host. Default: none. */
  readonly ports?: readonly unknown[];
  /** Of the task itself. Default: none. */
  readonly ips?: readonly string[];
  /** Default `TASK_RUNNING`. */
  readonly state?: string;
  /** Of each health check that has run; absent: none has. */
  readonly alive?: readonly boolean[];
  /** Default: made from the app and the place in the list. */
  readonly id?: string;
}

export interface FakeApp {
  readonly tasks: readonly FakeTask[];
  /** Number of health checks. Default 0. */
  readonly healthChecks?: number;
  /** `ipAddress.discovery.ports` has this number first. */
  readonly discoveryPort?: number;
}

/** As it arrived. */
export interface FakeMarathonRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Absent: as Marathon answers. `hang`: accepts and says nothing. `flood`: an answer without end. */
export type FakeMarathonBehaviour = 'hang' | 'flood' | { readonly status: number; readonly body: string };

export interface FakeMarathonOptions {
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Default none. */
  readonly uriPrefix?: string;
}

export class FakeMarathon {
  /** By id, with the leading slash. */
  readonly apps = new Map<string, FakeApp>();
  readonly requests: FakeMarathonRequest[] = [];
  behaviour: FakeMarathonBehaviour | undefined;
  /** Values of Authorization that are taken; undefined: none is looked at. */
  authorizations: Set<string> | undefined;
  /** What a POST to this path is answered with: the token, or a status. */
  login: { readonly path: string; answer(body: unknown): string | number } | undefined;
  readonly #options: FakeMarathonOptions;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;

  private constructor(options: FakeMarathonOptions) {
    this.#options = options;
  }

  static async start(options: FakeMarathonOptions = {}): Promise<FakeMarathon> {
    const marathon = new FakeMarathon(options);
    await marathon.start();
    return marathon;
  }

  get port(): number {
    return this.#port;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** On the port that it had before, if it had one. */
  async start(): Promise<void> {
    const { tls } = this.#options;
    const handle = (request: IncomingMessage, response: ServerResponse): void => void this.#handle(request, response);
    const server: Server = tls ? createTlsServer(tls, handle) : createServer(handle);
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** As when the process is killed: the port is closed, connections are reset, what it was told stays. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  close(): Promise<void> {
    return this.stop();
  }

  /** Requests for `<method> <url>` so far. */
  count(what: string): number {
    return this.requests.filter(({ method, url }) => `${method} ${url}` === what).length;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    let body = '';
    for await (const chunk of request) body += String(chunk);
    this.requests.push({ method, url, headers, body });
    const { behaviour } = this;
    if (behaviour === 'hang') return;
    if (behaviour === 'flood') flood(response);
    else if (behaviour) send(response, behaviour.status, behaviour.body);
    else if (this.login && method === 'POST' && url === this.login.path) {
      const answer = this.login.answer(JSON.parse(body));
      if (typeof answer === 'number') sendJson(response, answer, { message: 'Invalid credentials', sent: body });
      else sendJson(response, 200, { token: answer });
    } else if (this.authorizations && !this.authorizations.has(headers.authorization ?? '')) {
      // Some proxies are so kind as to repeat what they do not like.
      sendJson(response, 401, { message: 'Invalid username or password.', sent: headers.authorization });
    } else this.#answer(method, url, response);
  }

  #answer(method: string, url: string, response: ServerResponse): void {
    const { uriPrefix = '' } = this.#options;
    const { pathname, searchParams } = new URL(url, 'http://marathon');
    const base = `${uriPrefix}/v2/apps`;
    if (method !== 'GET' || !`${pathname}/`.startsWith(`${base}/`)) {
      send(response, 404, '<html><body><h1>404 Not Found</h1></body></html>', 'text/html');
      return;
    }
    const id = decodeURIComponent(pathname.slice(base.length));
    if (id === '') {
      sendJson(response, 200, { apps: [...this.apps].map(([appId, app]) => appJson(appId, app, false)) });
      return;
    }
    const app = this.apps.get(id);
    if (app) sendJson(response, 200, { app: appJson(id, app, searchParams.get('embed') === 'app.tasks') });
    else sendJson(response, 404, { message: `App '${id}' does not exist` });
  }
}

/** What Marathon 1.4 tells of an app, shortened where nobody looks. */
function appJson(id: string, app: FakeApp, withTasks: boolean): object {
  const { tasks, healthChecks = 0, discoveryPort } = app;
  const running = tasks.filter(({ state = 'TASK_RUNNING' }) => state === 'TASK_RUNNING').length;
  return {
    id,
    cmd: null,
    args: null,
    user: null,
    env: {},
    instances: tasks.length,
    cpus: 0.1,
    mem: 32,
    constraints: [],
    portDefinitions: [{ port: 10000, protocol: 'tcp', labels: {} }],
    ipAddress:
      discoveryPort === undefined
        ? null
        : {
            groups: [],
            labels: {},
            discovery: { ports: [{ number: discoveryPort, name: 'http', protocol: 'tcp', labels: {} }] },
            networkName: 'dcos',
          },
    healthChecks: Array.from({ length: healthChecks }, () => ({
      gracePeriodSeconds: 300,
      intervalSeconds: 60,
      timeoutSeconds: 20,
      maxConsecutiveFailures: 3,
      path: '/health',
      portIndex: 0,
      protocol: 'HTTP',
    })),
    version: '2016-11-22T22:21:00.000Z',
    tasksStaged: tasks.length - running,
    tasksRunning: running,
    tasksHealthy: 0,
    tasksUnhealthy: 0,
    deployments: [],
    ...(withTasks && { tasks: tasks.map((task, i) => taskJson(id, task, i)) }),
  };
}

function taskJson(appId: string, task: FakeTask, index: number): object {
  const { host, ports = [], ips = [], state = 'TASK_RUNNING', alive } = task;
  const id = task.id ?? `${appId.slice(1).replaceAll('/', '_')}.${index}`;
  return {
    id,
    appId,
    host,
    ipAddresses: ips.map((ipAddress) => ({ ipAddress, protocol: 'IPv4' })),
    ports,
    state,
    slaveId: '5b8a1a5b-0001-S0',
    stagedAt: '2016-11-22T22:21:00.000Z',
    startedAt: '2016-11-22T22:21:01.000Z',
    version: '2016-11-22T22:21:00.000Z',
    ...(alive && {
      healthCheckResults: alive.map((isAlive) => ({
        alive: isAlive,
        consecutiveFailures: isAlive ? 0 : 2,
        firstSuccess: '2016-11-22T22:21:05.000Z',
        lastFailure: null,
        lastSuccess: '2016-11-22T22:21:05.000Z',
        lastFailureCause: null,
        taskId: id,
      })),
    }),
  };
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  send(response, status, JSON.stringify(body));
}

function send(response: ServerResponse, status: number, body: string, type = 'application/json'): void {
  response.writeHead(status, { 'Content-Type': type, 'X-Marathon-Leader': 'http://127.0.0.1' });
  response.end(body);
}

function flood(response: ServerResponse): void {
  const piece = Buffer.alloc(1024 * 1024, 0x20);
  const more = (): void => {
    while (!response.destroyed && response.write(piece));
  };
  response.on('drain', more);
  response.on('error', () => {});
  more();
}
