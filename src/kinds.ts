// Every built-in kind, one line each: the only importer of implementations and of namers/.

import { announcers, identifiers, interpreters, namers, systemNamers, transformers } from '../namers/index.js';
import { consecutiveFailures } from './accrual/consecutive-failures.js';
import { noFailureAccrual } from './accrual/none.js';
import { successRate } from './accrual/success-rate.js';
import { successRateWindowed } from './accrual/success-rate-windowed.js';
import { aperture } from './balancer/aperture.js';
import { heap } from './balancer/heap.js';
import { p2cLeastLoaded } from './balancer/p2c-least-loaded.js';
import { p2cPeakEwma } from './balancer/p2c-peak-ewma.js';
import { roundRobin } from './balancer/round-robin.js';
import {
  grpcAlwaysRetryable,
  grpcCompliant,
  grpcDefault,
  grpcNeverRetryable,
  grpcRetryableStatusCodes,
} from './classifier/grpc.js';
import { allSuccessful, h2AllSuccessful, h2NonRetryable5XX, nonRetryable5XX } from './classifier/http.js';
import {
  h2RetryableAll5XX,
  h2RetryableIdempotent5XX,
  h2RetryableRead5XX,
  retryableAll5XX,
  retryableIdempotent5XX,
  retryableRead5XX,
} from './classifier/retryable-5xx.js';
import { headerIdentifier } from './identifier/header.js';
import { headerPathIdentifier } from './identifier/header-path.js';
import { headerTokenIdentifier } from './identifier/header-token.js';
import { methodAndHostIdentifier } from './identifier/method-and-host.js';
import { pathIdentifier } from './identifier/path.js';
import { staticIdentifier } from './identifier/static.js';
import type { Kinds } from './linker.js';
import { defaultInterpreter } from './naming/default-interpreter.js';
import { prometheusTelemeter } from './telemeter/prometheus.js';
import { constTransformer } from './transformer/const.js';
import { localhostTransformer } from './transformer/localhost.js';
import { portTransformer } from './transformer/port.js';
import { replaceTransformer } from './transformer/replace.js';
import { specificHostTransformer } from './transformer/specific-host.js';

export const kinds: Kinds = {
  namer: namers,
  interpreter: [defaultInterpreter, ...interpreters],
  transformer: [
    localhostTransformer,
    specificHostTransformer,
    portTransformer,
    replaceTransformer,
    constTransformer,
    ...transformers,
  ],
  identifier: [
    headerTokenIdentifier,
    headerIdentifier,
    headerPathIdentifier,
    methodAndHostIdentifier,
    pathIdentifier,
    staticIdentifier,
    ...identifiers,
  ],
  balancer: [p2cLeastLoaded, p2cPeakEwma, aperture, heap, roundRobin],
  accrual: [consecutiveFailures, successRate, successRateWindowed, noFailureAccrual],
  classifier: [
    nonRetryable5XX,
    retryableRead5XX,
    retryableIdempotent5XX,
    retryableAll5XX,
    allSuccessful,
    h2NonRetryable5XX,
    h2RetryableRead5XX,
    h2RetryableIdempotent5XX,
    h2RetryableAll5XX,
    h2AllSuccessful,
    grpcDefault,
    grpcCompliant,
    grpcAlwaysRetryable,
    grpcNeverRetryable,
    grpcRetryableStatusCodes,
  ],
  telemeter: [prometheusTelemeter],
  announcer: announcers,
  systemNamers,
  requestAuthorizer: [],
};
