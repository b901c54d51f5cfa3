// Upstream: the server behind every proxy, the same for all in one run: nginx, or Node where nginx is missing.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HERE, hasProgram } from './machine.js';
import { nginxConfig } from './nginx.js';
import { freePort, Program } from './process.js';
import { get } from './request.js';

export const SMALL_BYTES = 64;
export const LARGE_BYTES = 1024 * 1024;
export const SMALL_PATH = '/small';
export const LARGE_PATH = '/1m';

export interface Upstream {
  readonly name: string;
  readonly port: number;
  readonly program: Program;
  /** What the reader must know, when it is not nginx. */
  readonly note: string | undefined;
}

export async function startUpstream(folder: string, pin: readonly string[]): Promise<Upstream> {
  const port = await freePort();
  const withNginx = hasProgram('nginx');
  const command = withNginx
    ? nginxUpstream(folder, port)
    : [process.execPath, join(HERE, 'node-upstream.js'), `${port}`];
  const program = await Program.start({
    command: [...pin, ...command],
    folder,
    name: 'upstream',
    isReady: async () => (await get(port, SMALL_PATH))?.body.length === SMALL_BYTES,
  });
  const note = 'nginx is missing: the upstream is Node, which is slower than some of the proxies measured';
  return { name: 'upstream', port, program, note: withNginx ? undefined : note };
}

function nginxUpstream(folder: string, port: number): string[] {
  writeFileSync(join(folder, '1m'), Buffer.alloc(LARGE_BYTES, 'x'));
  const server = `
    server {
      listen 127.0.0.1:${port} backlog=4096;
      root ${folder};
      location = ${SMALL_PATH} { return 200 "${'x'.repeat(SMALL_BYTES)}"; }
    }`;
  const config = join(folder, 'upstream.conf');
  writeFileSync(config, nginxConfig(folder, 'upstream', server));
  return ['nginx', '-p', folder, '-c', config];
}
