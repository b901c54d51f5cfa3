// handshakes: full TLS handshakes, each on a connection of its own that is closed again, by `openssl s_time`.

import { type Generate, runCommand } from './load-program.js';

/** `shape.connections` programs, each of which makes one connection after the other. A request is a handshake. */
export const handshakes: Generate = async ({ port }, { seconds, connections }, _folder, pin) => {
  // -new: none resumes a session.
  const command = [...pin, 'openssl', 's_time', '-connect', `127.0.0.1:${port}`, '-new', '-time', `${seconds}`];
  const begunAt = performance.now();
  const outputs = await Promise.all(Array.from({ length: connections }, () => runCommand(command)));
  // Not what it says itself: it goes on to the end of a second that it does not count.
  const us = (performance.now() - begunAt) * 1000;
  const reports = outputs.map((output) => /^(\d+) connections in \d+ real seconds/m.exec(output));
  const requests = reports.reduce((sum, report) => sum + Number(report?.[1] ?? 0), 0);
  if (requests === 0) return undefined;
  const errors = reports.filter((report) => report === null).length;
  return { us, requests, bytes: 0, errors, p50Us: Number.NaN, p99Us: Number.NaN };
};
