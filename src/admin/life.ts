// Pages about the process itself: alive, ready, which build, and the end of it.

import type { Clock } from '../base/clock.js';
import { makeLogger } from '../base/log.js';
import type { AdminHandler, AdminSource } from './handler.js';
import { jsonResponse, textResponse } from './responses.js';

const log = makeLogger('admin');

export function lifeHandlers(source: AdminSource, clock: Clock): readonly AdminHandler[] {
  return [
    {
      path: '/admin/ping',
      category: 'diagnostics',
      methods: ['GET'],
      description: 'Answers "pong" while the process is alive: for liveness probes.',
      handle: () => textResponse(200, 'pong'),
    },
    {
      path: '/admin/ready',
      category: 'diagnostics',
      methods: ['GET'],
      description:
        '200 when every listener is bound and the configuration is loaded, else 503 with the reasons: for readiness probes.',
      handle: () => {
        const { ready, reasons } = source.readiness;
        return ready
          ? textResponse(200, 'ready\n')
          : textResponse(503, ['not ready', ...reasons].map((line) => `${line}\n`).join(''));
      },
    },
    {
      path: '/admin/server_info',
      category: 'diagnostics',
      methods: ['GET'],
      description: 'Version, start time and uptime in milliseconds.',
      handle: () => jsonResponse(serverInfo(source, clock)),
    },
    {
      path: '/admin/shutdown',
      category: 'control',
      methods: 'any',
      getChangesState: true,
      description: 'Drains, then ends the process (curl -X POST).',
      handle: ({ method }) => {
        log.info(`shutdown asked for by ${method} /admin/shutdown`);
        source.requestShutdown();
        return textResponse(200, 'quitting\n');
      },
    },
  ];
}

/** The keys that TwitterServer's page has, as far as they mean something here. */
function serverInfo({ build }: AdminSource, clock: Clock): object {
  return {
    name: build.name,
    version: build.version,
    ...(build.revision === undefined ? {} : { build_revision: build.revision }),
    start_time: new Date(build.startedAt).toISOString(),
    uptime: Math.round(clock.epochMs() - build.startedAt),
  };
}
