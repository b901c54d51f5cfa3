// One admin request goes in, its answer comes out: looked up, checked, handled. Knows nothing of sockets; never rejects.

import type { Clock } from '../base/clock.js';
import { makeLogger } from '../base/log.js';
import { browserRefusal } from './browser-guard.js';
import type { AdminHandler, AdminRequest, AdminResponse, AdminSource } from './handler.js';
import { adminHandlers } from './handlers.js';
import { emptyResponse, textResponse, type WholeResponse } from './responses.js';
import type { AdminSecurity } from './security.js';

const log = makeLogger('admin');

/** A request with what only its connection knows. */
export interface ReceivedRequest extends AdminRequest {
  readonly localAddress: string;
  readonly secure: boolean;
}

export type AdminDispatch = (request: ReceivedRequest) => Promise<AdminResponse>;

export function makeAdminDispatch(source: AdminSource, security: AdminSecurity, clock: Clock): AdminDispatch {
  return async (request) => {
    try {
      // Made anew each time: namers and telemeter pages may have changed since, and it costs microseconds.
      const served = adminHandlers(source, clock, (handler) => security.serves(handler.path, handler.category));
      const handler = served.get(request.path);
      return handler ? await answer(handler, request) : textResponse(404, 'Not found. /admin lists what there is.\n');
    } catch (error) {
      return internalError(request.path, error);
    }
  };
}

/** Logs `error` and makes an answer of it. */
export function internalError(path: string, error: unknown): WholeResponse {
  const message = error instanceof Error ? error.message : String(error);
  log.error(`admin page ${path} failed: ${message}`, error instanceof Error ? { stack: error.stack } : {});
  return textResponse(500, `Internal error: ${message}\n`);
}

async function answer(handler: AdminHandler, request: ReceivedRequest): Promise<AdminResponse> {
  const { methods } = handler;
  if (methods !== 'any' && !methods.some((method) => method === request.method)) {
    return { ...emptyResponse(405), headers: { allow: methods.flatMap(withHead).join(', ') } };
  }
  const changesState = request.method !== 'GET' || handler.getChangesState === true;
  const refusal = browserRefusal({ ...request, changesState });
  if (refusal !== undefined) {
    log.warn(`refused ${request.method} ${request.path}: ${refusal}`);
    return textResponse(403, `Refused: ${refusal}\n`);
  }
  return handler.handle(request);
}

function withHead(method: string): readonly string[] {
  return method === 'GET' ? ['GET', 'HEAD'] : [method];
}
