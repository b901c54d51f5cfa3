// FakeDnsServer: a name server on loopback, UDP and TCP on one port, with the records of a test and the failures of its choice.

import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type Answer, AUTHORITATIVE_ANSWER, decode, encode, type Packet, TRUNCATED_RESPONSE } from 'dns-packet';

/** One record; `ttl` in seconds. */
export type FakeRecord =
  | { readonly type: 'A' | 'AAAA' | 'CNAME'; readonly ttl: number; readonly data: string }
  | {
      readonly type: 'SRV';
      readonly ttl: number;
      readonly data: {
        readonly priority: number;
        readonly weight: number;
        readonly port: number;
        readonly target: string;
      };
    };

export function srv(
  target: string,
  port: number,
  { priority = 0, weight = 0, ttl = 60 }: { priority?: number; weight?: number; ttl?: number } = {},
): FakeRecord {
  return { type: 'SRV', ttl, data: { priority, weight, port, target } };
}

export function address(ip: string, ttl = 60): FakeRecord {
  return { type: ip.includes(':') ? 'AAAA' : 'A', ttl, data: ip };
}

export function alias(target: string, ttl = 60): FakeRecord {
  return { type: 'CNAME', ttl, data: target };
}

/** A query as it arrived. */
export interface FakeDnsQuery {
  readonly transport: 'udp' | 'tcp';
  readonly id: number;
  readonly name: string;
  readonly type: string;
  /** Of the sender. */
  readonly port: number;
  /** What the sender says it takes by UDP; undefined without EDNS0. */
  readonly payloadBytes: number | undefined;
}

/** What is answered: the zone, an error code, nothing at all, or the messages that a function makes. */
export type FakeDnsBehaviour = 'zone' | 'silent' | { readonly rcode: number } | ((query: FakeDnsQuery) => Buffer[]);

export class FakeDnsServer {
  /** Records by name: lower case, without the last dot. A name without records has no data; one that is absent is NXDOMAIN. */
  readonly zone = new Map<string, readonly FakeRecord[]>();
  /** For queries whose `<type> <name>` is no key of `behaviours`. */
  behaviour: FakeDnsBehaviour = 'zone';
  /** By `<type> <name>`. */
  readonly behaviours = new Map<string, FakeDnsBehaviour>();
  /** True: aliases are followed and addresses of SRV targets sent along, as far as the zone knows them. */
  isHelpful = true;
  /** Larger answers are truncated, whatever the sender takes. */
  maxUdpBytes = 4096;
  /** True: no extension is known, and queries that have one are malformed. */
  isOld = false;
  readonly queries: FakeDnsQuery[] = [];
  #udp: UdpSocket | undefined;
  #tcp: Server | undefined;
  readonly #connections = new Set<Socket>();
  #port = 0;

