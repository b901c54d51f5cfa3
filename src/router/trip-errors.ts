// Trip errors: what a request met on its way in; the error with Linkerd's message for it out.

import { GatewayError } from '../base/errors.js';
import type { Exchange } from '../service/exchange.js';
import type { ClientStack } from './client-stack.js';
import type { Endpoint } from './endpoint.js';
import { showDuration } from './error-responder.js';
import type { ServiceStack } from './service-stack.js';

export function overCapacityError(maxConcurrentRequests: number): GatewayError {
  return new GatewayError('over-capacity', `over ${maxConcurrentRequests} concurrent requests`, { resend: 'safe' });
}

export function unidentifiedError({ request, caller }: Exchange, reason: string, cause?: unknown): GatewayError {
  const from = `${caller.remoteAddress}:${caller.remotePort}`;
  const summary = `Request("${request.method} ${request.target}", from /${from})`;
  return new GatewayError('unidentified', `Unknown destination: ${summary} / ${reason}`, { cause });
}

/** `client` where the name is bound and its addresses are not known. */
export function bindingTimeoutError(ms: number, service: ServiceStack, client: ClientStack | undefined): GatewayError {
  const name = service.service.show();
  const what = client ? `connecting to ${client.id.show()} for name: ${name}` : `resolving name: ${name}`;
  return new GatewayError('binding-timeout', `Exceeded ${showDuration(ms)} binding timeout while ${what}`);
}

/** Linkerd's message for a connection that could not be made, around `cause`; other errors speak for themselves. */
export function attemptError(
  cause: GatewayError,
  service: ServiceStack,
  client: ClientStack,
  endpoint: Endpoint,
): GatewayError {
  if (cause.code !== 'connect-failed') return cause;
  const lines = [
    `Unable to establish connection to ${endpoint}.`,
    '',
    `service name: ${service.service.show()}`,
    `client name: ${client.id.show()}`,
    `addresses: [${client.showAddresses()}]`,
    `selected address: ${endpoint}`,
  ];
  return new GatewayError('connect-failed', lines.join('\n'), { cause, resend: 'safe' });
}
