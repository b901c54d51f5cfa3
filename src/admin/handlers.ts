// The table of admin pages: what the linker offers goes in, every page by its path comes out.

import type { Clock } from '../base/clock.js';
import type { TelemeterPage } from '../telemeter/telemeter.js';
import { circuitsHandler } from './circuits.js';
import { configHandler } from './config-json.js';
import { configReloadHandlers } from './config-reload.js';
import { delegatorHandler } from './delegator.js';
import { exposureHandler } from './exposure.js';
import type { AdminHandler, AdminSource } from './handler.js';
import { indexHandlers } from './index-page.js';
import { lifeHandlers } from './life.js';
import { loggingHandler } from './logging.js';
import { metricsHandler } from './metrics-json.js';
import { namingHandlers } from './naming-state.js';

/** Every page for which `isServed` answers true, by path. The index lists exactly these. The first at a path has it. */
export function adminHandlers(
  source: AdminSource,
  clock: Clock,
  isServed: (handler: AdminHandler) => boolean,
): ReadonlyMap<string, AdminHandler> {
  const byPath = new Map<string, AdminHandler>();
  const all = [
    ...lifeHandlers(source, clock),
    metricsHandler(source),
    configHandler(source),
    ...configReloadHandlers(source),
    delegatorHandler(source),
    exposureHandler(source),
    ...namingHandlers(source),
    circuitsHandler(source),
    loggingHandler,
    ...indexHandlers(source, clock, () => [...byPath.values()]),
    // Last: what is configured must not hide what is built in.
    ...source.pages.map(pageHandler),
  ];
  for (const handler of all) {
    if (!byPath.has(handler.path) && isServed(handler)) byPath.set(handler.path, handler);
  }
  return byPath;
}

function pageHandler(page: TelemeterPage): AdminHandler {
  return {
    path: page.path,
    category: 'diagnostics',
    methods: ['GET'],
    description: page.description,
    handle: () => ({ status: 200, contentType: page.contentType, body: page.render() }),
  };
}
