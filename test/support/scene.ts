// Scene: what one end-to-end test opens - upstreams, gateways, callers, directories - closed when the test ends.

import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { startGateway, type TestGateway, type TestGatewayOptions } from './gateway.js';
import { RawClient, type RawResponse, type ReadOptions } from './raw-client.js';
import { startUpstream, type Upstream, type UpstreamHandler, type UpstreamOptions } from './upstream.js';

export class Scene {
  readonly #closers: (() => void | Promise<void>)[] = [];

  constructor(t: TestContext) {
    t.after(() => this.#close());
  }

  async upstream(handler?: UpstreamHandler, options?: UpstreamOptions): Promise<Upstream> {
    return this.#own(await startUpstream(handler, options));
  }

  async gateway(config: string, options?: TestGatewayOptions): Promise<TestGateway> {
    return this.#own(await startGateway(config, options));
  }

  /** A connection to the first listener of `gateway`, or to a port. */
  async client(gateway: { readonly port: number }): Promise<RawClient> {
    return this.#own(await RawClient.connect({ port: gateway.port }));
  }

  /** One request on a connection of its own. */
  async ask(gateway: { readonly port: number }, request: string, options?: ReadOptions): Promise<RawResponse> {
    const client = await this.client(gateway);
    await client.send(request);
    const response = await client.readResponse(options);
    client.close();
    return response;
  }

  /** A new directory, removed with all in it. */
  directory(): string {
    const path = realpathSync(mkdtempSync(join(tmpdir(), 'linkgate-')));
    this.#closers.push(() => rmSync(path, { recursive: true, force: true }));
    return path;
  }

  #own<T extends { close(): void | Promise<void> }>(part: T): T {
    this.#closers.push(() => part.close());
    return part;
  }

  /** Callers before the gateway before its upstreams, whatever fails; the first failure counts. */
  async #close(): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.#closers.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

/** A request of `GET / HTTP/1.1`, `Host: web` and further field lines; `startLine` without version is HTTP/1.1. */
export function get(target = '/', ...fields: readonly string[]): string {
  return request(`GET ${target}`, ['Host: web', ...fields]);
}

/** A request with a body and its Content-Length. */
export function post(body: string, ...fields: readonly string[]): string {
  return request('POST /', ['Host: web', ...fields, `Content-Length: ${body.length}`], body);
}

/** `startLine` is `METHOD target`, with ` HTTP/1.0` behind it where that is meant. */
export function request(startLine: string, fields: readonly string[], body = ''): string {
  const line = / HTTP\/\d\.\d$/.test(startLine) ? startLine : `${startLine} HTTP/1.1`;
  return [line, ...fields, '', body].join('\r\n');
}

/** A body as one chunk of a chunked body, or the end of it. */
export function chunk(data: string): string {
  return data === '' ? '0\r\n\r\n' : `${data.length.toString(16)}\r\n${data}\r\n`;
}
