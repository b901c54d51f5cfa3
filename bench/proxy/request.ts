// One plain GET, for readiness and for checking that a proxy answers rightly before it is measured.

import { get as httpGet } from 'node:http';

/** Every host name of the load is `host-<n>.example.com`. */
export function hostName(n: number): string {
  return `host-${n}.example.com`;
}

/** Undefined when there was no whole answer. */
export function get(
  port: number,
  path: string,
): Promise<{ readonly status: number; readonly body: Buffer } | undefined> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, path, headers: { host: hostName(0) }, agent: false, timeout: 5_000 };
    const request = httpGet(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
      response.on('error', () => resolve(undefined));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(undefined));
  });
}
