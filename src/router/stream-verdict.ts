// StreamVerdict: the response of an attempt whose end tells how it went (gRPC's status is in the trailers) in; the same
// response with its verdict to the trip out, held back until then as far as the request may be sent again.
//
// Made for services whose classifier has `classifyEnd`; others pay nothing for it. After Linkerd's `ClassifiedRetryFilter`
// of h2: what is held back is limited in bytes and in time, since a stream that goes on must reach its caller.

import type { Clock, TimerHandle } from '../base/clock.js';
import { type ClassifyEnd, classifyResponse, type ResponseClassifier, type Verdict } from '../classifier/classifier.js';
import type { ResponseSink } from '../service/exchange.js';
import type { Headers } from '../service/headers.js';
import { mayTunnel, type RequestHead, type ResponseHead } from '../service/message.js';
import type { RetryMetrics } from './request-metrics.js';
import type { ServiceStack } from './service-stack.js';

/** The trip, as it is told of a response that was classified elsewhere. */
export interface ClassifiedTrip extends ResponseSink {
  /** The request could be sent again from its first byte. */
  readonly isReplayable: boolean;
  /** In place of `head`. Undefined: how it went is not known yet. */
  classified(response: ResponseHead, verdict: Verdict | undefined): void;
  /** Before `end`, where it was not known. Answers the trailers with what they are to say of it. */
  classifiedAtEnd(verdict: Verdict, trailers: Headers | undefined): Headers | undefined;
  /** A response that is over failed and was held back. True: the request is sent again, and nobody wants this any more. */
  retryInstead(response: ResponseHead): boolean;
}

export interface StreamVerdictOptions {
  readonly classifier: ResponseClassifier;
  readonly classifyEnd: ClassifyEnd;
  readonly request: RequestHead;
  readonly holdBackBytes: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly metrics: RetryMetrics;
}

/** For one attempt; undefined where heads of responses tell all. */
export function makeStreamVerdict(
  { settings, retries: metrics }: ServiceStack,
  request: RequestHead,
  clock: Clock,
  trip: ClassifiedTrip,
): StreamVerdict | undefined {
  const { classifier, holdBackBytes, classificationTimeoutMs: timeoutMs } = settings;
  const { classifyEnd } = classifier;
  // A tunnel has no end that could be classified.
  if (!classifyEnd || mayTunnel(request)) return undefined;
  return new StreamVerdict({ classifier, classifyEnd, request, holdBackBytes, timeoutMs, clock, metrics }, trip);
}

export class StreamVerdict implements ResponseSink {
  readonly #options: StreamVerdictOptions;
  readonly #trip: ClassifiedTrip;
  /** Of which only the end will tell. */
  #response: ResponseHead | undefined;
  /** Undefined: what comes is passed on. */
  #held: Buffer[] | undefined;
  #heldBytes = 0;
  #timer: TimerHandle | undefined;

  constructor(options: StreamVerdictOptions, trip: ClassifiedTrip) {
    this.#options = options;
    this.#trip = trip;
  }

  informational(head: ResponseHead): void {
    this.#trip.informational(head);
  }

  head(response: ResponseHead): void {
    const { classifier, request, timeoutMs, clock } = this.#options;
    const verdict = classifyResponse(classifier, request, response);
    if (verdict !== undefined) {
      this.#trip.classified(response, verdict);
      return;
    }
    this.#response = response;
    if (classifier.mayRetryAtEnd === false || !this.#trip.isReplayable) {
      this.#trip.classified(response, undefined);
      return;
    }
    this.#held = [];
    this.#timer = clock.after(timeoutMs, () => {
      this.#letGo('classification_timeout');
      this.#trip.flush();
    });
  }

  data(chunk: Buffer): boolean {
    if (!this.#held) return this.#trip.data(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes <= this.#options.holdBackBytes) {
      this.#held.push(Buffer.from(chunk));
      return true;
    }
    this.#letGo('response_stream_too_long');
    return this.#trip.data(chunk);
  }

  flush(): void {
    if (!this.#held) this.#trip.flush();
  }

  end(trailers: Headers | undefined): void {
    const { classifyEnd, request } = this.#options;
    const response = this.#response;
    if (!response) {
      this.#trip.end(trailers);
      return;
    }
    const verdict = classifyEnd(request, response, trailers);
    if (!this.#held) {
      this.#trip.end(this.#trip.classifiedAtEnd(verdict, trailers));
      return;
    }
    const held = this.#release();
    if (verdict === 'retryableFailure' && this.#trip.retryInstead(response)) return;
    this.#passOn(response, verdict === 'success' ? verdict : 'nonRetryableFailure', held);
    this.#trip.end(trailers);
  }

  fail(error: Error): void {
    this.stop();
    this.#trip.fail(error);
  }

  /** The attempt is over otherwise. */
  stop(): void {
    this.#release();
  }

  /** The caller gets what has come and what follows: the request is not sent again, however it goes. */
  #letGo(why: string): void {
    const held = this.#release();
    this.#options.metrics.count(why);
    this.#passOn(this.#response as ResponseHead, undefined, held);
  }

  #passOn(response: ResponseHead, verdict: Verdict | undefined, held: readonly Buffer[]): void {
    this.#trip.classified(response, verdict);
    for (const chunk of held) this.#trip.data(chunk);
  }

  #release(): readonly Buffer[] {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#timer?.cancel();
    return held;
  }
}
