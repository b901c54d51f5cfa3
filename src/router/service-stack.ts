// ServiceStack: one logical name (with one local dtab), bound for as long as it is in the binding cache.

import { type Activity, observe, type State } from '../base/activity.js';
import type { Bound } from '../base/addr.js';
import type { Closable } from '../base/closable.js';
import type { Dtab } from '../base/dtab.js';
import type { MetricsScope } from '../base/metrics.js';
import type { NameTree } from '../base/name-tree.js';
import type { Path } from '../base/path.js';
import type { Random } from '../base/random.js';
import type { ServiceBreaker } from '../breaker/breaker.js';
import type { Interpreter } from '../naming/interpreter.js';
import type { RetryBudget } from '../retry/retry.js';
import {
  type BoundLeaf,
  makeServiceTree,
  type NameTreeServiceOptions,
  pickLeaf,
  releaseServiceTree,
  type ServiceTree,
} from './name-tree-service.js';
import { type RequestMetrics, RetryMetrics } from './request-metrics.js';
import type { ServiceSettings } from './settings.js';

/** A request that waits for a name to be bound, or for the addresses that it is bound to. */
export interface BindingWaiter {
  /** The binding changed: ask again, unless the wait is over. */
  bound(): void;
}

export type Binding =
  | BoundLeaf
  | { readonly state: 'pending' }
  | { readonly state: 'nothing' }
  | { readonly state: 'failed'; readonly error: Error };

const BINDING_PENDING: Binding = { state: 'pending' };
const BOUND_TO_NOTHING: Binding = { state: 'nothing' };

export interface ServiceStackOptions extends NameTreeServiceOptions {
  readonly localDtab: Dtab;
  readonly interpreter: Interpreter;
  readonly settings: ServiceSettings;
  readonly metrics: RequestMetrics;
  /** `service/<path>` of the metrics tree. */
  readonly scope: MetricsScope;
  readonly random: Random;
  /** The stack left the cache and nobody waits for it. */
  readonly closed: () => void;
}

/**
 * Keeps the last good tree: once there is one, errors and pendings are passed over until the next.
 * Before the first, requests wait while it is pending, and fail at once while it is failed.
 */
export class ServiceStack implements Closable {
  // First what every request needs, so that it lies together: of a thousand names no other part is in the processor's caches.
  readonly metrics: RequestMetrics;
  #settings: ServiceSettings;
  #retryBudget: RetryBudget;
  #retries: RetryMetrics;
  #breaker: ServiceBreaker | undefined;
  #only: Binding | undefined;
  #isRebinding = false;
  /** Of what the name is bound by until `#interpreter` has answered. */
  #stopBefore: (() => void) | undefined;
  readonly service: Path;
  readonly localDtab: Dtab;
  readonly #options: ServiceStackOptions;
  readonly #waiters = new Set<BindingWaiter>();
  #interpreter: Interpreter;
  #stopObserving: () => void;
  /** What `#tree` was made of. */
  #bound: NameTree<Bound> | undefined;
  #tree: ServiceTree | undefined;
  #error: Error | undefined;
  #life: 'open' | 'closing' | 'closed' = 'open';

  constructor(options: ServiceStackOptions) {
    this.#options = options;
    this.service = options.service;
    this.localDtab = options.localDtab;
    this.metrics = options.metrics;
    this.#settings = options.settings;
    this.#retryBudget = options.settings.makeRetryBudget();
    this.#retries = new RetryMetrics(options.scope.scope('retries'), this.#retryBudget, options.metrics);
    this.#breaker = this.#makeBreaker();
    this.#interpreter = options.interpreter;
    this.#stopObserving = observe(this.#binding(), (now) => this.#update(now));
  }

  get settings(): ServiceSettings {
    return this.#settings;
  }

  get retryBudget(): RetryBudget {
    return this.#retryBudget;
  }

  get retries(): RetryMetrics {
    return this.#retries;
  }

  get breaker(): ServiceBreaker | undefined {
    return this.#breaker;
  }

