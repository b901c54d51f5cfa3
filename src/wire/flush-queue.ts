// FlushQueue: connections with something to write in; one flush of each out, after all sockets that are ready were read.
//
// Responses of one caller come over many upstream connections, each in a read of its own, and so do the requests to one
// upstream from many callers: written one by one they would cost a system call each, which is most of what a small message
// costs. `setImmediate` runs when the last of the reads
// of this turn of the event loop has been handled, and does not wait for more.

export interface Flushable {
  flush(): void;
}

export class FlushQueue {
  #due: Flushable[] = [];
  readonly #run = (): void => {
    const due = this.#due;
    this.#due = [];
    for (const one of due) one.flush();
  };

  /** Once until its `flush` is called. */
  add(one: Flushable): void {
    if (this.#due.push(one) === 1) setImmediate(this.#run);
  }
}
