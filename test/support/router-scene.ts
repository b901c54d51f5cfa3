// RouterScene: a router without sockets on the manual clock. Names are bound by a test, and it answers for the upstreams.

import { EMPTY_DTAB } from '../../src/base/dtab.js';
import { Histogram, type HistogramSnapshot } from '../../src/base/histogram.js';
import { leaf } from '../../src/base/name-tree.js';
import { pathFromText } from '../../src/base/path.js';
import type { EndpointClientOptions } from '../../src/client/client.js';
import type { Identifier } from '../../src/identifier/identifier.js';
import { Router } from '../../src/router/router.js';
import { HTTP_VIA, ServerStack, type ServerStackOptions } from '../../src/router/server-stack.js';
import type { ClientSettings, ServiceSettings } from '../../src/router/settings.js';
import type { Dispatched, ResponseSink } from '../../src/service/exchange.js';
import { Headers } from '../../src/service/headers.js';
import type { RequestHead, ResponseHead } from '../../src/service/message.js';
import type { RequestBody } from '../../src/service/request-body.js';
import { FakeClients } from './fake-clients.js';
import { FakeInterpreter } from './fake-interpreter.js';
import { FakeNamer } from './fake-namer.js';
import { ManualClock } from './manual-clock.js';
import { metricValue } from './metric-value.js';
import { requestHead, responseHead } from './requests.js';
import { RoutedExchange } from './routed-exchange.js';
import { serviceSettings } from './service-settings.js';

export interface RouterSceneOptions {
  /** For settings that need one too. */
  readonly clock?: ManualClock;
  /** Of all services, or of each by its name (`/svc/web`). */
  readonly service?: Partial<ServiceSettings> | ((name: string) => Partial<ServiceSettings>);
  readonly client?: Partial<ClientSettings>;
  readonly server?: Partial<ServerStackOptions>;
  readonly bindingTimeoutMs?: number;
  /** Default: `/svc/<Host>`. */
  readonly identify?: Identifier;
}

/** One attempt: what an upstream was sent, and the way back. */
export class Attempt implements Dispatched {
  /** `host:port` of its endpoint. */
  readonly endpoint: string;
  /** The request's headers as they were. */
  readonly headers: Headers;
  readonly sink: ResponseSink;
  /** Why it was cancelled, if it was: its upstream saw a reset. */
  cancelled: Error | undefined;

  constructor({ address }: EndpointClientOptions, request: RequestHead, sink: ResponseSink) {
    this.endpoint = `${address.host}:${address.port}`;
    this.headers = Headers.from(request.headers);
    this.sink = sink;
  }

  /** A whole response, without a body. */
  answer(status: number, fields: readonly [string, string][] = []): void {
    this.answerHead(status, { headers: Headers.from(fields) });
    this.sink.end(undefined);
  }

  cancel(error: Error): void {
    this.cancelled = error;
  }

  resume(): void {}

  answerHead(status: number, overrides: Partial<ResponseHead> = {}): void {
    this.sink.head(responseHead(status, overrides));
    this.sink.flush();
  }
}

export class RouterScene {
  readonly #clients = new FakeClients();
  readonly clock: ManualClock;
  readonly interpreter = new FakeInterpreter();
  /** In order, all that there ever were. */
  readonly attempts: Attempt[] = [];
  /** Called at each attempt, before its request goes on. */
  onAttempt: (attempt: Attempt) => void = () => {};
  readonly router: Router;
  readonly #namer = new FakeNamer('/#/fake');
  readonly #server: ServerStack;

  constructor({
    clock = new ManualClock(),
    service = {},
    client = {},
    server = {},
    bindingTimeoutMs = 10_000,
    identify = ({ headers }) => pathFromText('svc', headers.get('host') ?? ''),
  }: RouterSceneOptions = {}) {
    const { random, metrics } = this.#clients;
    this.clock = clock;
    const settings = new Map<string, ServiceSettings>();
    const settingsOf = (name: string): ServiceSettings => {
      const known = settings.get(name) ?? serviceSettings(typeof service === 'function' ? service(name) : service);
      settings.set(name, known);
      return known;
    };
    const clientSettings = { ...this.#clients.settings, ...client };
    this.router = new Router({
      identify,
      interpreter: this.interpreter,
      realms: [],
      baseDtab: EMPTY_DTAB,
      bindingTimeoutMs,
      bindingCache: { paths: 100, clients: 100, idleTtlMs: 600_000 },
      serviceSettings: (name) => settingsOf(name.show()),
      clientSettings: () => clientSettings,
      makeEndpointClient: (options) => ({
        isAvailable: true,
        dispatch: (request, _route, _body, sink) => {
          const attempt = new Attempt(options, request, sink);
          this.attempts.push(attempt);
          this.onAttempt(attempt);
          return attempt;
        },
        close: () => {},
      }),
      maxInitialLineBytes: 4096,
      maxHeaderBytes: 8192,
      via: HTTP_VIA,
      accessLog: undefined,
      clock,
      random,
      metrics,
    });
    this.#server = new ServerStack({
      maxConcurrentRequests: Number.POSITIVE_INFINITY,
      timeoutMs: undefined,
      clearContext: false,
      addForwarded: undefined,
      timestampHeader: undefined,
      maxCallDepth: 1000,
      resetsFailures: false,
      hsts: undefined,
      edge: undefined,
      identify: undefined,
      realm: undefined,
      maxHeaderBytes: 8192,
      maxBodyBytes: 65_536,
      metrics: metrics.scope('server'),
      ...server,
    });
  }

  /** Binds `/svc/<name>` to these addresses, `host:port`. */
  bind(name: string, ...addresses: string[]): void {
    this.interpreter.binds(`/svc/${name}`, leaf(this.#namer.exists(`/${name}`, ...addresses).bound));
  }

  /** Binds `/svc/<name>` to a service of another id, whose addresses are not known. */
  bindPending(name: string): void {
    const { addr, bound } = this.#namer.entry(`/${name}-pending`);
    addr.signal.value = { state: 'pending' };
    this.interpreter.binds(`/svc/${name}`, leaf(bound));
  }

  /** A request to `/svc/<name>` arrives. */
  ask(
    name: string,
    fields: readonly [string, string][] = [],
    overrides: Partial<RequestHead> = {},
    body?: RequestBody,
  ): RoutedExchange {
    const exchange = new RoutedExchange(requestHead([['Host', name], ...fields], overrides), this.clock.now(), body);
    this.router.serve(this.#server)(exchange);
    return exchange;
  }

  /** The attempt that was made last. */
  get attempt(): Attempt {
    return this.attempts.at(-1) as Attempt;
  }

  /** Timers that requests have left: the cache of names has one of its own. */
  get requestTimers(): number {
    return this.clock.pendingTimers - 1;
  }

  /** `request_latency_ms` of a scope below `rt/<label>`, as the last roll left it. */
  latencies(...components: string[]): { readonly count: number; readonly sum: number } {
    const { count, sum } = this.stat(...components, 'request_latency_ms');
    return { count, sum };
  }

  /** A distribution below `rt/<label>`, as the last roll left it. */
  stat(...components: string[]): HistogramSnapshot {
    return this.#clients.metrics.stat(...components).snapshot ?? new Histogram().takeSnapshot();
  }

  /** Ends the minute of all stats. */
  roll(): void {
    this.#clients.metrics.roll();
  }

  /** Value below `rt/<label>`. */
  metric(...components: string[]): number {
    return metricValue(this.#clients.metrics, ...components);
  }
}
