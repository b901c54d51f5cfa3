// Identifiers without a router: what they are made with, and whose requests they are asked about.

import assert from 'node:assert/strict';
import type { Kind } from '../../src/base/kind.js';
import { MetricsScope } from '../../src/base/metrics.js';
import { Path, pathFromText } from '../../src/base/path.js';
import { seededRandom } from '../../src/base/random.js';
import {
  type Identifier,
  type IdentifierContext,
  type RequestOrigin,
  Unidentified,
} from '../../src/identifier/identifier.js';
import type { RequestHead } from '../../src/service/message.js';
import { makeKind } from './make-kind.js';
import { ManualClock } from './manual-clock.js';

/** A caller that came in plain text. */
export const ORIGIN: RequestOrigin = { remoteAddress: '127.0.0.9', secure: false };

/** Of an internal listener with names below /svc. Each `source` is a new one. */
export function identifierContext(overrides: Partial<IdentifierContext> = {}): IdentifierContext {
  return {
    dstPrefix: pathFromText('svc'),
    exposure: 'internal',
    source: (make) => make(),
    clock: new ManualClock(),
    random: seededRandom(1),
    metrics: new MetricsScope(),
    ...overrides,
  };
}

/** An identifier that answers with names alone; the test fails where it answers with a route. `config` is without `kind`. */
export function makeNaming<Config>(
  kind: Kind<Config, IdentifierContext, Identifier>,
  config: object,
  overrides: Partial<IdentifierContext> = {},
): (request: RequestHead) => Path | Unidentified {
  const identify = makeKind(kind, config, identifierContext(overrides));
  return (request) => {
    const answer = identify(request, ORIGIN);
    if (!(answer instanceof Path || answer instanceof Unidentified)) assert.fail('answered with a route');
    return answer;
  };
}
