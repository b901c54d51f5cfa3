// h2load: requests of HTTP/2, by prior knowledge or by ALPN, so many at a time on each connection.

import { urlOf } from './front.js';
import { type Counted, type Generate, runCommand } from './load-program.js';
import { hostName } from './request.js';

export const h2load: Generate = async ({ port, front }, { path, seconds, connections, streams = 1 }, _folder, pin) => {
  const options = ['-t1', `-c${connections}`, `-m${streams}`, `--duration=${seconds}`];
  // The name of the certificate is not asked of any resolver.
  const where = front === 'tls' ? [`--connect-to=127.0.0.1:${port}`] : ['-H', `:authority: ${hostName(0)}`];
  const output = await runCommand([...pin, 'h2load', ...options, ...where, urlOf(front, port, path)]);
  return readReport(output);
};

/** Requests cut off by the end of the round are neither answers nor errors. */
function readReport(output: string): Counted | undefined {
  const seconds = number(output, /^finished in ([\d.]+)s/m);
  const requests = number(output, /(\d+) succeeded,/);
  const bytes = number(output, /^traffic: .*?\((\d+)\) total/m);
  if (seconds === undefined || requests === undefined || bytes === undefined || requests === 0) return undefined;
  const failed = [/(\d+) failed,/, /(\d+) timeout/, /(\d+) 4xx,/, /(\d+) 5xx/].map((what) => number(output, what) ?? 0);
  // Some of these count the same requests.
  const errors = Math.max(...failed);
  return { us: seconds * 1e6, requests, bytes, errors, p50Us: Number.NaN, p99Us: Number.NaN };
}

function number(text: string, pattern: RegExp): number | undefined {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}