  /** Where this request may go; picks among the branches of a union. */
  resolve(): Binding {
    if (this.#only) return this.#only;
    if (!this.#tree) return this.#error ? { state: 'failed', error: this.#error } : BINDING_PENDING;
    return pickLeaf(this.#tree, this.#options.random) ?? BOUND_TO_NOTHING;
  }

  /** Registries that have never answered, when the name is bound to nothing. */
  get unanswered(): readonly Error[] {
    return this.#tree?.type === 'nothing' ? this.#tree.reasons : [];
  }

  /**
   * The name is being bound anew, and the answer is not there yet: what it was bound to stays in use for as long as that has
   * addresses. A service that goes takes its addresses with it before its alternative has been looked up.
   */
  get isRebinding(): boolean {
    return this.#isRebinding || this.#stopBefore !== undefined;
  }

  /** Until `forget`. */
  whenBound(waiter: BindingWaiter): void {
    this.#waiters.add(waiter);
  }

  forget(waiter: BindingWaiter): void {
    this.#waiters.delete(waiter);
    if (this.#life === 'closing') this.close();
  }

  /** Goes on under another configuration, `rebind` apart. Clients that are obsolete are exchanged at once. */
  reconfigure(settings: ServiceSettings): void {
    if (this.#life !== 'open') return;
    if (settings !== this.#settings) this.#use(settings);
    if (!this.#bound) return;
    this.#plant(this.#bound);
    this.#wakeWaiters();
  }

  /**
   * The name stays bound as it is until `interpreter` has an answer; an error is one, as what was good before is not what is
   * asked for now.
   */
  rebind(interpreter: Interpreter): void {
    if (this.#life !== 'open' || interpreter === this.#interpreter) return;
    this.#interpreter = interpreter;
    this.#error = undefined;
    // One that has not answered yet is given up; what the name is bound by goes on.
    if (this.#stopBefore) this.#stopObserving();
    else this.#stopBefore = this.#stopObserving;
    this.#stopObserving = observe(this.#binding(), (now) => {
      if (this.#stopBefore) {
        if (now.state === 'pending') return;
        this.#stopBefore();
        this.#stopBefore = undefined;
        if (now.state === 'failed') this.#uproot();
      }
      this.#update(now);
    });
    // A waiter may have closed it when it was told of an answer that was there already.
    if (this.#isClosed) this.#stopObserving();
  }

  /** Takes effect when the last waiter is gone: a name pushed out of the cache while it is bound must not hang requests. */
  close(): void {
    if (this.#life === 'closed') return;
    this.#life = this.#waiters.size > 0 ? 'closing' : 'closed';
    if (this.#life === 'closing') return;
    this.#stopBefore?.();
    this.#stopObserving();
    void this.#breaker?.close();
    if (this.#tree) releaseServiceTree(this.#tree, this.#options);
    this.#options.closed();
  }

  get #isClosed(): boolean {
    return this.#life === 'closed';
  }

  #makeBreaker(): ServiceBreaker | undefined {
    const { service, scope } = this.#options;
    return this.#settings.makeBreaker?.(service, scope.scope('circuit_breaker'));
  }

  #use(settings: ServiceSettings): void {
    const { breakerWords } = this.#settings;
    this.#settings = settings;
    this.#retryBudget = settings.makeRetryBudget();
    this.#retries = new RetryMetrics(this.#options.scope.scope('retries'), this.#retryBudget, this.metrics);
    if (breakerWords === settings.breakerWords) return;
    void this.#breaker?.close();
    this.#breaker = this.#makeBreaker();
  }

  #binding(): Activity<NameTree<Bound>> {
    return this.#interpreter.bind(this.localDtab, this.service);
  }

  #update(now: State<NameTree<Bound>>): void {
    this.#isRebinding = now.state === 'pending';
    if (now.state === 'pending') return;
    if (now.state === 'ok') this.#plant(now.value);
    else if (this.#tree) return;
    else this.#error = now.error;
    this.#wakeWaiters();
  }

  #plant(bound: NameTree<Bound>): void {
    const before = this.#tree;
    // The new tree takes its clients before the old one gives up its own: those in both are never without a user.
    this.#bound = bound;
    this.#tree = makeServiceTree(bound, this.#options);
    this.#only =
      this.#tree.type === 'union' ? undefined : (pickLeaf(this.#tree, this.#options.random) ?? BOUND_TO_NOTHING);
    if (before) releaseServiceTree(before, this.#options);
  }

  #uproot(): void {
    if (this.#tree) releaseServiceTree(this.#tree, this.#options);
    this.#bound = undefined;
    this.#tree = undefined;
    this.#only = undefined;
  }

  #wakeWaiters(): void {
    if (this.#waiters.size > 0) for (const waiter of [...this.#waiters]) waiter.bound();
  }
}
