// Settings of a router's services and clients: what the configuration says of one name, ready to use.

import type { AccrualFactory } from '../accrual/accrual.js';
import type { BalancerFactory } from '../balancer/balancer.js';
import type { Backoff } from '../base/backoff.js';
import type { Path } from '../base/path.js';
import type { MakeServiceBreaker } from '../breaker/breaker.js';
import type { ResponseClassifier } from '../classifier/classifier.js';
import type { ClientProtocol, ConnectionLimits } from '../client/client.js';
import type { RetryBudget } from '../retry/retry.js';
import type { H2Settings } from '../wire/h2-settings.js';
import type { HandshakeListener, UpstreamTls } from '../wire/upstream-socket.js';

/** Of one logical name. */
export interface ServiceSettings {
  /** Longest time for a request with all its attempts, in ms; undefined for none. */
  readonly totalTimeoutMs: number | undefined;
  readonly classifier: ResponseClassifier;
  makeRetryBudget(): RetryBudget;
  /** Waits before the retries of one request. */
  readonly retryBackoff: Backoff;
  /** Bytes of a request's body that are kept to send it again; of a longer one nothing is. */
  readonly retryBufferBytes: number;
  /** Bytes of a response that are held back, and for how long in ms, until its end tells whether to send the request again. */
  readonly holdBackBytes: number;
  readonly classificationTimeoutMs: number;
  /** Undefined: the name has no circuit breaker, and its requests pay nothing for one. */
  readonly makeBreaker: MakeServiceBreaker | undefined;
  /** Of what `makeBreaker` was made: where it is the same after a reload the breaker goes on. */
  readonly breakerWords: string;
}

/** Of one bound name. */
export interface ClientSettings {
  readonly balancer: BalancerFactory;
  readonly accrual: AccrualFactory;
  makeRequeueBudget(): RetryBudget;
  /** Longest time for one attempt, in ms; undefined for none. */
  readonly requestAttemptTimeoutMs: number | undefined;
  /** Connections to each endpoint that are not closed for `connectionLimits.poolIdleMs`. */
  readonly minConnections: number;
  readonly maxConnections: number;
  readonly maxWaiters: number;
  readonly connectionLimits: ConnectionLimits;
  /** Waits between the connects of an endpoint that is down; undefined without `failFast`. */
  readonly failFastBackoff: Backoff | undefined;
  /** How endpoints are spoken to. */
  readonly protocol: ClientProtocol;
  /** Waits before new connections to an endpoint that has asked for calm, in HTTP/2. */
  readonly calmBackoff: Backoff;
  readonly h2Settings?: H2Settings | undefined;
  /** Undefined: plain text. */
  readonly tls: ((id: Path, handshakes: HandshakeListener) => UpstreamTls) | undefined;
  /** Its endpoints are told of the certificate that the caller has shown. */
  readonly forwardClientCert: boolean;
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
}

/** The settings that apply to a name, by the prefixes of `io.l5d.static` or the one block of `io.l5d.global`. */
export type SettingsOf<Settings> = (name: Path) => Settings;
