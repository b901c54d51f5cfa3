// Consul client: a query in, Consul's answer with its index out, at once or as soon as something has changed.

import type { Closable } from '../../src/base/closable.js';
import { apiTls, type ClientTls } from '../shared/api-tls.js';
import { HttpApi, Refused } from '../shared/http-api.js';
import { Renewals, Seats, Turns } from './connections.js';

export interface ConsulClientOptions {
  readonly host: string;
  readonly port: number;
  /** Sent as `X-Consul-Token`. */
  readonly token?: string | undefined;
  readonly tls?: ClientTls | undefined;
  /** Larger answers are refused. */
  readonly maxAnswerBytes: number;
  /** How long Consul holds a blocking query when nothing changes, in milliseconds. Default 30,000. */
  readonly waitMs?: number | undefined;
}

export interface ConsulQuery {
  /** Without a query: `/v1/kv/a`. */
  readonly path: string;
  /** Keys without a value have an empty one. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Empty for the agent's own. */
  readonly datacenter: string;
  /** Statuses beside 200 that are answers. Default: none. */
  readonly alsoAnswers?: readonly number[];
}

export interface ConsulAnswer {
  readonly status: number;
  readonly body: Buffer;
  /** Consul's own headers, names in lower case without `x-consul-`. */
  readonly header: (name: string) => string | undefined;
  /** Undefined when the answer has none that can be waited on. */
  readonly index: number | undefined;
}

export type ConsistencyMode = 'default' | 'stale' | 'consistent';

/**
 * Consul's own default of 5 minutes would leave a watch on a dead connection, or one whose index Consul has lost, wrong for so
 * long; and Consul keeps a connection that the other end has closed for as long as it would have held the query. 112 watches that
 * ask twice a minute are 4 queries a second.
 */
const WAIT_MS = 30_000;

/** Consul adds a random sixteenth to the wait; the rest is for the network and a busy machine. */
const blockTimeoutMs = (waitMs: number): number => waitMs * (1 + 1 / 16) + 5000;

/** Without a leader Consul looks for one for 7 s before it says so. */
const ASK_TIMEOUT_MS = 8000;

/** Watches without a seat use a connection again sooner than that; when the last watch has ended none is to stay. */
const IDLE_MS = 1000;

export class ConsulClient implements Closable {
  /** `Consul 127.0.0.1:8500`. */
  readonly registry: string;
  /** How long Consul holds a blocking query when nothing changes, in milliseconds. */
  readonly waitMs: number;
  readonly seats = new Seats();
  readonly renewals = new Renewals();
  readonly #turns = new Turns();
  readonly #asking: HttpApi;
  readonly #blocking: HttpApi;

  constructor({ host, port, token, tls, maxAnswerBytes, waitMs = WAIT_MS }: ConsulClientOptions) {
    this.waitMs = waitMs;
    const readTls = apiTls(tls);
    const makeApi = (): HttpApi =>
      new HttpApi({
        name: 'Consul',
        host,
        port,
        maxAnswerBytes,
        idleMs: IDLE_MS,
        ...(token !== undefined && { headers: () => ({ 'X-Consul-Token': token }) }),
        ...(readTls && { tls: readTls }),
      });
    // Two, so that they do not take each other's connections.
    this.#asking = makeApi();
    this.#blocking = makeApi();
    this.registry = this.#asking.registry;
  }

  /** What there is now. Rejects for a status that is no answer. */
  ask(query: ConsulQuery, signal: AbortSignal): Promise<ConsulAnswer> {
    return this.#turns.take(query.datacenter, signal, () =>
      this.#request(this.#asking, query, {}, ASK_TIMEOUT_MS, signal),
    );
  }

  /** What there is once Consul has got beyond `index`, or nothing has changed for the wait. Wants a seat. */
  block(query: ConsulQuery, index: number, signal: AbortSignal): Promise<ConsulAnswer> {
    const since = { index: String(index), wait: `${this.waitMs}ms` };
    return this.#request(this.#blocking, query, since, blockTimeoutMs(this.waitMs), signal);
  }

  close(): void {
    this.#asking.close();
    this.#blocking.close();
  }

  async #request(
    api: HttpApi,
    { path, parameters, alsoAnswers = [] }: ConsulQuery,
    more: Readonly<Record<string, string>>,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<ConsulAnswer> {
    const wanted = { path: withQuery(path, { ...parameters, ...more }), timeoutMs, signal };
    const answer = await api.request(wanted);
    const { status, headers, body } = answer;
    if (status !== 200 && !alsoAnswers.includes(status)) throw new Refused(wanted, answer);
    const header = (name: string): string | undefined => headers[`x-consul-${name}`]?.toString();
    return { status, body, header, index: parseIndex(header('index')) };
  }
}

/** The parameters of a consistency mode and a datacenter. */
export function queryParameters(mode: ConsistencyMode, datacenter: string): Readonly<Record<string, string>> {
  return { ...(datacenter !== '' && { dc: datacenter }), ...(mode !== 'default' && { [mode]: 'true' }) };
}

function withQuery(path: string, parameters: Readonly<Record<string, string>>): string {
  const query = Object.entries(parameters).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
  return query.length === 0 ? path : `${path}?${query.join('&')}`;
}

/** Consul begins at 1; on 0, or on what is no number, it would answer at once each time. */
function parseIndex(text: string | undefined): number | undefined {
  const index = text !== undefined && /^\d{1,20}$/.test(text) ? Number(text) : 0;
  return index > 0 ? index : undefined;
}
