// `linkgate exposure`: a configuration file in, what callers outside could reach under it out, as text or as /exposure.json has it.

import type { ExposureReport } from '../exposure/exposure.js';
import type { Linker } from '../linker.js';
import { type Arguments, type Command, InputError, UsageError } from './command.js';
import { drawExposure } from './draw-exposure.js';
import { makeRealLinker } from './make-linker.js';
import { type ReadConfig, readConfig } from './read-config.js';
import type { Terminal } from './terminal.js';

const DEFAULT_TIMEOUT_SECONDS = 10;
const MAX_TIMEOUT_SECONDS = 600;

export const exposureCommand: Command = {
  name: 'exposure',
  summary: 'list what can be reached from outside, and why',
  operand: '<config>',
  operandHelp: 'a linkerd.yaml (YAML or JSON); - for stdin',
  options: {
    json: { help: 'what /exposure.json of a running gateway answers' },
    timeout: { value: '<seconds>', help: `how long registries may take; default ${DEFAULT_TIMEOUT_SECONDS}` },
  },
  details: `For each listener of exposure: external: the hosts that it takes, who publishes them,
the names that requests get, and what these lead to (✓ now, · only when that is gone);
hosts that lead nowhere, rules that no host gets to, and rules that take every host.
Registries are asked as the gateway would ask them; nothing listens, and nothing is
written anywhere. When one does not answer, what is known is printed, and the exit
code is 1.
`,
  examples: [
    'linkgate exposure config/quickstart.yaml',
    'linkgate exposure --json config/quickstart.yaml',
    'linkgate exposure --timeout 3 config/quickstart.yaml',
  ],
  run: exposure,
};

async function exposure(args: Arguments, terminal: Terminal): Promise<number> {
  const timeoutMs = readTimeout(args.value('timeout')) * 1000;
  const report = await reportOf(args.operand, timeoutMs, terminal);
  terminal.out(args.has('json') ? `${JSON.stringify(report)}\n` : drawExposure(report));
  // Part of an answer is better than none, but it is not the answer.
  if (report.unanswered.length > 0) {
    throw new InputError(`not all is known after ${timeoutMs / 1000} s:\n  ${report.unanswered.join('\n  ')}`);
  }
  return 0;
}

function readTimeout(text: string | undefined): number {
  if (text === undefined) return DEFAULT_TIMEOUT_SECONDS;
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (seconds > 0 && seconds <= MAX_TIMEOUT_SECONDS) return seconds;
  throw new UsageError(`--timeout is "${text}", want seconds from 0.001 to ${MAX_TIMEOUT_SECONDS}`);
}

async function reportOf(file: string, timeoutMs: number, terminal: Terminal): Promise<ExposureReport> {
  const read = await readConfig(file, terminal);
  if (!read.ok) throw new InputError(`the configuration is refused\n${read.report.trimEnd()}`);
  const linker = linkerOf(read);
  // Timers of a gateway keep no process alive, and between two questions to a registry there is nothing else.
  const alive = setInterval(() => {}, timeoutMs);
  try {
    linker.look();
    return await linker.exposure(timeoutMs);
  } finally {
    clearInterval(alive);
    await linker.close();
  }
}

/** Throws InputError for what only shows when the parts are made. */
function linkerOf(read: ReadConfig & { readonly ok: true }): Linker {
  try {
    return makeRealLinker(read, { onShutdownRequest: () => {} });
  } catch (error) {
    throw new InputError(`${read.file}: ${(error as Error).message}`);
  }
}
