// Every built-in kind, one line each: the only importer of implementations and of namers/.

import { namers } from '../namers/index.js';
import { consecutiveFailures } from './accrual/consecutive-failures.js';
import { noFailureAccrual } from './accrual/none.js';
import { p2cLeastLoaded } from './balancer/p2c-least-loaded.js';
import { p2cPeakEwma } from './balancer/p2c-peak-ewma.js';
import { allSuccessful, nonRetryable5XX } from './classifier/http.js';
import { headerIdentifier } from './identifier/header.js';
import { headerTokenIdentifier } from './identifier/header-token.js';
import { methodAndHostIdentifier } from './identifier/method-and-host.js';
import { pathIdentifier } from './identifier/path.js';
import { staticIdentifier } from './identifier/static.js';
import type { Kinds } from './linker.js';
import { defaultInterpreter } from './naming/default-interpreter.js';
import { prometheusTelemeter } from './telemeter/prometheus.js';

export const kinds: Kinds = {
  namer: namers,
  interpreter: [defaultInterpreter],
  transformer: [],
  identifier: [headerTokenIdentifier, headerIdentifier, methodAndHostIdentifier, pathIdentifier, staticIdentifier],
  balancer: [p2cLeastLoaded, p2cPeakEwma],
  accrual: [consecutiveFailures, noFailureAccrual],
  classifier: [nonRetryable5XX, allSuccessful],
  telemeter: [prometheusTelemeter],
  announcer: [],
  requestAuthorizer: [],
};
