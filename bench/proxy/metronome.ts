// Metronome: the times at which requests are due in, a call at each of them out, from a thread that sleeps in between.
//
// Timers are a millisecond coarse, which is more than what is measured; asking the clock all the time would take the core away
// from whoever shares it. A thread can sleep for microseconds, and waking the program's own takes some more of them.

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

export interface Beats {
  /** Of the first one, by `nowMs`. */
  readonly startMs: number;
  readonly intervalMs: number;
  readonly count: number;
}

interface Shared extends Beats {
  readonly cells: Int32Array;
}

/** Cells that both threads see: one that is never changed, to sleep on, and whether a call is on its way. */
const SLEEP = 0;
const CALLING = 1;

/** Milliseconds by a clock that all threads share. */
export function nowMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

/** Calls `onBeat` when a beat is due; once for several of them, when it is late. Does not keep the program running. */
export function startMetronome(beats: Beats, onBeat: () => void): void {
  const cells = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  const shared: Shared = { ...beats, cells };
  const worker = new Worker(new URL(import.meta.url), { workerData: shared });
  worker.unref();
  worker.on('message', () => {
    // First: a beat that becomes due from here on is called for anew.
    Atomics.store(cells, CALLING, 0);
    onBeat();
  });
}

if (!isMainThread) keepTime(workerData as Shared);

function keepTime({ startMs, intervalMs, count, cells }: Shared): void {
  for (let beat = 0; beat < count; beat += 1) {
    const due = startMs + beat * intervalMs;
    for (let left = due - nowMs(); left > 0; left = due - nowMs()) Atomics.wait(cells, SLEEP, 0, left);
    if (Atomics.exchange(cells, CALLING, 1) === 0) parentPort?.postMessage(undefined);
  }
}
