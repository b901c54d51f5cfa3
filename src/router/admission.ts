// Admission: the service that a request is named for in; the one that takes it out: that one or, while its circuit
// breaker refuses, its fallback, the fallback's own, and so on.

import { GatewayError } from '../base/errors.js';
import type { Path } from '../base/path.js';
import type { Admission, Refusal } from '../breaker/breaker.js';
import type { ServiceStack } from './service-stack.js';

export interface Admitted {
  readonly service: ServiceStack;
  /** To be told how the request ended; undefined where the service has no breaker. */
  readonly admission: Admission | undefined;
}

/**
 * Each service that refuses counts one failed request. Throws the last refusal, or `too-many-hops` when the fallbacks come
 * back to a name that has refused: as each one of them is open or full, there is always an end.
 */
export function admit(first: ServiceStack, stackOf: (name: Path) => ServiceStack): Admitted {
  const refusedBy: ServiceStack[] = [];
  let service = first;
  for (;;) {
    const { breaker } = service;
    if (!breaker) return { service, admission: undefined };
    const answer = breaker.admit();
    if (answer.admitted) return { service, admission: answer };

    countRefusal(service, answer);
    refusedBy.push(service);
    const { fallback } = breaker;
    if (!fallback) throw answer.error;
    if (refusedBy.some((one) => one.service.equals(fallback))) throw loopError(refusedBy, fallback);
    breaker.fellBack();
    service = stackOf(fallback);
  }
}

function countRefusal({ metrics }: ServiceStack, { error }: Refusal): void {
  metrics.started();
  metrics.ended(false, 0, error);
}

function loopError(refusedBy: readonly ServiceStack[], back: Path): GatewayError {
  const chain = [...refusedBy.map(({ service }) => service), back].map((name) => name.show()).join(' -> ');
  return new GatewayError(
    'too-many-hops',
    `Fallbacks lead back to a service whose circuit breaker refuses, want one that ends elsewhere: ${chain}`,
  );
}
