// /circuits.json: shows the circuit breaker of each service that is in use, and holds one open or closed by hand.

import type { ServiceBreaker } from '../breaker/breaker.js';
import type { AdminCircuit, AdminHandler, AdminRequest, AdminResponse, AdminRouter, AdminSource } from './handler.js';
import { allParameters } from './parameters.js';
import { jsonResponse, textResponse } from './responses.js';

type Force = Parameters<ServiceBreaker['force']>[0];

/** Of `force`. */
const FORCES: ReadonlyMap<string, Force> = new Map([
  ['open', 'open'],
  ['closed', 'closed'],
  ['auto', undefined],
]);

export function circuitsHandler(source: AdminSource): AdminHandler {
  return {
    path: '/circuits.json',
    category: 'control',
    methods: ['GET', 'POST'],
    description: 'Circuit breakers of services; curl -d router=http -d service=/svc/web -d force=open|closed|auto.',
    handle: (request) =>
      request.method === 'POST'
        ? force(request, source.routers)
        : jsonResponse(source.routers.flatMap((router) => router.circuits().map((circuit) => shown(router, circuit)))),
  };
}

/** All of the name, with whatever local dtab: who holds a service open means everybody's requests. */
function force(request: AdminRequest, routers: readonly AdminRouter[]): AdminResponse {
  const parameters = allParameters(request);
  const [label, service, to] = ['router', 'service', 'force'].map((name) => parameters.get(name) ?? '') as [
    string,
    string,
    string,
  ];
  if (!FORCES.has(to)) return textResponse(400, `force is "${to}", want open, closed or auto\n`);
  const router = routers.find((one) => one.label === label);
  if (!router) {
    const labels = routers.map((one) => `"${one.label}"`).join(', ');
    return textResponse(404, `router is "${label}", want one of ${labels}\n`);
  }
  const circuits = router.circuits().filter((circuit) => circuit.service.show() === service);
  if (circuits.length === 0) {
    const why = 'either none is configured for it, or nobody has asked for the name lately';
    return textResponse(
      404,
      `service is "${service}", which has no circuit breaker in the router "${label}": ${why}\n`,
    );
  }
  for (const { breaker } of circuits) breaker.force(FORCES.get(to));
  return jsonResponse(circuits.map((circuit) => shown(router, circuit)));
}

function shown({ label }: AdminRouter, { service, localDtab, breaker }: AdminCircuit): object {
  return {
    router: label,
    service: service.show(),
    localDtab,
    state: breaker.state,
    forced: breaker.forced ?? null,
    window: breaker.window,
    underWay: breaker.underWay,
    fallback: breaker.fallback?.show() ?? null,
  };
}
