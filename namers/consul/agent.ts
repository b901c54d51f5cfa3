// Agent: what the Consul agent that is asked says of itself: its datacenter and its DNS domain.

import { parseJson } from '../shared/http-api.js';
import type { ConsulClient, ConsulQuery } from './client.js';

export interface AgentSelf {
  /** `dc1` */
  readonly datacenter: string;
  /** Without dots around it: `consul`. */
  readonly domain: string;
}

const QUERY: ConsulQuery = { path: '/v1/agent/self', parameters: {}, datacenter: '' };

/** Asks once, whoever wants to know, and again only when that failed. */
export class Agent {
  readonly #client: ConsulClient;
  readonly #closing = new AbortController();
  #self: Promise<AgentSelf> | undefined;

  constructor(client: ConsulClient) {
    this.#client = client;
  }

  /** Rejects when it cannot be asked. */
  self(): Promise<AgentSelf> {
    this.#self ??= this.#ask().catch((error: Error) => {
      this.#self = undefined;
      throw new Error(`${error.message}; setHost needs its DNS domain (right agent:read)`, { cause: error });
    });
    return this.#self;
  }

  close(): void {
    this.#closing.abort();
  }

  async #ask(): Promise<AgentSelf> {
    const { body } = await this.#client.ask(QUERY, this.#closing.signal);
    const { Config: config, DebugConfig: debug } = (parseJson(body, QUERY.path) ?? {}) as AgentAnswer;
    // Before Consul 1.0 the domain was in Config; `consul.` is what it is where nobody says otherwise.
    const domain = [debug?.DNSDomain, config?.Domain, 'consul'].find(isText);
    const datacenter = [config?.Datacenter, debug?.Datacenter].find(isText);
    if (datacenter === undefined || domain === undefined) throw new Error(`${QUERY.path}: has no datacenter`);
    return { datacenter, domain: domain.replace(/^\.+|\.+$/g, '') };
  }
}

interface AgentAnswer {
  readonly Config?: { readonly Datacenter?: unknown; readonly Domain?: unknown };
  readonly DebugConfig?: { readonly Datacenter?: unknown; readonly DNSDomain?: unknown };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
