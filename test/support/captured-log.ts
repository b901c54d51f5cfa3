// Captured log: what the gateway would have written to stderr while a test runs, as objects.

import fs from 'node:fs';
import type { TestContext } from 'node:test';

export interface LogLine {
  /** `warn`, `info` … */
  readonly level: string;
  /** `namer.io.l5d.fs` */
  readonly logger: string;
  readonly msg: string;
}

/** From now to the end of the test nothing of the application log reaches stderr; it is in the list instead. */
export function captureLog(t: TestContext): readonly LogLine[] {
  const lines: LogLine[] = [];
  const write = fs.writeSync;
  // The log writes to its descriptor at once and asks for the function at each line.
  t.mock.method(fs, 'writeSync', (fd: number, data: string | NodeJS.ArrayBufferView, ...rest: number[]) => {
    if (fd !== process.stderr.fd) return write(fd, data as NodeJS.ArrayBufferView, ...rest);
    const text =
      typeof data === 'string' ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString();
    for (const line of text.split('\n')) if (line.startsWith('{')) lines.push(JSON.parse(line) as LogLine);
    return Buffer.byteLength(text);
  });
  return lines;
}
