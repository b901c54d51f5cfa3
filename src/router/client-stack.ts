// ClientStack: one bound name's endpoints. Addresses come in from the registry, a picked endpoint goes out per request.

import type { AccrualListener, ClusterAccrual } from '../accrual/accrual.js';
import type { Balancer } from '../balancer/balancer.js';
import { observe } from '../base/activity.js';
import { type Addr, type Address, type Bound, showAddress } from '../base/addr.js';
import type { Clock } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import type { Counter, MetricsScope } from '../base/metrics.js';
import type { Path } from '../base/path.js';
import { Ticker } from '../base/ticker.js';
import type {
  ClientMetrics,
  DownEndpoint,
  FailFastMetrics,
  FailFastOptions,
  H2ClientMetrics,
  MakeEndpointClient,
} from '../client/client.js';
import type { RetryBudget } from '../retry/retry.js';
import type { HandshakeListener, UpstreamTls } from '../wire/upstream-socket.js';
import { Endpoint } from './endpoint.js';
import { withoutRealm } from './realm.js';
import { RequestMetrics, SharedRequestMetrics, StatusMetrics } from './request-metrics.js';
import type { ClientSettings } from './settings.js';

/** Fixed in Linkerd 1.x. */
export const CONNECT_TIMEOUT_MS = 1000;

export interface ClientStackOptions {
  readonly id: Path;
  readonly settings: ClientSettings;
  readonly makeEndpointClient: MakeEndpointClient;
  readonly maxInitialLineBytes: number;
  readonly maxHeaderBytes: number;
  readonly clock: Clock;
  /** `rt/<label>/client/<id>`. */
  readonly metrics: MetricsScope;
  /** The stack whose place it takes: what is counted of requests goes on. */
  readonly predecessor?: ClientStack | undefined;
}

/** A request that waits for the first addresses of a name. */
export interface AddressWaiter {
  addressesKnown(): void;
}

export class ClientStack implements Closable {
  readonly id: Path;
  readonly settings: ClientSettings;
  readonly metrics: RequestMetrics;
  readonly statuses: StatusMetrics;
  /** By logical name: `client/<id>/service/<path>`. */
  readonly services: SharedRequestMetrics;
  readonly requeueBudget: RetryBudget;
  readonly requeues: Counter;
  readonly requeueBudgetExhausted: Counter;
  readonly requeueLimit: Counter;
  readonly #options: ClientStackOptions;
  readonly #balancer: Balancer<Endpoint>;
  #endpoints = new Map<string, Endpoint>();
  readonly #clientMetrics: ClientMetrics;
  readonly #ticker: Ticker;
  readonly #failFast: FailFastOptions | undefined;
  readonly #tls: UpstreamTls | undefined;
  readonly #accrual: ClusterAccrual;
  readonly #waiters = new Set<AddressWaiter>();
  #source: Bound['addr'] | undefined;
  #stopObserving: (() => void) | undefined;
  #addr: Addr = { state: 'pending' };
  #shownAddresses: string | undefined;
  readonly #adds: Counter;
  readonly #removes: Counter;
  readonly #updates: Counter;

