// `linkgate run`: a configuration file in, a serving gateway out, until a signal or admin ends it.

import { showAddress } from '../base/addr.js';
import { realClock } from '../base/clock.js';
import { flushLogs, LOG_LEVELS, makeLogger, setLogLevel } from '../base/log.js';
import { type Command, UsageError } from './command.js';
import { exitOnDefect, exitWhenStuck } from './last-resort.js';
import { makeRealLinker } from './make-linker.js';
import { readConfig } from './read-config.js';
import { Reloader } from './reloader.js';
import { explainStartFailure } from './start-failure.js';
import { onStopSignal } from './stop-signal.js';
import type { Terminal } from './terminal.js';

export const runCommand: Command = {
  name: 'run',
  summary: 'serve until SIGTERM, SIGINT or /admin/shutdown',
  operand: '<config>',
  operandHelp: 'a linkerd.yaml (YAML or JSON); - for stdin',
  options: {
    'log-level': { value: '<level>', help: `${LOG_LEVELS.join(', ')}; default INFO` },
    watch: { help: 'reload whenever the file changes' },
  },
  details: `At the first SIGTERM or SIGINT listeners close and running requests get admin.shutdownGraceMs
(10 seconds) to finish; a second one ends the process at once. SIGHUP reads the
configuration again and goes on under it without losing a request, or says what is wrong
with it and goes on as before; it also opens access logs anew, for logrotate. Logs go to
stderr, one JSON object a line. A file that is called like a command is run as ./check.
`,
  examples: [
    'linkgate config/quickstart.yaml',
    'linkgate run --log-level DEBUG --watch config/quickstart.yaml',
    'linkgate - < config/quickstart.yaml',
  ],
  run: async ({ operand, value, has }, terminal) => {
    const level = value('log-level');
    if (level !== undefined) setRootLevel(level);
    if (has('watch') && operand === '-') throw new UsageError('--watch needs a file: stdin does not change');
    return serve(operand, has('watch'), terminal);
  },
};

function setRootLevel(word: string): void {
  const level = LOG_LEVELS.find((one) => one === word.toUpperCase());
  if (!level) throw new UsageError(`--log-level is "${word}", want one of ${LOG_LEVELS.join(', ')}`);
  setLogLevel('root', level);
}

/** After the grace period: what is left then is closed by force, which takes no time unless something is broken. */
const STUCK_AFTER_MS = 5000;

/** Answers 0 after a drain, 1 when the configuration is refused or a port cannot be bound; nothing is left open then. */
async function serve(file: string, isWatched: boolean, terminal: Terminal): Promise<number> {
  const log = makeLogger('main');
  const read = await readConfig(file, terminal);
  if (!read.ok) {
    terminal.err(`${read.report}linkgate: not started: the configuration is refused\n`);
    return 1;
  }
  exitOnDefect(log);
  let shutDown = (_why: string): void => {};
  const stopped = new Promise<string>((resolve) => {
    shutDown = resolve;
  });
  onStopSignal(shutDown, log);
  const reloader = new Reloader({ file, loaded: read, terminal, clock: realClock, log });
  let drain: () => Promise<void>;
  try {
    const linker = makeRealLinker(read, { onShutdownRequest: () => shutDown('/admin/shutdown'), reloader });
    reloader.attach(linker);
    const { admin, servers } = await linker.listen();
    // Before anybody is told that it serves: without a handler the signal would end it.
    process.on('SIGHUP', () => {
      const isFile = file !== '-';
      log.info(`SIGHUP: opening access logs anew${isFile ? ', reading the configuration again' : ''}`);
      linker.reopenLogs();
      if (isFile) void reloader.reload(undefined);
    });
    for (const { router, ip, port } of servers) {
      log.info(`serving ${router} on ${showAddress({ host: ip, port })}`, { router, ip, port });
    }
    log.info(`admin on http://${showAddress({ host: admin.ip, port: admin.port })}/`, admin);
    const watch = isWatched ? reloader.watch() : undefined;
    drain = async () => {
      await watch?.close();
      await linker.drain();
    };
  } catch (error) {
    terminal.err(`linkgate: ${explainStartFailure(error)}\nlinkgate: not started: nothing is listening\n`);
    return 1;
  }
  log.info(`shutting down: ${await stopped}`);
  exitWhenStuck(reloader.inForce.config.admin.shutdownGraceMs + STUCK_AFTER_MS, realClock, log);
  await drain();
  flushLogs();
  return 0;
}
