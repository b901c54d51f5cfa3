// Endpoint slices as the drivers write them: one for each instance, since the ports of a slice hold for all that is in it.

import type { DriverEndpoint } from '../../../support/namer-driver.js';

export const NAMESPACE = 'shop';

/** The id of an instance that takes no traffic. */
export const NOT_READY = 'not-ready';

export function slice(version: 'v1' | 'v1beta1', service: string, id: string, { host, port }: DriverEndpoint) {
  return {
    apiVersion: `discovery.k8s.io/${version}`,
    kind: 'EndpointSlice',
    metadata: {
      name: `${service}-${id}`,
      namespace: NAMESPACE,
      labels: { 'kubernetes.io/service-name': service },
    },
    addressType: 'IPv4',
    endpoints: [{ addresses: [host], conditions: { ready: id !== NOT_READY } }],
    ports: [{ name: 'http', port, protocol: 'TCP' }],
  };
}
