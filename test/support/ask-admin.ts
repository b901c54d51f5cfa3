// Asks the admin pages without a socket: `askAdmin(source, 'GET /admin/ping')` answers status, type, headers and text.

import type { IncomingHttpHeaders } from 'node:http';
import { makeAdminDispatch } from '../../src/admin/dispatch.js';
import type { AdminSource } from '../../src/admin/handler.js';
import { type AdminSecurityConfig, makeAdminSecurity } from '../../src/admin/security.js';
import { ManualClock } from './manual-clock.js';

export interface AskOptions {
  readonly headers?: IncomingHttpHeaders;
  readonly body?: string;
  readonly security?: AdminSecurityConfig;
  readonly clock?: ManualClock;
}

export interface AdminAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** `what` is method, space, target. */
export async function askAdmin(source: AdminSource, what: string, options: AskOptions = {}): Promise<AdminAnswer> {
  const [method = '', target = ''] = what.split(' ');
  const [path = '', query = ''] = target.split('?');
  const dispatch = makeAdminDispatch(
    source,
    makeAdminSecurity(options.security ?? {}),
    options.clock ?? new ManualClock(),
  );
  const { status, contentType, headers, body } = await dispatch({
    method,
    path,
    query: new URLSearchParams(query),
    headers: { host: '127.0.0.1:9990', ...options.headers },
    body: options.body ?? '',
    localAddress: '127.0.0.1',
    secure: false,
  });
  return { status, contentType, headers: headers ?? {}, text: typeof body === 'string' ? body : [...body].join('') };
}
