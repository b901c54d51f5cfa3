// GrpcPeers: a server and a client of grpc-js, to have a gateway between them. Messages are bytes, so no protobuf is needed.

import type { TestContext } from 'node:test';
import {
  Client,
  type ClientDuplexStream,
  type ClientOptions,
  type ClientReadableStream,
  credentials,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServiceError,
  type StatusObject,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';

const SERVICE = 'linkgate.testing.Interop';

/** The methods by their shapes: does the caller, does the server, send many messages? */
const METHODS = {
  unary: method('Unary', false, false),
  collect: method('Collect', true, false),
  list: method('List', false, true),
  chat: method('Chat', true, true),
};

export type MethodName = keyof typeof METHODS;

function method(name: string, requestStream: boolean, responseStream: boolean): MethodDefinition<Buffer, Buffer> {
  const codec = {
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  };
  return { path: methodPath(name), requestStream, responseStream, ...codec };
}

export function bytes(message: Buffer): Buffer {
  return message;
}

/** Path of a method, by its name on the wire. */
export function methodPath(name: string, service = SERVICE): string {
  return `/${service}/${name}`;
}

/** Starts a server with these methods and no other; answers its port. Closed when the test ends. */
export function startGrpcServer(
  t: TestContext,
  methods: Partial<Record<MethodName, UntypedServiceImplementation[string]>>,
): Promise<number> {
  const server = new Server();
  const names = Object.keys(methods) as MethodName[];
  server.addService(Object.fromEntries(names.map((name) => [name, METHODS[name]])), { ...methods });
  t.after(() => server.forceShutdown());
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error);
      else resolve(port);
    });
  });
}

export interface UnaryAnswer {
  readonly error: ServiceError | null;
  readonly message: Buffer | undefined;
  readonly head: Metadata | undefined;
  readonly status: StatusObject | undefined;
}

export interface CallOptions {
  readonly metadata?: Metadata;
  /** From now, in ms. */
  readonly deadlineMs?: number;
}

/** Calls the service behind a gateway whose name for it is `web`. */
export class GrpcCaller {
  readonly client: Client;

  /** Closed when the test ends. */
  constructor(t: TestContext, port: number, options: ClientOptions = {}) {
    this.client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      'grpc.default_authority': 'web',
      // The client's own would hide what the gateway does.
      'grpc.enable_retries': 0,
      ...options,
    });
    t.after(() => this.client.close());
  }

  /** Resolves whatever the status is. */
  unary(path: string, request: Buffer, options: CallOptions = {}): Promise<UnaryAnswer> {
    const { metadata, deadline } = callOptions(options);
    return new Promise((resolve) => {
      let head: Metadata | undefined;
      let status: StatusObject | undefined;
      let answer: { error: ServiceError | null; message: Buffer | undefined } | undefined;
      const settle = (): void => {
        if (answer && status) resolve({ ...answer, head, status });
      };
      const call = this.client.makeUnaryRequest<Buffer, Buffer>(
        path,
        bytes,
        bytes,
        request,
        metadata,
        deadline,
        (error, message) => {
          answer = { error, message };
          settle();
        },
      );
      call.on('metadata', (metadata: Metadata) => {
        head = metadata;
      });
      call.on('status', (got: StatusObject) => {
        status = got;
        settle();
      });
    });
  }

  /** `messages` one after the other; resolves to the answer. */
  collect(path: string, messages: readonly Buffer[]): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const call = this.client.makeClientStreamRequest<Buffer, Buffer>(path, bytes, bytes, (error, message) => {
        if (error) reject(error);
        else resolve(message as Buffer);
      });
      for (const message of messages) call.write(message);
      call.end();
    });
  }

  list(path: string, request: Buffer, options: CallOptions = {}): ClientReadableStream<Buffer> {
    const { metadata, deadline } = callOptions(options);
    return this.client.makeServerStreamRequest<Buffer, Buffer>(path, bytes, bytes, request, metadata, deadline);
  }

  chat(path: string, options: CallOptions = {}): ClientDuplexStream<Buffer, Buffer> {
    const { metadata, deadline } = callOptions(options);
    return this.client.makeBidiStreamRequest<Buffer, Buffer>(path, bytes, bytes, metadata, deadline);
  }
}

function callOptions({ metadata, deadlineMs }: CallOptions): { metadata: Metadata; deadline: { deadline?: number } } {
  return {
    metadata: metadata ?? new Metadata(),
    deadline: deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs },
  };
}

/** What came on a stream until it ended, and how it ended. */
export async function drainStream(
  call: ClientReadableStream<Buffer> | ClientDuplexStream<Buffer, Buffer>,
): Promise<{ readonly messages: readonly Buffer[]; readonly status: StatusObject }> {
  const messages: Buffer[] = [];
  call.on('data', (message: Buffer) => messages.push(message));
  // The status tells it as well.
  call.on('error', () => {});
  const status = await new Promise<StatusObject>((resolve) => call.on('status', resolve));
  return { messages, status };
}
