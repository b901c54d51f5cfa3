// /exposure.json: what callers outside can reach right now, host by host, and why.

import { DELEGATION_TIMEOUT_MS } from '../naming/delegate-tree.js';
import type { AdminHandler, AdminSource } from './handler.js';
import { jsonResponse } from './responses.js';

export function exposureHandler(source: AdminSource): AdminHandler {
  return {
    path: '/exposure.json',
    category: 'diagnostics',
    methods: ['GET'],
    description: 'What listeners of exposure: external let callers reach, and why; as `linkgate exposure` prints it.',
    handle: async () => jsonResponse(await source.exposure(DELEGATION_TIMEOUT_MS)),
  };
}
