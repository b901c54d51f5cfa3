// ServiceStack: one logical name (with one local dtab), bound for as long as it is in the binding cache.

import { observe, type State } from '../base/activity.js';
import type { Bound } from '../base/addr.js';
import type { Closable } from '../base/closable.js';
import type { Dtab } from '../base/dtab.js';
import type { MetricsScope } from '../base/metrics.js';
import type { NameTree } from '../base/name-tree.js';
import type { Path } from '../base/path.js';
import type { Random } from '../base/random.js';
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
  | { readonly state: 'pending' }
  | { readonly state: 'bound'; readonly leaf: BoundLeaf | undefined }
  | { readonly state: 'failed'; readonly error: Error };

const BINDING_PENDING: Binding = { state: 'pending' };
const BOUND_TO_NOTHING: Binding = { state: 'bound', leaf: undefined };

export interface ServiceStackOptions extends NameTreeServiceOptions {
  readonly localDtab: Dtab;
  readonly interpreter: Interpreter;
  readonly settings: ServiceSettings;
  readonly metrics: RequestMetrics;
  /** `service/<path>/retries` of the metrics tree. */
  readonly retryScope: MetricsScope;
  readonly random: Random;
  /** The stack left the cache and nobody waits for it. */
  readonly closed: () => void;
}

/**
 * Keeps the last good tree: once there is one, errors and pendings are passed over until the next.
 * Before the first, requests wait while it is pending, and fail at once while it is failed.
 */
export class ServiceStack implements Closable {
  readonly service: Path;
  readonly localDtab: Dtab;
  readonly settings: ServiceSettings;
  readonly metrics: RequestMetrics;
  readonly retryBudget: RetryBudget;
  readonly retries: RetryMetrics;
  readonly #options: ServiceStackOptions;
  readonly #waiters = new Set<BindingWaiter>();
  readonly #stopObserving: () => void;
  #tree: ServiceTree | undefined;
  /** One object per leaf, so that a request over a tree of one leaf allocates nothing. */
  #bindings = new Map<BoundLeaf, Binding>();
  #only: Binding | undefined;
  #error: Error | undefined;
  #isRebinding = false;
  #life: 'open' | 'closing' | 'closed' = 'open';

  constructor(options: ServiceStackOptions) {
    this.#options = options;
    this.service = options.service;
    this.localDtab = options.localDtab;
    this.settings = options.settings;
    this.metrics = options.metrics;
    this.retryBudget = options.settings.makeRetryBudget();
    this.retries = new RetryMetrics(options.retryScope, this.retryBudget);
    this.#stopObserving = observe(options.interpreter.bind(options.localDtab, options.service), (now) =>
      this.#update(now),
    );
  }

  /** Where this request may go; picks among the branches of a union. */
  resolve(): Binding {
    if (this.#only) return this.#only;
    if (!this.#tree) return this.#error ? { state: 'failed', error: this.#error } : BINDING_PENDING;
    const leaf = pickLeaf(this.#tree, this.#options.random);
    if (!leaf) return BOUND_TO_NOTHING;
    let binding = this.#bindings.get(leaf);
    if (!binding) {
      binding = { state: 'bound', leaf };
      this.#bindings.set(leaf, binding);
    }
    return binding;
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
    return this.#isRebinding;
  }

  /** Until `forget`. */
  whenBound(waiter: BindingWaiter): void {
    this.#waiters.add(waiter);
  }

  forget(waiter: BindingWaiter): void {
    this.#waiters.delete(waiter);
    if (this.#life === 'closing') this.close();
  }

  /** Takes effect when the last waiter is gone: a name pushed out of the cache while it is bound must not hang requests. */
  close(): void {
    if (this.#life === 'closed') return;
    this.#life = this.#waiters.size > 0 ? 'closing' : 'closed';
    if (this.#life === 'closing') return;
    this.#stopObserving();
    if (this.#tree) releaseServiceTree(this.#tree, this.#options);
    this.#options.closed();
  }

  #update(now: State<NameTree<Bound>>): void {
    this.#isRebinding = now.state === 'pending';
    if (now.state === 'pending') return;
    if (now.state === 'failed') {
      if (this.#tree) return;
      this.#error = now.error;
    } else {
      const before = this.#tree;
      // The new tree takes its clients before the old one gives up its own: those in both are never without a user.
      this.#tree = makeServiceTree(now.value, this.#options);
      this.#bindings = new Map();
      this.#only =
        this.#tree.type === 'union' ? undefined : { state: 'bound', leaf: pickLeaf(this.#tree, this.#options.random) };
      if (before) releaseServiceTree(before, this.#options);
    }
    if (this.#waiters.size > 0) for (const waiter of [...this.#waiters]) waiter.bound();
  }
}
