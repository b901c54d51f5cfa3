// `linkgate run`: a configuration file in, a serving gateway out, until a signal or admin ends it.

import { realClock } from '../base/clock.js';
import { flushLogs, makeLogger } from '../base/log.js';
import { realRandom } from '../base/random.js';
import { kinds } from '../kinds.js';
import { makeLinker } from '../linker.js';
import { readConfig } from './read-config.js';
import { VERSION } from './version.js';

const log = makeLogger('main');

/**
 * Serves until SIGTERM, SIGINT or `/admin/shutdown`, then drains: listeners close, running exchanges finish within
 * `admin.shutdownGraceMs`. A second signal ends the process at once. Answers the exit code: 0 after a drain, 1 when the
 * configuration is refused or a port cannot be bound.
 */
export async function run(file: string): Promise<number> {
  const read = await readConfig(file);
  if (!read.ok) {
    process.stderr.write(`${read.report}\n`);
    return 1;
  }
  let shutDown = (_why: string): void => {};
  const stopped = new Promise<string>((resolve) => {
    shutDown = resolve;
  });
  const linker = makeLinker({
    config: read.config,
    raw: read.raw,
    kinds,
    build: { name: 'linkgate', version: VERSION, startedAt: realClock.epochMs() },
    clock: realClock,
    random: realRandom,
    onShutdownRequest: () => shutDown('/admin/shutdown'),
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      shutDown(signal);
      process.once(signal, () => process.exit(1));
    });
  }
  try {
    const { admin, servers } = await linker.listen();
    for (const { router, ip, port } of servers) log.info(`serving ${router} on ${ip}:${port}`);
    log.info(`admin on http://${admin.ip}:${admin.port}/`);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return 1;
  }
  log.info(`shutting down: ${await stopped}`);
  await linker.drain();
  flushLogs();
  return 0;
}
