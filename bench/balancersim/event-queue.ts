// EventQueue: simulated time. What is to happen goes in with its time, and is called in order of time.

interface Event {
  readonly at: number;
  /** Events of one time are called in the order in which they were put in, so that runs repeat exactly. */
  readonly order: number;
  readonly happen: (now: number) => void;
}

export class EventQueue {
  /** A binary heap: each event is before its two children at 2i + 1 and 2i + 2. */
  readonly #heap: Event[] = [];
  #put = 0;

  put(at: number, happen: (now: number) => void): void {
    const heap = this.#heap;
    const event = { at, order: this.#put, happen };
    this.#put += 1;
    let i = heap.push(event) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (isBefore(heap[parent] as Event, event)) break;
      heap[i] = heap[parent] as Event;
      i = parent;
    }
    heap[i] = event;
  }

  /** Runs until nothing is left. */
  run(): void {
    for (let event = this.#take(); event; event = this.#take()) event.happen(event.at);
  }

  #take(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let i = 0;
    for (let child = 1; child < heap.length; child = 2 * i + 1) {
      const right = child + 1;
      if (right < heap.length && isBefore(heap[right] as Event, heap[child] as Event)) child = right;
      if (isBefore(last, heap[child] as Event)) break;
      heap[i] = heap[child] as Event;
      i = child;
    }
    heap[i] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
