// FakeNamer: a namer whose answers a test sets, and whose watches it can count.

import { computed, type Signal, signal } from '@preact/signals-core';
import { type Activity, failed, ok, PENDING, type State } from '../../src/base/activity.js';
import { type Addr, addrBound, type Bound, makeAddress } from '../../src/base/addr.js';
import { parsePath } from '../../src/base/name-grammar.js';
import { leaf, mapNameTree, type NameTree, NEG } from '../../src/base/name-tree.js';
import { EMPTY_PATH, type Path } from '../../src/base/path.js';
import type { Name, Namer } from '../../src/naming/namer.js';

/** A signal that counts how often its watch was started and stopped. */
export class WatchedSignal<T> {
  readonly signal: Signal<T>;
  started = 0;
  stopped = 0;

  constructor(value: T) {
    this.signal = signal(value, {
      watched: () => {
        this.started += 1;
      },
      unwatched: () => {
        this.stopped += 1;
      },
    });
  }

  get isWatched(): boolean {
    return this.started > this.stopped;
  }
}

/** One service: the first `consume` elements of the path. */
export interface FakeEntry {
  readonly tree: WatchedSignal<State<NameTree<Name>>>;
  readonly addr: WatchedSignal<Addr>;
  /** What `exists` puts in the leaf. */
  readonly bound: Bound;
}

export interface FakeNamerOptions {
  /** Elements of the path that name a service; what follows is the residual. Default 1. */
  readonly consume?: number;
  /** The state of a service that nothing was said about. Default Neg. */
  readonly initial?: State<NameTree<Name>>;
}

/** `new FakeNamer('/#/fake')`: binds `/#/fake/web/a` to the id `/#/fake/web` with the residual `/a`. */
export class FakeNamer implements Namer {
  readonly prefix: Path;
  closed = false;
  /** Calls of `lookup`, whatever the path. */
  lookups = 0;
  readonly #consume: number;
  readonly #initial: State<NameTree<Name>>;
  readonly #entries = new Map<string, FakeEntry>();
  readonly #answers = new Map<string, Activity<NameTree<Name>>>();

  constructor(prefix: string, { consume = 1, initial = ok(NEG) }: FakeNamerOptions = {}) {
    this.prefix = parsePath(prefix);
    this.#consume = consume;
    this.#initial = initial;
  }

  /** The service `name` (`/web`), made when nothing was said of it yet. */
  entry(name: string): FakeEntry {
    let entry = this.#entries.get(name);
    if (!entry) {
      const addr = new WatchedSignal<Addr>(addrBound([]));
      const bound = { id: this.prefix.concat(parsePath(name)), residual: EMPTY_PATH, addr: addr.signal };
      entry = { tree: new WatchedSignal(this.#initial), addr, bound };
      this.#entries.set(name, entry);
    }
    return entry;
  }

  /** `name` is a service with these endpoints, each `host:port`. */
  exists(name: string, ...endpoints: readonly string[]): FakeEntry {
    const entry = this.entry(name);
    entry.addr.signal.value = addrBound(endpoints.map(addressFromText));
    entry.tree.signal.value = ok(leaf({ type: 'bound', bound: entry.bound }));
    return entry;
  }

  /** `name` is answered with this tree: Neg, Fail, Empty, or something that has paths in it. */
  answers(name: string, tree: NameTree<Name>): FakeEntry {
    return this.#become(name, ok(tree));
  }

  fails(name: string, error: Error): FakeEntry {
    return this.#become(name, failed(error));
  }

  pends(name: string): FakeEntry {
    return this.#become(name, PENDING);
  }

  lookup(path: Path): Activity<NameTree<Name>> {
    this.lookups += 1;
    const key = path.show();
    let answer = this.#answers.get(key);
    if (!answer) {
      answer = this.#answerOf(path);
      this.#answers.set(key, answer);
    }
    return answer;
  }

  close(): void {
    this.closed = true;
  }

  #become(name: string, state: State<NameTree<Name>>): FakeEntry {
    const entry = this.entry(name);
    entry.tree.signal.value = state;
    return entry;
  }

  #answerOf(path: Path): Activity<NameTree<Name>> {
    if (path.size < this.#consume) return signal(ok(NEG));
    const { tree } = this.entry(path.take(this.#consume).show());
    const residual = path.drop(this.#consume);
    if (residual.isEmpty) return tree.signal;
    return computed(() => {
      const now = tree.signal.value;
      return now.state === 'ok' ? ok(mapNameTree(now.value, (name) => withResidual(name, residual))) : now;
    });
  }
}

function withResidual(name: Name, residual: Path): Name {
  return name.type === 'bound' ? { type: 'bound', bound: { ...name.bound, residual } } : name;
}

function addressFromText(text: string): ReturnType<typeof makeAddress> {
  const colon = text.lastIndexOf(':');
  return makeAddress(text.slice(0, colon), Number(text.slice(colon + 1)));
}