  static async start(): Promise<FakeDnsServer> {
    const server = new FakeDnsServer();
    await server.start();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /** `127.0.0.1:<port>`, as `dnsHosts` has it. */
  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** On the port that it had before, if it had one. */
  async start(): Promise<void> {
    // The TCP port first: it is free for UDP as a rule, and the other way round it is not.
    const tcp = createServer((socket) => this.#serve(socket));
    await new Promise<void>((resolve, reject) => {
      tcp.once('error', reject);
      tcp.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (tcp.address() as AddressInfo).port;
    const udp = createSocket('udp4');
    await new Promise<void>((resolve, reject) => {
      udp.once('error', reject);
      udp.bind(this.#port, '127.0.0.1', resolve);
    });
    udp.on('message', (bytes, from) => this.#answerUdp(udp, bytes, from));
    this.#tcp = tcp;
    this.#udp = udp;
  }

  /** As when the process is killed: the port is closed, what is under way is reset. */
  async stop(): Promise<void> {
    for (const socket of this.#connections) socket.resetAndDestroy();
    const udp = this.#udp;
    const tcp = this.#tcp;
    this.#udp = undefined;
    this.#tcp = undefined;
    if (udp) await new Promise<void>((resolve) => udp.close(resolve));
    if (tcp) await new Promise<void>((resolve) => tcp.close(() => resolve()));
  }

  close(): Promise<void> {
    return this.stop();
  }

  /** The bytes of an answer to `query` by the zone. */
  zoneAnswer(query: FakeDnsQuery): Buffer {
    return encode(this.#packet(query));
  }

  #answerUdp(socket: UdpSocket, bytes: Buffer, from: RemoteInfo): void {
    const query = this.#receive(bytes, 'udp', from.port);
    const limit = Math.min(this.maxUdpBytes, query.payloadBytes ?? 512);
    for (const answer of this.#answers(query)) {
      const fits = answer.length <= limit || typeof this.#behaviourFor(query) === 'function';
      socket.send(fits ? answer : truncated(query), from.port, from.address);
    }
  }

  #serve(socket: Socket): void {
    this.#connections.add(socket);
    socket.on('close', () => this.#connections.delete(socket));
    socket.on('error', () => {});
    let received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const query = this.#receive(received.subarray(2, 2 + received.readUInt16BE(0)), 'tcp', socket.remotePort ?? 0);
      received = Buffer.alloc(0);
      for (const answer of this.#answers(query)) {
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        // In two pieces, as TCP may.
        socket.write(Buffer.concat([length, answer.subarray(0, 5)]));
        setImmediate(() => socket.write(answer.subarray(5)));
      }
    });
  }

  #receive(bytes: Buffer, transport: 'udp' | 'tcp', port: number): FakeDnsQuery {
    const { id = 0, questions = [], additionals = [] } = decode(bytes);
    const [question] = questions;
    const options = additionals.find((record) => record.type === 'OPT');
    const query = {
      transport,
      id,
      name: question?.name ?? '',
      type: question?.type ?? '',
      port,
      payloadBytes: options?.udpPayloadSize,
    };
    this.queries.push(query);
    return query;
  }

  #behaviourFor(query: FakeDnsQuery): FakeDnsBehaviour {
    return this.behaviours.get(`${query.type} ${query.name}`) ?? this.behaviour;
  }

  #answers(query: FakeDnsQuery): Buffer[] {
    const behaviour = this.#behaviourFor(query);
    if (behaviour === 'silent') return [];
    if (typeof behaviour === 'function') return behaviour(query);
    if (this.isOld && query.payloadBytes !== undefined) return [encode(response(query, 1))];
    if (behaviour === 'zone') return [this.zoneAnswer(query)];
    return [encode(response(query, behaviour.rcode))];
  }

  #packet(query: FakeDnsQuery): Packet {
    let { name } = query;
    const answers: Answer[] = [];
    for (let hop = 0; hop < 20; hop++) {
      const records = this.zone.get(name);
      const found = records?.filter(({ type }) => type === query.type || type === 'CNAME') ?? [];
      answers.push(...found.map((record) => answerFrom(name, record)));
      const next = found.find((record) => record.type === 'CNAME');
      if (next && this.isHelpful) {
        name = String(next.data);
        continue;
      }
      const rcode = records === undefined ? 3 : 0;
      const authorities = found.length === 0 ? [SOA] : [];
      const additionals = this.isHelpful ? this.#targetAddresses(answers) : [];
      return { ...response(query, rcode), answers, authorities, additionals };
    }
    return { ...response(query, 0), answers };
  }

  #targetAddresses(answers: readonly Answer[]): Answer[] {
    const targets = answers.flatMap((answer) => (answer.type === 'SRV' ? [answer.data.target] : []));
    return [...new Set(targets)].flatMap((target) => {
      const records = this.zone.get(target.toLowerCase()) ?? [];
      return records.filter(({ type }) => type === 'A' || type === 'AAAA').map((record) => answerFrom(target, record));
    });
  }
}

const SOA: Answer = {
  type: 'SOA',
  name: 'test',
  ttl: 60,
  data: { mname: 'ns.test', rname: 'admin.test', serial: 1, refresh: 60, retry: 60, expire: 60, minimum: 60 },
};

/** A message without records that echoes the question. */
export function response({ id, name, type }: FakeDnsQuery, rcode: number): Packet {
  return {
    type: 'response',
    id,
    flags: AUTHORITATIVE_ANSWER | rcode,
    questions: [{ type: type as 'SRV', name, class: 'IN' }],
  };
}

function truncated(query: FakeDnsQuery): Buffer {
  const packet = response(query, 0);
  return encode({ ...packet, flags: (packet.flags ?? 0) | TRUNCATED_RESPONSE });
}

function answerFrom(name: string, record: FakeRecord): Answer {
  return record.type === 'SRV'
    ? { type: 'SRV', name, ttl: record.ttl, class: 'IN', data: record.data }
    : { type: record.type, name, ttl: record.ttl, class: 'IN', data: record.data };
}
