// FlushQueue: connections with something to write in; one flush of each out, after the sockets that are ready were read.
//
// Responses of one caller come over many upstream connections, each in a read of its own, and so do the requests to one
// upstream from many callers: written one by one they would cost a system call each, which is most of what a small message
// costs. And even where each connection has but one message to write, it is cheaper to read several and then to write
// several than to take turns: a processor that stays with one kind of work finds its instructions and data in its caches,
// and peers are woken once for several messages. Measured: docs/decisions/0002-own-http1-codec.md.

export interface Flushable {
  flush(): void;
}

/**
 * Enough for nearly all of that gain. More would have the first message wait longer, and peers with nothing to do: with
 * hundreds of sockets ready at once they would all be idle until the last has been read.
 */
const MOST_DUE = 16;

export class FlushQueue {
  #due: Flushable[] = [];
  #isScheduled = false;
  readonly #run = (): void => {
    this.#isScheduled = false;
    this.#flush();
  };

  /** Once until its `flush` is called, which is before the next sockets that are ready are looked for. */
  add(one: Flushable): void {
    if (this.#due.push(one) >= MOST_DUE) {
      this.#flush();
    } else if (!this.#isScheduled) {
      this.#isScheduled = true;
      // Runs when the last of the reads of this turn of the event loop has been handled, and does not wait for more.
      setImmediate(this.#run);
    }
  }

  #flush(): void {
    const due = this.#due;
    this.#due = [];
    for (const one of due) one.flush();
  }
}

/** Of all connections: this thread has one event loop. */
export const flushes = new FlushQueue();
