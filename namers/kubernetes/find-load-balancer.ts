// Find load balancer: a port and a name as a path has them and the service in, the balancers in front of it out.

import { ok, type State } from '../../src/base/activity.js';
import type { ServiceSet } from '../shared/service-trees.js';
import type { KnownService, WantedService } from './find-endpoints.js';

/**
 * Every ingress of the service's `status.loadBalancer` with the service's port. Undefined when there is no such service or
 * port, or no balancer for it (yet).
 */
export function findLoadBalancer(wanted: WantedService, known: KnownService): State<ServiceSet | undefined> {
  const state = known.service();
  if (state.state !== 'ok') return state;
  const service = state.value;
  if (service === undefined || service.ingress.length === 0) return ok(undefined);
  if (wanted.label !== undefined && service.label?.toLowerCase() !== wanted.label) return ok(undefined);
  const port = service.ports.find(({ name, port }) => name === wanted.port || String(port) === wanted.port);
  return ok(port && { endpoints: service.ingress.map((host) => ({ host, port: port.port })) });
}
