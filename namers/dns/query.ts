// Queries: a question and the name servers in order in, the records that answer it out; the next server is asked where one
// fails, and aliases are followed.

import { GarbageError } from '../shared/registry-watch.js';
import { type AskOptions, askServer, type DnsServer } from './ask-server.js';
import { type AliasRecord, type DnsAnswer, type DnsRecord, NO_ERROR, NO_SUCH_NAME, type Question } from './message.js';

export interface QueryOptions extends AskOptions {
  /** In order of preference; not empty. An answer of the first one that gives any is final, also that there is none. */
  readonly servers: readonly DnsServer[];
}

/** What DNS says to a question. */
export interface QueryResult {
  /** Records of the type that was asked for; empty when there is no such name, or nothing of that type. */
  readonly records: readonly DnsRecord[];
  /** What the server told beside: often the addresses of SRV targets. */
  readonly additionals: readonly DnsRecord[];
  /** Seconds until a record on the way has to be asked for again; infinite without records. */
  readonly ttl: number;
}

/** All servers failed: the message says what each of them did. */
export class QueryError extends Error {}

/** Aliases in a row; more is a loop, or as good as one. */
const MAX_ALIASES = 8;

/** Rejects with QueryError, or GarbageError when nonsense was among the failures, when no server answered. */
export async function query(question: Question, options: QueryOptions): Promise<QueryResult> {
  let { name } = question;
  let ttl = Number.POSITIVE_INFINITY;
  let aliases = 0;
  for (;;) {
    const asked = name;
    const answer = await askServers({ ...question, name }, options);
    // The alias and what it leads to are in one answer as a rule; if they are not, the next one is asked for.
    for (let alias = aliasOf(name, answer); alias; alias = aliasOf(name, answer)) {
      aliases += 1;
      if (aliases > MAX_ALIASES) throw new QueryError(`${show(question)}: more than ${MAX_ALIASES} aliases in a row`);
      name = alias.target;
      ttl = Math.min(ttl, alias.ttl);
    }
    const wanted = question.type === 'SRV' ? 'srv' : 'address';
    const records = answer.answers.filter((record) => record.type === wanted && record.name === name);
    for (const record of records) ttl = Math.min(ttl, record.ttl);
    // Of a chain that ends in no such name, or in the root, there is no more to ask.
    if (records.length > 0 || name === asked || answer.rcode === NO_SUCH_NAME || name === '') {
      return { records, additionals: answer.additionals, ttl };
    }
  }
}

function aliasOf(name: string, { answers }: DnsAnswer): AliasRecord | undefined {
  for (const record of answers) if (record.type === 'alias' && record.name === name) return record;
  return undefined;
}

/** A packet may be lost, so all are asked twice before it is given up. */
const ROUNDS = 2;

/** Each server in order. NXDOMAIN is an answer; SERVFAIL, REFUSED, silence and nonsense are not. */
async function askServers(question: Question, options: QueryOptions): Promise<DnsAnswer> {
  const failures = new Set<string>();
  let isGarbage = false;
  for (let round = 0; round < ROUNDS; round++) {
    for (const server of options.servers) {
      try {
        const answer = await askServer(server, question, options);
        if (answer.isReferral) throw new Error('it only names other servers');
        if (answer.rcode === NO_ERROR || answer.rcode === NO_SUCH_NAME) return answer;
        throw new Error(`it answered ${RCODES.get(answer.rcode) ?? `code ${answer.rcode}`}`);
      } catch (error) {
        if (options.signal.aborted) throw error;
        isGarbage ||= error instanceof GarbageError;
        failures.add(`${showServer(server)}: ${(error as Error).message}`);
      }
    }
  }
  const message = `${show(question)}: ${[...failures].join('; ')}`;
  throw isGarbage ? new GarbageError(message) : new QueryError(message);
}

const RCODES: ReadonlyMap<number, string> = new Map([
  [1, 'FORMERR'],
  [2, 'SERVFAIL'],
  [4, 'NOTIMP'],
  [5, 'REFUSED'],
  [9, 'NOTAUTH'],
]);

function show({ name, type }: Question): string {
  return `${type} of "${name}."`;
}

function showServer({ ip, port }: DnsServer): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}
