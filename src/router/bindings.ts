// Bindings: the BindingCaches of a router, one for each realm and each backend protocol of routes, made when the first name
// is asked for there. Each has the limits of `bindingCache` for itself.

import type { Clock, TimerHandle } from '../base/clock.js';
import type { Closable } from '../base/closable.js';
import type { BackendProtocol } from '../identifier/identifier.js';
import type { Interpreter } from '../naming/interpreter.js';
import { transformInterpreter } from '../naming/transformed.js';
import type { Transformer } from '../naming/transformer.js';
import { BindingCache, type BindingCacheOptions } from './binding-cache.js';
import type { ClientStack } from './client-stack.js';
import { makeBackendTransformer, type Realm } from './realm.js';
import { SharedRequestMetrics } from './request-metrics.js';
import type { ServiceStack } from './service-stack.js';

/** The interpreter is the router's own: what realms do to its answers is done here. */
export interface BindingsOptions extends Omit<BindingCacheOptions, 'serviceMetrics'> {
  /** Those that listeners of the router are in. */
  readonly realms: readonly Realm[];
}

/** Requests that are under way in a realm that no listener is in any more may be sent again there for so long. */
const GONE_TTL_MS = 10_000;

export class Bindings implements Closable {
  #options: BindingsOptions;
  /** Shared: a name that is asked for in several realms is one service. */
  readonly #serviceMetrics: SharedRequestMetrics;
  /** Of the names that nothing is done to. */
  readonly #plain: BindingCache;
  /** Of routes without a realm. */
  readonly #routes: RealmBindings;
  readonly #realms = new Map<string, RealmBindings>();
  readonly #make: MakeCache;

  constructor(options: BindingsOptions) {
    this.#options = options;
    this.#serviceMetrics = new SharedRequestMetrics(options.metrics.scope('service'));
    this.#make = (interpreter) => new BindingCache(this.#cacheOptions(interpreter));
    this.#plain = this.#make(options.interpreter);
    this.#routes = new RealmBindings(undefined, this.#make);
  }

  /** Costs nothing where neither is given. */
  of(realm: Realm | undefined, backend: BackendProtocol | undefined): BindingCache {
    if (realm === undefined && backend === undefined) return this.#plain;
    return this.#realm(realm).of(backend, this.#options.interpreter);
  }

  /** As `BindingCache.reconfigure`. Realms of the same words go on; those that no listener is in any more end after a while. */
  reconfigure(options: BindingsOptions, isObsolete: (stack: ClientStack) => boolean): void {
    this.#options = options;
    const inUse = new Set(options.realms.map(({ words }) => words));
    for (const [words, realm] of this.#realms) {
      if (inUse.has(words)) realm.stay();
      else realm.expire(options.clock, () => this.#realms.delete(words));
    }
    const { interpreter } = options;
    this.#plain.reconfigure(this.#cacheOptions(interpreter), isObsolete);
    for (const realm of [this.#routes, ...this.#realms.values()]) {
      realm.reconfigure(interpreter, (transformed) => this.#cacheOptions(transformed), isObsolete);
    }
  }

  clients(): ClientStack[] {
    return this.#caches().flatMap(({ clients }) => clients.stacks());
  }

  services(): ServiceStack[] {
    return this.#caches().flatMap((cache) => cache.services());
  }

  close(): void {
    this.#plain.close();
    this.#routes.close();
    for (const realm of this.#realms.values()) realm.close();
  }

  #realm(realm: Realm | undefined): RealmBindings {
    if (realm === undefined) return this.#routes;
    let bindings = this.#realms.get(realm.words);
    if (!bindings) {
      bindings = new RealmBindings(realm.transformer, this.#make);
      this.#realms.set(realm.words, bindings);
    }
    return bindings;
  }

  #caches(): BindingCache[] {
    return [this.#plain, ...[this.#routes, ...this.#realms.values()].flatMap((realm) => realm.caches())];
  }

  #cacheOptions(interpreter: Interpreter): BindingCacheOptions {
    return { ...this.#options, interpreter, serviceMetrics: this.#serviceMetrics };
  }
}

type MakeCache = (interpreter: Interpreter) => BindingCache;

interface TransformedCache {
  readonly cache: BindingCache;
  readonly transform: (interpreter: Interpreter) => Interpreter;
}

/** Of one realm, by backend protocol. */
class RealmBindings implements Closable {
  readonly #transformer: Transformer | undefined;
  readonly #make: MakeCache;
  readonly #caches = new Map<BackendProtocol | undefined, TransformedCache>();
  #expiry: TimerHandle | undefined;

  constructor(transformer: Transformer | undefined, make: MakeCache) {
    this.#transformer = transformer;
    this.#make = make;
  }

  of(backend: BackendProtocol | undefined, interpreter: Interpreter): BindingCache {
    const known = this.#caches.get(backend);
    if (known) return known.cache;
    const own = this.#transformer ? [this.#transformer] : [];
    const transform = makeTransform(backend ? [...own, makeBackendTransformer(backend)] : own);
    const cache = this.#make(transform(interpreter));
    this.#caches.set(backend, { cache, transform });
    return cache;
  }

  reconfigure(
    interpreter: Interpreter,
    optionsWith: (transformed: Interpreter) => BindingCacheOptions,
    isObsolete: (stack: ClientStack) => boolean,
  ): void {
    for (const { cache, transform } of this.#caches.values()) {
      cache.reconfigure(optionsWith(transform(interpreter)), isObsolete);
    }
  }

  caches(): BindingCache[] {
    return [...this.#caches.values()].map(({ cache }) => cache);
  }

  /** Closes it after a while. */
  expire(clock: Clock, closed: () => void): void {
    this.#expiry ??= clock.after(GONE_TTL_MS, () => {
      this.close();
      closed();
    });
  }

  stay(): void {
    this.#expiry?.cancel();
    this.#expiry = undefined;
  }

  close(): void {
    this.stay();
    for (const { cache } of this.#caches.values()) cache.close();
  }
}

/** The same interpreter for the same one, so that nothing is bound anew where nothing is new. */
function makeTransform(transformers: readonly Transformer[]): (interpreter: Interpreter) => Interpreter {
  let before: Interpreter | undefined;
  let transformed: Interpreter | undefined;
  return (interpreter) => {
    if (transformed === undefined || interpreter !== before) {
      before = interpreter;
      transformed = transformInterpreter(interpreter, transformers);
    }
    return transformed;
  };
}
