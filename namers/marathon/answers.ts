// Answers of Marathon: its JSON in, the ids of its apps and the endpoints of one app out; what does not fit is told.

import { type Path, pathFromText } from '../../src/base/path.js';
import { checkHost, checkPort, Members, show } from '../shared/members.js';
import { GarbageError } from '../shared/registry-watch.js';
import type { ServiceEndpoint } from '../shared/service-trees.js';

/** Ids as Marathon writes them, by their path in lower case as `Path.show` prints it. */
export type AppIds = ReadonlyMap<string, string>;

/** Of the answer to `GET /v2/apps`. Throws GarbageError when it is no such answer. */
export function appIdsFrom(answer: unknown, complain: (message: string) => void): AppIds {
  const apps = field(answer, 'apps');
  if (!Array.isArray(apps)) throw new GarbageError(`GET /v2/apps: no list "apps" in ${show(answer)}`);
  const ids = new Map<string, string>();
  for (const app of apps) {
    const id = field(app, 'id');
    const path = typeof id === 'string' ? appPath(id) : undefined;
    if (path === undefined || path.isEmpty) complain(`app without an id: ${show(app)}; it is left out`);
    else ids.set(path.show(), id as string);
  }
  return ids;
}

/** The path that an app is asked for by, in lower case. */
export function appPath(id: string): Path {
  return pathFromText(
    ...id
      .toLowerCase()
      .split('/')
      .filter((segment) => segment !== ''),
  );
}

interface RawTask {
  readonly task: unknown;
  /** Of the app: all its tasks listen on this port of addresses of their own. */
  readonly discoveryPort: unknown;
  /** That the app has. */
  readonly healthChecks: number;
}

/** Reads the answers about one app, one after the other. Keep one object for each app. */
export class AppTasks {
  readonly #members: Members<RawTask>;

  /** `useHealthCheck`: only tasks that run and have passed every health check of the app. */
  constructor(useHealthCheck: boolean) {
    this.#members = new Members(({ task, discoveryPort, healthChecks }) => {
      if (useHealthCheck && !isHealthy(task, healthChecks)) return undefined;
      return discoveryPort === undefined ? hostEndpoint(task) : ownEndpoint(task, discoveryPort);
    });
  }

  /** Of the answer to `GET /v2/apps/<id>?embed=app.tasks`. Throws GarbageError when it is no such answer. */
  endpoints(answer: unknown, complain: (message: string) => void): readonly ServiceEndpoint[] {
    const app = field(answer, 'app');
    const tasks = field(app, 'tasks');
    if (!Array.isArray(tasks)) throw new GarbageError(`no list "app.tasks" in ${show(answer)}`);
    const discoveryPort = field(first(field(field(field(app, 'ipAddress'), 'discovery'), 'ports')), 'number');
    const checks = field(app, 'healthChecks');
    const healthChecks = Array.isArray(checks) ? checks.length : 0;
    const entries = tasks.map((task: unknown, i): [string, RawTask] => {
      const id = field(task, 'id');
      return [typeof id === 'string' ? id : `tasks[${i}]`, { task, discoveryPort, healthChecks }];
    });
    return this.#members.endpoints(entries, (message) => complain(`task ${message}`));
  }
}

/** In the grace period after its start a task has fewer results than checks: it takes no traffic yet. */
function isHealthy(task: unknown, healthChecks: number): boolean {
  const results = field(task, 'healthCheckResults');
  const alive = Array.isArray(results) ? results.filter((result) => field(result, 'alive') === true).length : 0;
  return field(task, 'state') === 'TASK_RUNNING' && alive >= healthChecks;
}

/** The first port that the task was given on its host; undefined when it was given none. */
function hostEndpoint(task: unknown): ServiceEndpoint | undefined {
  const port = first(field(task, 'ports'));
  return port === undefined ? undefined : { host: checkHost(field(task, 'host')), port: checkPort(port) };
}

/** The first address of the task itself; undefined until it has one. */
function ownEndpoint(task: unknown, port: unknown): ServiceEndpoint | undefined {
  const ip = field(first(field(task, 'ipAddresses')), 'ipAddress');
  return ip === undefined ? undefined : { host: checkHost(ip), port: checkPort(port) };
}

/** Undefined where there is none, or `null` as Marathon likes to write it. */
function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name] ?? undefined;
}

function first(value: unknown): unknown {
  return Array.isArray(value) ? (value[0] as unknown) : undefined;
}
