// Marathon's API: the two questions of the namer in, their answers as JSON out, with whatever credentials there are.

import type { Closable } from '../../src/base/closable.js';
import { type ApiAnswer, type HttpApi, parseJson, Refused } from '../shared/http-api.js';
import { BASIC_VARIABLE, type MarathonCredentials, SERVICE_ACCOUNT_VARIABLE } from './credentials.js';
import { Login } from './login.js';

export interface MarathonApiOptions {
  /** Closed by who made it. */
  readonly api: HttpApi;
  /** Without a slash at its end; may be empty. */
  readonly uriPrefix: string;
  readonly credentials: MarathonCredentials | undefined;
  /** For one whole answer, in milliseconds. */
  readonly timeoutMs: number;
}

export class MarathonApi implements Closable {
  readonly #options: MarathonApiOptions;
  readonly #login: Login | undefined;

  constructor(options: MarathonApiOptions) {
    const { api, credentials, timeoutMs } = options;
    this.#options = options;
    if (credentials?.type === 'service-account') this.#login = new Login({ account: credentials, api, timeoutMs });
  }

  /** `GET /v2/apps`. Rejects for every status but 200. */
  async apps(signal: AbortSignal): Promise<unknown> {
    const path = `${this.#options.uriPrefix}/v2/apps`;
    const answer = await this.#get(path, signal);
    if (answer.status !== 200) throw this.#refusal(path, answer);
    return parseJson(answer.body, `GET ${path}`);
  }

  /** `GET /v2/apps/<id>?embed=app.tasks`; undefined when Marathon itself says that there is no such app. */
  async app(id: string, signal: AbortSignal): Promise<unknown> {
    const segments = id.split('/').filter((segment) => segment !== '');
    const path = `${this.#options.uriPrefix}/v2/apps/${segments.map(encodeURIComponent).join('/')}?embed=app.tasks`;
    const answer = await this.#get(path, signal);
    if (answer.status === 404 && isMarathonMessage(answer.body)) return undefined;
    if (answer.status !== 200) throw this.#refusal(path, answer);
    return parseJson(answer.body, `GET ${path}`);
  }

  close(): void {
    this.#login?.close();
  }

  async #get(path: string, signal: AbortSignal): Promise<ApiAnswer> {
    const { credentials } = this.#options;
    if (credentials?.type === 'basic') return this.#send(path, signal, `Basic ${credentials.value}`);
    if (!this.#login) return this.#send(path, signal);
    const token = await this.#login.token();
    const answer = await this.#send(path, signal, `token=${token}`);
    if (answer.status !== 401) return answer;
    // It may be too old: once more with a new one.
    await this.#login.expire(token);
    return this.#send(path, signal, `token=${await this.#login.token()}`);
  }

  #send(path: string, signal: AbortSignal, authorization?: string): Promise<ApiAnswer> {
    const { api, timeoutMs } = this.#options;
    const headers = { Accept: 'application/json', ...(authorization && { Authorization: authorization }) };
    return api.request({ path, headers, timeoutMs, signal });
  }

  #refusal(path: string, answer: ApiAnswer): Error {
    if (answer.status !== 401 && answer.status !== 403) return new Refused({ path }, answer);
    // Without the body, which may repeat what it was sent.
    return new Error(`GET ${path}: status ${answer.status}: ${this.#whatIsRefused()}`);
  }

  #whatIsRefused(): string {
    switch (this.#options.credentials?.type) {
      case 'basic':
        return `the credentials in ${BASIC_VARIABLE} are refused`;
      case 'service-account':
        return `the token that the account in ${SERVICE_ACCOUNT_VARIABLE} was given is refused`;
      case undefined:
        return `credentials are wanted, in ${SERVICE_ACCOUNT_VARIABLE} or ${BASIC_VARIABLE}`;
    }
  }
}

/** A 404 of a proxy in front, or of a wrong `uriPrefix`, is no word of Marathon's. */
function isMarathonMessage(body: Buffer): boolean {
  try {
    const { message } = JSON.parse(body.toString('utf8')) as { readonly message?: unknown };
    return typeof message === 'string';
  } catch {
    return false;
  }
}
