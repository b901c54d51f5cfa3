// The application log: named loggers over pino, one JSON line each on stderr, levels settable while running.

import pino from 'pino';

export interface Logger {
  error(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  debug(message: string, fields?: object): void;
}

/** Levels by Linkerd's names (java.util.logging words used by its admin), most talkative last. */
export const LOG_LEVELS = ['OFF', 'FATAL', 'ERROR', 'WARNING', 'INFO', 'DEBUG', 'TRACE', 'ALL'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const PINO_LEVEL: Record<LogLevel, string> = {
  OFF: 'silent',
  FATAL: 'fatal',
  ERROR: 'error',
  WARNING: 'warn',
  INFO: 'info',
  DEBUG: 'debug',
  TRACE: 'trace',
  ALL: 'trace',
};

const root = pino(
  { base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
  pino.destination({ fd: 2, sync: true }),
);

const ROOT = 'root';
const loggers = new Map<string, pino.Logger>();
const levels = new Map<string, LogLevel>([[ROOT, 'INFO']]);

/** The logger called `name` (dot-separated, as the thing it speaks for: `router.http`, `namer.io.l5d.fs`); one per name. */
export function makeLogger(name: string): Logger {
  let logger = loggers.get(name);
  if (!logger) {
    logger = root.child({ logger: name });
    logger.level = PINO_LEVEL[levels.get(name) ?? levels.get(ROOT) ?? 'INFO'];
    loggers.set(name, logger);
  }
  const target = logger;
  return {
    error: (message, fields) => target.error(fields ?? {}, message),
    warn: (message, fields) => target.warn(fields ?? {}, message),
    info: (message, fields) => target.info(fields ?? {}, message),
    debug: (message, fields) => target.debug(fields ?? {}, message),
  };
}

/** Every logger with the level in force, sorted by name, the root first. */
export function logLevels(): readonly { readonly logger: string; readonly level: LogLevel }[] {
  const rootLevel = levels.get(ROOT) ?? 'INFO';
  const rest = [...loggers.keys()].sort().map((logger) => ({ logger, level: levels.get(logger) ?? rootLevel }));
  return [{ logger: ROOT, level: rootLevel }, ...rest];
}

/** Sets a level; for `root`, of every logger that has none of its own. An unknown logger name changes nothing. */
export function setLogLevel(name: string, level: LogLevel): void {
  if (name !== ROOT && !loggers.has(name)) return;
  levels.set(name, level);
  for (const [loggerName, logger] of loggers) {
    logger.level = PINO_LEVEL[levels.get(loggerName) ?? levels.get(ROOT) ?? 'INFO'];
  }
}

/** Lines written so far are on their way to stderr when this returns. */
export function flushLogs(): void {
  root.flush();
}
