// FakeConsul: a server on loopback that answers as a test says, for what a real agent cannot be made to do.

import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

/** One query as it arrived. */
export interface FakeQuery {
  readonly path: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  /** True when it has an index. */
  readonly blocking: boolean;
  readonly response: ServerResponse;
}

/** An answer; undefined: the handler has answered itself, or nobody does. */
export interface FakeAnswer {
  /** Default 200. */
  readonly status?: number;
  /** X-Consul-Index. */
  readonly index?: number | string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A text as it is, anything else as JSON. */
  readonly body: unknown;
}

export class FakeConsul {
  readonly host = '127.0.0.1';
  /** Every query so far, in order. */
  readonly queries: FakeQuery[] = [];
  readonly #server: Server;
  answer: (query: FakeQuery) => FakeAnswer | undefined;

  private constructor(answer: FakeConsul['answer']) {
    this.answer = answer;
    this.#server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://fake');
      const parameters = Object.fromEntries(searchParams);
      const query = {
        path: pathname,
        parameters,
        headers: request.headers,
        blocking: 'index' in parameters,
        response,
      };
      this.queries.push(query);
      const said = this.answer(query);
      if (said) send(response, said);
    });
  }

  static async start(t: TestContext, answer: FakeConsul['answer']): Promise<FakeConsul> {
    const consul = new FakeConsul(answer);
    await new Promise<void>((resolve) => consul.#server.listen(0, consul.host, resolve));
    t.after(() => consul.close());
    return consul;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** `Consul 127.0.0.1:<port>` */
  get registry(): string {
    return `Consul ${this.host}:${this.port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function send(response: ServerResponse, { status = 200, index, headers = {}, body }: FakeAnswer): void {
  response.writeHead(status, { ...(index !== undefined && { 'X-Consul-Index': String(index) }), ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

/** An entry of the catalog endpoint. */
export function instance(address: string, port: unknown = 80): Record<string, unknown> {
  return { Node: 'n1', Address: '127.0.0.1', ServiceID: address, ServiceAddress: address, ServicePort: port };
}
