// `linkgate check`: a configuration file in, its mistakes out; nothing is started.

import type { LinkerdConfig } from '../../config/schema/parse.js';
import type { Command } from './command.js';
import { makeRealLinker } from './make-linker.js';
import { type ReadConfig, readConfig, refuseWhole } from './read-config.js';

export const checkCommand: Command = {
  name: 'check',
  summary: 'list every mistake in a configuration, start nothing',
  operand: '<config>',
  operandHelp: 'a linkerd.yaml (YAML or JSON); - for stdin',
  options: { json: { help: '{"valid", "errors": [{"file", "line", "column", "path", "message"}]}' } },
  details: `The file is read and every part of the gateway is made, but no port is bound and no
file is written, so it is safe beside a running gateway. Mistakes go to stderr, one a
line, as file:line:column. "linkgate -validate <config>" does the same.
`,
  examples: [
    'linkgate check config/quickstart.yaml',
    'linkgate check --json config/quickstart.yaml',
    'linkgate check - < config/quickstart.yaml',
  ],
  run: async ({ operand, has }, terminal) => {
    const checked = await checkParts(await readConfig(operand, terminal));
    if (has('json')) {
      terminal.out(`${JSON.stringify({ valid: checked.ok, errors: checked.ok ? [] : checked.errors })}\n`);
    } else if (checked.ok) {
      terminal.out(`${checked.file}: ok (${summaryOf(checked.config)})\n`);
    } else {
      terminal.err(checked.report);
    }
    return checked.ok ? 0 : 1;
  },
};

/** Refuses as well what only shows when the parts are made. */
export async function checkParts(read: ReadConfig): Promise<ReadConfig> {
  if (!read.ok) return read;
  try {
    const linker = makeRealLinker(read, { onShutdownRequest: () => {} });
    await linker.close();
    return read;
  } catch (error) {
    return refuseWhole(read.file, `${read.file}: ${(error as Error).message}`);
  }
}

function summaryOf({ routers, namers }: LinkerdConfig): string {
  const servers = routers.reduce((sum, router) => sum + router.servers.length, 0);
  return [plural(routers.length, 'router'), plural(servers, 'server'), plural(namers.length, 'namer')].join(', ');
}

function plural(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
