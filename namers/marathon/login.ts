// Login: a service account of DC/OS in, the token that it is known by for now out; one login for all who wait for it.

import type { Closable } from '../../src/base/closable.js';
import type { HttpApi } from '../shared/http-api.js';
import { GarbageError } from '../shared/registry-watch.js';
import { loginBody, SERVICE_ACCOUNT_VARIABLE, type ServiceAccount } from './credentials.js';

export interface LoginOptions {
  readonly account: ServiceAccount;
  readonly api: HttpApi;
  readonly timeoutMs: number;
}

export class Login implements Closable {
  readonly #options: LoginOptions;
  // Of its own: who asked first may lose interest while others wait.
  readonly #abort = new AbortController();
  #token: Promise<string> | undefined;

  constructor(options: LoginOptions) {
    this.#options = options;
  }

  /** Logs in when nobody has yet, or the last login failed. Rejects without a word of the token or the key. */
  token(): Promise<string> {
    if (!this.#token) {
      const token = this.#logIn();
      this.#token = token;
      token.catch(() => this.#forget(token));
    }
    return this.#token;
  }

  /** The token that `used` was got as is not taken any more: the next one who asks logs in anew. */
  async expire(used: string): Promise<void> {
    const current = this.#token;
    if (current && (await current.catch(() => undefined)) === used) this.#forget(current);
  }

  close(): void {
    this.#abort.abort();
  }

  #forget(token: Promise<string>): void {
    if (this.#token === token) this.#token = undefined;
  }

  async #logIn(): Promise<string> {
    const { account, api, timeoutMs } = this.#options;
    const { status, body } = await api.request({
      method: 'POST',
      path: account.loginPath,
      headers: { 'Content-Type': 'application/json' },
      body: loginBody(account),
      timeoutMs,
      signal: this.#abort.signal,
    });
    // Nothing of the body is quoted: it may repeat what it was sent.
    const what = `login at ${account.loginPath} with ${SERVICE_ACCOUNT_VARIABLE}`;
    if (status !== 200) throw new Error(`${what}: status ${status}`);
    const token = tokenFrom(body);
    if (token === undefined) throw new GarbageError(`${what}: the answer has no token`);
    return token;
  }
}

function tokenFrom(body: Buffer): string | undefined {
  try {
    const { token } = JSON.parse(body.toString('utf8')) as { readonly token?: unknown };
    return typeof token === 'string' && /^[\x21-\x7e]+$/.test(token) ? token : undefined;
  } catch {
    return undefined;
  }
}
