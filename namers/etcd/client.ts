// Client: one server of an etcd cluster; ranges and watches in, its answers out, logged in where a user is configured.

import type { Clock } from '../../src/base/clock.js';
import type { Closable } from '../../src/base/closable.js';
import type { ApiTls } from '../shared/http-api.js';
import { GRPC_UNAUTHENTICATED, type GrpcCall, GrpcConnection, GrpcError, type Headers } from './grpc.js';
import {
  type RangeAnswer,
  type RangeRequest,
  readAuthenticateAnswer,
  readRangeAnswer,
  readWatchAnswer,
  type WatchAnswer,
  type WatchRequest,
  writeAuthenticateRequest,
  writeProgressRequest,
  writeRangeRequest,
  writeWatchRequest,
} from './messages.js';

export interface EtcdClientOptions {
  /** `http://10.0.0.1:2379` */
  readonly url: string;
  readonly tls?: ApiTls | undefined;
  readonly user?: EtcdUser | undefined;
  readonly clock: Clock;
}

export interface EtcdUser {
  readonly username: string;
  readonly password: string;
}

export interface EtcdWatch {
  /** Has the server say how far the watch is, even when nothing changed. */
  askProgress(): void;
  /** Rejects when the watch is over; it never ends well. */
  readonly ended: Promise<void>;
}

/**
 * 500 keys with values of the largest size that is looked at (64 KiB) fit; what is larger is a mistake or an attack, and
 * must not be collected.
 */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

/** From sending name and password to the token: etcd hashes slowly on purpose. */
const AUTHENTICATE_TIMEOUT_MS = 3000;

export class EtcdClient implements Closable {
  readonly #connection: GrpcConnection;
  readonly #user: EtcdUser | undefined;
  #headers: Promise<Headers> | undefined;

  /** Connects at once; a failure is what the calls reject with. */
  constructor({ url, tls, user, clock }: EtcdClientOptions) {
    this.#connection = new GrpcConnection({ url, tls, clock, maxMessageBytes: MAX_MESSAGE_BYTES });
    this.#user = user;
  }

  async range(request: RangeRequest, timeoutMs: number): Promise<RangeAnswer> {
    const message = writeRangeRequest(request);
    const ask = async (): Promise<Buffer> =>
      this.#connection.unary('etcdserverpb.KV/Range', message, await this.#loggedIn(), timeoutMs);
    try {
      return readRangeAnswer(await ask());
    } catch (error) {
      if (!this.#user || !isTokenRefused(error)) throw error;
      // Tokens expire after minutes, and when anything about users changes.
      this.#headers = undefined;
      return readRangeAnswer(await ask());
    }
  }

  async watch(request: WatchRequest, onAnswer: (answer: WatchAnswer) => void): Promise<EtcdWatch> {
    const call: GrpcCall = this.#connection.duplex('etcdserverpb.Watch/Watch', await this.#loggedIn(), (message) =>
      onAnswer(readWatchAnswer(message)),
    );
    call.send(writeWatchRequest(request));
    return {
      askProgress: () => call.send(writeProgressRequest()),
      ended: call.ended.then(() => {
        throw new Error('Watch: the server ended the watch');
      }),
    };
  }

  close(): void {
    this.#connection.close();
  }

  #loggedIn(): Promise<Headers> {
    this.#headers ??= this.#logIn();
    return this.#headers;
  }

  async #logIn(): Promise<Headers> {
    if (!this.#user) return {};
    const { username, password } = this.#user;
    const answer = await this.#connection.unary(
      'etcdserverpb.Auth/Authenticate',
      writeAuthenticateRequest(username, password),
      {},
      AUTHENTICATE_TIMEOUT_MS,
    );
    return { token: readAuthenticateAnswer(answer) };
  }
}

function isTokenRefused(error: unknown): boolean {
  return (
    error instanceof GrpcError &&
    (error.code === GRPC_UNAUTHENTICATED || error.message.includes('revision of auth store is old'))
  );
}
