// Used heap: what of the heap is in use after a collection out.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes. */
export function usedHeap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}
