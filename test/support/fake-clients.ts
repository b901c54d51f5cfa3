// FakeClients: client stacks over endpoints that send nothing and remember what was asked of them.

import { consecutiveFailures } from '../../src/accrual/consecutive-failures.js';
import { p2cLeastLoaded } from '../../src/balancer/p2c-least-loaded.js';
import { constantBackoff } from '../../src/base/backoff.js';
import { MetricsScope } from '../../src/base/metrics.js';
import type { Path } from '../../src/base/path.js';
import { seededRandom } from '../../src/base/random.js';
import type { EndpointClient, EndpointClientOptions } from '../../src/client/client.js';
import { makeConnectionLimits } from '../../src/client/connection-limits.js';
import { ClientStack } from '../../src/router/client-stack.js';
import type { ClientSettings } from '../../src/router/settings.js';
import type { Dispatched } from '../../src/service/exchange.js';
import { makeKind } from './make-kind.js';
import { ManualClock } from './manual-clock.js';

export class FakeEndpointClient implements EndpointClient {
  isAvailable = true;
  readonly options: EndpointClientOptions;
  closed = 0;

  constructor(options: EndpointClientOptions) {
    this.options = options;
  }

  dispatch(): Dispatched {
    throw new Error('nothing is sent in unit tests');
  }

  close(): void {
    this.closed += 1;
  }
}

export class FakeClients {
  readonly clock = new ManualClock();
  readonly random = seededRandom(7);
  /** `rt/<label>`. */
  readonly metrics = new MetricsScope();
  /** Every endpoint there ever was, in order. */
  readonly endpoints: FakeEndpointClient[] = [];
  /** Ids of the stacks made, in order. */
  readonly made: string[] = [];
  readonly #enableProbation: boolean;

  constructor({ enableProbation = false } = {}) {
    this.#enableProbation = enableProbation;
  }

  make = (id: Path, predecessor?: ClientStack): ClientStack => {
    this.made.push(id.show());
    return new ClientStack({
      id,
      predecessor,
      settings: this.settings,
      makeEndpointClient: (options) => {
        const endpoint = new FakeEndpointClient(options);
        this.endpoints.push(endpoint);
        return endpoint;
      },
      maxInitialLineBytes: 4096,
      maxHeaderBytes: 8192,
      clock: this.clock,
      metrics: this.metrics.scope('client', id.show().slice(1)),
    });
  };

  /** Two failures in a row are death; the retry budget always has one. */
  get settings(): ClientSettings {
    const { clock, random } = this;
    return {
      balancer: makeKind(p2cLeastLoaded, { enableProbation: this.#enableProbation }, { clock, random }),
      accrual: makeKind(consecutiveFailures, { failures: 2 }, { random }),
      makeRequeueBudget: () => ({ deposit: () => {}, tryWithdraw: () => true, balance: 1 }),
      requestAttemptTimeoutMs: undefined,
      minConnections: 2,
      maxConnections: 5,
      maxWaiters: 6,
      connectionLimits: makeConnectionLimits({ poolIdleMs: 7000 }),
      failFastBackoff: undefined,
      protocol: 'auto',
      tls: undefined,
      calmBackoff: constantBackoff(1000),
      forwardClientCert: false,
      noDelay: true,
      keepAlive: false,
    };
  }
}
