// FaultyBackend: an address whose connections answer, fail, hang, reset or refuse as a test says, on the manual clock.

import type { Clock, TimerHandle } from '../../src/base/clock.js';
import { GatewayError } from '../../src/base/errors.js';
import type { EndpointClient } from '../../src/client/client.js';
import type { Dispatched, ResponseSink } from '../../src/service/exchange.js';
import type { RequestHead } from '../../src/service/message.js';
import type { RequestBody } from '../../src/service/request-body.js';
import type { RouteHeaders } from '../../src/service/route-headers.js';
import { responseHead } from './requests.js';

/**
 * - `answers`: 200; `fails`: 500;
 * - `hangs`: takes requests on the connections that there are and on new ones, and never answers;
 * - `resets`: each connection, when a request comes;
 * - `accepts`: the connections that there were are lost; new ones are taken, and never answered;
 * - `refuses`: the connections that there were are lost, and there are no new ones.
 */
export type Behaviour = 'answers' | 'fails' | 'hangs' | 'resets' | 'accepts' | 'refuses';

const ANSWER_MS = 2;
/** A reset or a refusal takes a round trip. */
const REFUSAL_MS = 0.5;

export class FaultyBackend {
  readonly host: string;
  readonly clock: Clock;
  /** Default 2. */
  answerMs = ANSWER_MS;
  /** Attempts to send it something, refused ones too. */
  attempts = 0;
  /** Of those, given up by the gateway. */
  cancelled = 0;
  /** When it first answered 200 since its behaviour changed. */
  firstAnswerAt: number | undefined;
  /** Clients that were made for it. */
  connected = 0;
  /** Of those, closed. */
  closed = 0;
  #behaviour: Behaviour = 'answers';
  /** Connections that carry no request. */
  #idle = 0;
  readonly #underWay = new Set<Attempt>();

  constructor(host: string, clock: Clock) {
    this.host = host;
    this.clock = clock;
  }

  get behaviour(): Behaviour {
    return this.#behaviour;
  }

  /** From now on; what hung before goes on hanging. */
  behave(behaviour: Behaviour): void {
    this.#behaviour = behaviour;
    this.firstAnswerAt = undefined;
    if (behaviour !== 'accepts' && behaviour !== 'refuses') return;
    this.#idle = 0;
    for (const attempt of [...this.#underWay]) attempt.reset();
  }

  /** What the gateway talks to it with. */
  connect(): EndpointClient {
    this.connected += 1;
    return {
      isAvailable: true,
      dispatch: (_request: RequestHead, _route: RouteHeaders, _body: RequestBody | undefined, sink: ResponseSink) => {
        this.attempts += 1;
        const isReused = this.#idle > 0;
        if (isReused) this.#idle -= 1;
        const attempt = new Attempt(this, sink, isReused);
        this.#underWay.add(attempt);
        attempt.begin();
        return attempt;
      },
      close: () => {
        this.closed += 1;
      },
    };
  }

  /** `isReusable`: its connection. */
  over(attempt: Attempt, isReusable: boolean): void {
    this.#underWay.delete(attempt);
    if (isReusable) this.#idle += 1;
  }
}

class Attempt implements Dispatched {
  readonly #backend: FaultyBackend;
  readonly #sink: ResponseSink;
  /** Its connection had carried a request before, so that a reset may mean that it was closed for idleness. */
  readonly #isReused: boolean;
  #timer: TimerHandle | undefined;

  constructor(backend: FaultyBackend, sink: ResponseSink, isReused: boolean) {
    this.#backend = backend;
    this.#sink = sink;
    this.#isReused = isReused;
  }

  begin(): void {
    const { behaviour, answerMs } = this.#backend;
    switch (behaviour) {
      case 'answers':
        this.#after(answerMs, () => this.#respond(200));
        return;
      case 'fails':
        this.#after(answerMs, () => this.#respond(500));
        return;
      case 'resets':
        this.#after(REFUSAL_MS, () => this.reset());
        return;
      case 'refuses':
        this.#after(REFUSAL_MS, () =>
          this.#fail(new GatewayError('connect-failed', 'connection refused', { resend: 'safe' })),
        );
        return;
      case 'hangs':
      case 'accepts':
        return;
      default:
        behaviour satisfies never;
    }
  }

  /** As the client codec tells it of a connection that is lost before any byte of a response. */
  reset(): void {
    const resend = this.#isReused ? 'idempotent' : 'no';
    this.#fail(new GatewayError('upstream-reset', 'closed before its response was complete', { resend }));
  }

  cancel(): void {
    this.#backend.cancelled += 1;
    this.#timer?.cancel();
    this.#backend.over(this, false);
  }

  resume(): void {}

  #after(ms: number, callback: () => void): void {
    this.#timer = this.#backend.clock.after(ms, callback);
  }

  #respond(status: number): void {
    const backend = this.#backend;
    backend.over(this, true);
    if (status === 200) backend.firstAnswerAt ??= backend.clock.now();
    this.#sink.head(responseHead(status));
    this.#sink.end(undefined);
  }

  #fail(error: GatewayError): void {
    this.#timer?.cancel();
    this.#backend.over(this, false);
    this.#sink.fail(error);
  }
}
