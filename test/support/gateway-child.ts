// A program: serves the configuration in its environment variable CONFIG and answers its parent's questions; see
// gateway-process.ts.

import { startGateway } from './gateway.js';

/** What the parent is told: the port once, the memory each time it asks. */
export type ChildMessage = { readonly port: number } | { readonly peakResidentBytes: number };

const gateway = await startGateway(process.env.CONFIG ?? '');
tell({ port: gateway.port });
process.on('message', () => tell({ peakResidentBytes: process.resourceUsage().maxRSS * 1024 }));
process.on('disconnect', () => process.exit());

function tell(message: ChildMessage): void {
  process.send?.(message);
}
