// Changing state: Activity<T> is a readonly signal of `pending | ok | failed`.
//
// Resolution is an ordinary function that reads `.value` of activities inside `computed`; when anything it read
// changes, it runs again, once. `watched`/`unwatched` of a leaf signal start and stop the registry's watch: the first
// observer starts it, the last one stops it. Never call these from an untracked place to "peek" at a registry.

import { computed, effect, type ReadonlySignal, signal, untracked } from '@preact/signals-core';

export type State<T> =
  | { readonly state: 'pending' }
  | { readonly state: 'ok'; readonly value: T }
  | { readonly state: 'failed'; readonly error: Error };

/** A value that changes in time and may not be there yet. Neg is not a state: it is an `ok` value of a name tree. */
export type Activity<T> = ReadonlySignal<State<T>>;

export const PENDING: State<never> = { state: 'pending' };

export function ok<T>(value: T): State<T> {
  return { state: 'ok', value };
}

export function failed(error: Error): State<never> {
  return { state: 'failed', error };
}

/** An activity that never changes. */
export function constant<T>(value: T): Activity<T> {
  return signal(ok(value));
}

/** The activity of `f` applied to each good value. `f` may read other signals. */
export function mapActivity<A, B>(activity: Activity<A>, f: (value: A) => State<B>): Activity<B> {
  return computed(() => {
    const now = activity.value;
    return now.state === 'ok' ? f(now.value) : now;
  });
}

/**
 * Calls `observer` with the state now and at each change, until the returned function is called. What `observer` reads
 * itself is not observed.
 */
export function observe<T>(source: ReadonlySignal<T>, observer: (value: T) => void): () => void {
  return effect(() => {
    const value = source.value;
    untracked(() => observer(value));
  });
}

/**
 * The first state that is not pending, or the pending one when there is no other within `timeoutMs`. Observes only until
 * then; keeps the process alive meanwhile.
 */
export function firstSettled<T>(activity: Activity<T>, timeoutMs: number): Promise<State<T>> {
  return new Promise((resolve) => {
    let stop: (() => void) | undefined;
    let settled = false;
    const finish = (state: State<T>): void => {
      settled = true;
      clearTimeout(timer);
      stop?.();
      resolve(state);
    };
    const timer = setTimeout(() => finish(PENDING), timeoutMs);
    stop = observe(activity, (now) => {
      // Inside the first run `stop` is not known yet; the check below stops it.
      if (!settled && now.state !== 'pending') finish(now);
    });
    if (settled) stop();
  });
}
