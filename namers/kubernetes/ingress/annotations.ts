// Annotations: those under linkgate.io/ of one Ingress in, its settings out; what is unknown or invalid is a problem each.

import { nearestWord } from '../../../config/schema/did-you-mean.js';
import type { AddressRanges } from '../../../src/base/address-ranges.js';
import type { BackendProtocol, RoutePolicy } from '../../../src/identifier/identifier.js';
import type { Exposure } from '../../../src/naming/publication.js';
import { show } from '../../shared/members.js';
import {
  oneOf,
  parseBytes,
  parseDurationMs,
  parseFlag,
  parseHeaderName,
  parseHeaderValue,
  parseRewriteTarget,
  parseShare,
  parseSourceRanges,
  parseToken,
} from './annotation-values.js';
import { ANNOTATION_PREFIX } from './ingress-object.js';
import type { Problems } from './problem.js';

export interface IngressSettings {
  /** Undefined: as its class says. */
  readonly exposure: Exposure | undefined;
  readonly policy: RoutePolicy;
  readonly rewriteTarget: string | undefined;
  /** Undefined: for hosts in `spec.tls`. */
  readonly sslRedirect: boolean | undefined;
  readonly allowedSources: AddressRanges | undefined;
  /** It adds to the routes of another Ingress in place of its own. */
  readonly canary: CanarySettings | undefined;
}

/** As in `Canary` of route-rule.ts. */
export interface CanarySettings {
  readonly header: string | undefined;
  readonly headerValue: string | undefined;
  readonly cookie: string | undefined;
  readonly weight: number;
}

/** With a problem added, nothing of the Ingress may be served: a misspelt exposure or source range must not open anything. */
export function readAnnotations(annotations: ReadonlyMap<string, string>, problems: Problems): IngressSettings {
  const reading = new Reading(annotations, problems);
  const settings: IngressSettings = {
    exposure: reading.read('exposure', oneOf('internal', 'external')),
    policy: {
      backend: reading.read('backend-protocol', oneOf<BackendProtocol>('http', 'https', 'grpc', 'grpcs')),
      timeoutMs: reading.read('request-timeout', parseDurationMs),
      attemptTimeoutMs: reading.read('attempt-timeout', parseDurationMs),
      maxBodyBytes: reading.read('max-body-size', parseBytes),
    },
    rewriteTarget: reading.read('rewrite-target', parseRewriteTarget),
    sslRedirect: reading.read('ssl-redirect', parseFlag),
    allowedSources: reading.read('allowed-source-ranges', parseSourceRanges),
    canary: readCanary(reading),
  };
  reading.refuseUnknown();
  return settings;
}

function readCanary(reading: Reading): CanarySettings | undefined {
  const isCanary = reading.read('canary', parseFlag);
  const settings: CanarySettings = {
    weight: reading.read('canary-weight', parseShare) ?? 0,
    header: reading.read('canary-by-header', parseHeaderName),
    headerValue: reading.read('canary-by-header-value', parseHeaderValue),
    cookie: reading.read('canary-by-cookie', parseToken),
  };
  // With "false" they may stay, to be switched on again.
  for (const name of isCanary === undefined ? CANARY_SETTINGS : []) {
    reading.refuse(name, 'has no meaning without canary: "true"');
  }
  if (isCanary !== true) return undefined;
  if (settings.header === undefined)
    reading.refuse('canary-by-header-value', 'has no meaning without canary-by-header');
  for (const name of PRIMARY_SETTINGS)
    reading.refuse(name, 'is for the primary Ingress, whose setting holds for its canary');
  return settings;
}

const CANARY_SETTINGS = ['canary-weight', 'canary-by-header', 'canary-by-header-value', 'canary-by-cookie'];
/** They guard the route, wherever it leads. */
const PRIMARY_SETTINGS = ['ssl-redirect', 'allowed-source-ranges'];

class Reading {
  readonly #annotations: ReadonlyMap<string, string>;
  readonly #problems: Problems;
  readonly #known = new Set<string>();

  constructor(annotations: ReadonlyMap<string, string>, problems: Problems) {
    this.#annotations = annotations;
    this.#problems = problems;
  }

  read<T>(name: string, parse: (text: string) => T): T | undefined {
    this.#known.add(name);
    const text = this.#annotations.get(name);
    if (text === undefined) return undefined;
    try {
      return parse(text);
    } catch (error) {
      this.#refuse(name, `is ${show(text)}, ${(error as Error).message}`);
      return undefined;
    }
  }

  /** Says that `name` may not be there, if it is. */
  refuse(name: string, why: string): void {
    if (this.#annotations.has(name)) this.#refuse(name, why);
  }

  refuseUnknown(): void {
    for (const name of this.#annotations.keys()) {
      if (this.#known.has(name)) continue;
      const near = nearestWord(name, this.#known);
      this.#refuse(name, `is unknown${near === undefined ? '' : `, maybe ${ANNOTATION_PREFIX}${near} was meant`}`);
    }
  }

  #refuse(name: string, why: string): void {
    const message = `annotation ${ANNOTATION_PREFIX}${name} ${why}; nothing of the Ingress is served until it is right`;
    this.#problems.add('InvalidAnnotation', message);
  }
}