  constructor(options: ClientStackOptions) {
    this.#options = options;
    this.id = options.id;
    this.settings = options.settings;
    this.metrics = options.predecessor?.metrics ?? new RequestMetrics(options.metrics);
    this.statuses = new StatusMetrics(options.metrics);
    this.services = options.predecessor?.services ?? new SharedRequestMetrics(options.metrics.scope('service'));
    this.requeueBudget = options.settings.makeRequeueBudget();
    const retries = options.metrics.scope('retries');
    this.requeues = retries.counter('requeues');
    this.requeueBudgetExhausted = retries.counter('budget_exhausted');
    this.requeueLimit = retries.counter('request_limit');
    retries.gauge(['budget'], () => this.requeueBudget.balance);
    this.#balancer = options.settings.balancer.makeBalancer<Endpoint>();
    this.#clientMetrics = makeClientMetrics(options.metrics);
    const { connectionLimits, failFastBackoff } = options.settings;
    this.#ticker = new Ticker(options.clock, Object.values(connectionLimits));
    this.#failFast = failFastBackoff && {
      backoff: failFastBackoff,
      metrics: makeFailFastMetrics(options.metrics.scope('failfast'), options.clock),
    };
    this.#tls = options.settings.tls?.(withoutRealm(options.id), makeHandshakeListener(options.metrics, options.clock));
    this.#accrual = options.settings.accrual.makeCluster(makeAccrualListener(options.metrics.scope('failure_accrual')));
    const balancing = options.metrics.scope('loadbalancer');
    this.#adds = balancing.counter('adds');
    this.#removes = balancing.counter('removes');
    this.#updates = balancing.counter('updates');
    balancing.gauge(['size'], () => this.#endpoints.size);
    balancing.gauge(['available'], () => this.#count((endpoint) => endpoint.isAvailable(options.clock.now())));
    balancing.gauge(['busy'], () => this.#count((endpoint) => !endpoint.isAvailable(options.clock.now())));
    balancing.gauge(['load'], () => this.#sum((endpoint) => endpoint.pending));
    balancing.gauge(['meanweight'], () => this.#sum((endpoint) => endpoint.weight) / Math.max(1, this.#endpoints.size));
    balancing.gauge(['max_effort_exhausted'], () => this.#balancer.effortExhausted);
  }

  /** What the registry says right now. */
  get addr(): Addr {
    return this.#addr;
  }

  /** No endpoint can be picked now. */
  get isEmpty(): boolean {
    return this.#endpoints.size === 0;
  }

  get endpoints(): readonly Endpoint[] {
    return [...this.#endpoints.values()];
  }

  /** Every address, for messages: in an outage each request has one that names them all. */
  showAddresses(): string {
    this.#shownAddresses ??= this.endpoints.join(', ');
    return this.#shownAddresses;
  }

  /**
   * Follows `addr` from now on. A namer that lost a service and found it again may offer another signal for the same
   * name: the endpoints that stay keep their connections and their state.
   */
  follow(addr: Bound['addr']): void {
    if (addr === this.#source) return;
    this.#source = addr;
    const before = this.#stopObserving;
    this.#stopObserving = observe(addr, (now) => this.#update(now));
    before?.();
  }

  /** True: not even a first set of addresses is known; wait with `whenKnown`. */
  get isPending(): boolean {
    return this.#addr.state === 'pending';
  }

  whenKnown(waiter: AddressWaiter): void {
    this.#waiters.add(waiter);
  }

  forget(waiter: AddressWaiter): void {
    this.#waiters.delete(waiter);
  }

  /** An endpoint, or undefined when there is none at all; not `avoid`, where a request has just failed, if it can be helped. */
  pick(now: number, avoid?: Endpoint): Endpoint | undefined {
    const picked = this.#balancer.pick(now);
    if (picked === undefined || picked !== avoid) return picked;
    const again = this.#balancer.pick(now);
    if (again !== avoid && again?.isAvailable(now)) return again;
    // The balancer prefers it to all others, or chance does: any other that is healthy will do.
    for (const endpoint of this.#endpoints.values()) {
      if (endpoint !== avoid && endpoint.weight > 0 && endpoint.isAvailable(now)) return endpoint;
    }
    return picked;
  }

  close(): void {
    this.#stopObserving?.();
    this.#stopObserving = undefined;
    this.#source = undefined;
    this.#balancer.update([]);
    for (const endpoint of this.#endpoints.values()) endpoint.client.close();
    this.#endpoints.clear();
    this.#shownAddresses = undefined;
  }

  #update(now: Addr): void {
    // A failure after a good value keeps the last good one. What comes back after it was gone is waited for.
    const isKept = this.#addr.state === 'bound' || this.#addr.state === 'failed';
    if (now.state === 'pending' ? isKept : now.state === 'failed' && this.#addr.state === 'bound') return;
    this.#addr = now;
    if (now.state === 'pending') return;
    this.#updates.inc();
    if (now.state === 'bound') this.#replaceEndpoints(now.addresses, this.#options.settings.balancer.keepsRemoved);
    else this.#replaceEndpoints([], false);
    if (this.#waiters.size === 0) return;
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter.addressesKnown();
  }

  /** `probation`: endpoints that left the set stay for as long as they are healthy. */
  #replaceEndpoints(addresses: readonly Address[], probation: boolean): void {
    // A Map that entries come to and go from keeps those that went, by way of its old tables, until a full collection.
    this.#endpoints = new Map(this.#endpoints);
    const gone = new Set(this.#endpoints.keys());
    for (const address of addresses) {
      // The authority is part of what is sent, so another one is another endpoint.
      const key = `${showAddress(address)} ${address.meta.authority ?? ''}`;
      gone.delete(key);
      const known = this.#endpoints.get(key);
      if (known) {
        known.weight = address.weight;
        known.onFailure = undefined;
      } else {
        this.#endpoints.set(key, this.#makeEndpoint(address));
        this.#adds.inc();
      }
    }
    const now = this.#options.clock.now();
    const leaving: string[] = [];
    for (const key of gone) {
      const endpoint = this.#endpoints.get(key) as Endpoint;
      if (probation && endpoint.isAvailable(now)) this.#putOnProbation(key, endpoint);
      else leaving.push(key);
    }
    this.#remove(leaving);
  }

  /** Registries lose instances that are well (Finagle's probation): the first failure that takes it out ends it. */
  #putOnProbation(key: string, endpoint: Endpoint): void {
    endpoint.onFailure = () => {
      if (!endpoint.isAvailable(this.#options.clock.now())) this.#remove([key]);
    };
  }

  /** And tells the balancer of the set as it is now: before anything is closed, so that what fails by that goes elsewhere. */
  #remove(keys: readonly string[]): void {
    const leaving = keys.map((key) => this.#endpoints.get(key) as Endpoint);
    for (const key of keys) this.#endpoints.delete(key);
    this.#rebalance();
    for (const endpoint of leaving) {
      endpoint.onFailure = undefined;
      this.#removes.inc();
      endpoint.client.close();
    }
  }

  #rebalance(): void {
    this.#shownAddresses = undefined;
    this.#accrual.update(this.endpoints.map(({ accrual }) => accrual));
    this.#balancer.update(this.endpoints);
  }

  #makeEndpoint(address: Address): Endpoint {
    const { settings, makeEndpointClient, clock, maxHeaderBytes, maxInitialLineBytes } = this.#options;
    const client = makeEndpointClient({
      address,
      protocol: settings.protocol,
      tls: this.#tls,
      calmBackoff: settings.calmBackoff,
      h2Settings: settings.h2Settings,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      minConnections: settings.minConnections,
      maxConnections: settings.maxConnections,
      maxWaiters: settings.maxWaiters,
      limits: settings.connectionLimits,
      ticker: this.#ticker,
      maxInitialLineBytes,
      maxHeaderBytes,
      noDelay: settings.noDelay,
      keepAlive: settings.keepAlive,
      failFast: this.#failFast,
      clock,
      metrics: this.#clientMetrics,
    });
    return new Endpoint(address, settings.balancer.makeMeter(clock.now()), this.#accrual.makeAccrual(), client);
  }

  #count(test: (endpoint: Endpoint) => boolean): number {
    return this.#sum((endpoint) => (test(endpoint) ? 1 : 0));
  }

  #sum(of: (endpoint: Endpoint) => number): number {
    let sum = 0;
    for (const endpoint of this.#endpoints.values()) sum += of(endpoint);
    return sum;
  }
}

function makeClientMetrics(scope: MetricsScope): ClientMetrics {
  let h2: H2ClientMetrics | undefined;
  const now = { connections: 0, idle: 0, waiters: 0 };
  scope.gauge(['connections'], () => now.connections);
  scope.gauge(['pool_size'], () => now.connections);
  scope.gauge(['pool_cached'], () => now.idle);
  scope.gauge(['pool_waiters'], () => now.waiters);
  return {
    connects: scope.counter('connects'),
    closes: scope.counter('closes'),
    connectLatencyMs: scope.stat('connect_latency_ms'),
    failedConnectLatencyMs: scope.stat('failed_connect_latency_ms'),
    sentBytes: scope.counter('sent_bytes'),
    receivedBytes: scope.counter('received_bytes'),
    poolWaited: scope.counter('pool_num_waited'),
    poolTooManyWaiters: scope.counter('pool_num_too_many_waiters'),
    readTimeouts: scope.counter('read_timeout'),
    writeTimeouts: scope.counter('write_timeout'),
    expiredIdle: scope.counter('expired', 'idle'),
    expiredLifetime: scope.counter('expired', 'lifetime'),
    now,
    get h2() {
      h2 ??= makeH2Metrics(scope.scope('h2'));
      return h2;
    },
  };
}

function makeH2Metrics(scope: MetricsScope): H2ClientMetrics {
  const now = { streams: 0 };
  scope.gauge(['streams'], () => now.streams);
  return {
    goAways: scope.counter('goaways'),
    refused: scope.counter('refused_streams'),
    calmAsked: scope.counter('calm_asked'),
    pings: scope.counter('pings'),
    pingTimeouts: scope.counter('ping_timeouts'),
    now,
    connectionError: (code) => scope.counter('connection_errors', code).inc(),
    streamError: (code) => scope.counter('stream_errors', code).inc(),
  };
}

/** Gauges of endpoints that are down are sums, as Finagle adds up gauges of one name. */
function makeFailFastMetrics(scope: MetricsScope, clock: Clock): FailFastMetrics {
  const down: FailFastMetrics['down'] = new Set();
  const sum = (of: (endpoint: DownEndpoint) => number): number => [...down].reduce((total, one) => total + of(one), 0);
  scope.gauge(['unhealthy_num_tries'], () => sum(({ tries }) => tries));
  scope.gauge(['unhealthy_for_ms'], () => sum(({ downSince }) => clock.now() - downSince));
  return { markedDead: scope.counter('marked_dead'), markedAvailable: scope.counter('marked_available'), down };
}

/** Finagle has the latencies; the counters are new. */
function makeHandshakeListener(scope: MetricsScope, clock: Clock): HandshakeListener {
  const latencyMs = scope.stat('handshake_latency_ms');
  const failedLatencyMs = scope.stat('failed_handshake_latency_ms');
  const resumed = scope.counter('tls', 'resumed');
  const failures = scope.counter('tls', 'failures');
  return {
    started: () => {
      const startedAt = clock.now();
      return (outcome) => {
        (outcome === 'failed' ? failedLatencyMs : latencyMs).add(clock.now() - startedAt);
        if (outcome === 'failed') failures.inc();
        else if (outcome === 'resumed') resumed.inc();
      };
    },
  };
}

function makeAccrualListener(scope: MetricsScope): AccrualListener {
  const removals = scope.counter('removals');
  const revivals = scope.counter('revivals');
  const probes = scope.counter('probes');
  const removedForMs = scope.counter('removed_for_ms');
  const ejectionsRefused = scope.counter('ejections_refused');
  return {
    removed: (forMs) => {
      removals.inc();
      removedForMs.add(forMs);
    },
    probed: () => probes.inc(),
    revived: () => revivals.inc(),
    ejectionRefused: () => ejectionsRefused.inc(),
  };
}
