// io.l5d.consul.interpreter: a key of Consul's store in, the bindings by the dtab that is its value out.

import { failed, mapActivity, ok, type State } from '../../src/base/activity.js';
import type { Backoff } from '../../src/base/backoff.js';
import { type Dtab, EMPTY_DTAB, showDtab } from '../../src/base/dtab.js';
import { type Logger, makeLogger } from '../../src/base/log.js';
import { parseDtab } from '../../src/base/name-grammar.js';
import { briefly, ParseError } from '../../src/base/parse-error.js';
import { type Path, textFromBytes } from '../../src/base/path.js';
import type { Interpreter, InterpreterContext } from '../../src/naming/interpreter.js';
import { makeLiveDtabInterpreter } from '../../src/naming/live-dtab-interpreter.js';
import type { ClientTls } from '../shared/api-tls.js';
import { RegistryWatches, type WatchDefinition } from '../shared/registry-watch.js';
import { repeatBlockingQuery } from './blocking-query.js';
import { type ConsistencyMode, type ConsulAnswer, ConsulClient, type ConsulQuery, queryParameters } from './client.js';

export interface ConsulInterpreterOptions extends InterpreterContext {
  readonly host: string;
  readonly port: number;
  readonly pathPrefix: Path;
  /** Name of the key below `pathPrefix`. */
  readonly namespace: string;
  readonly token?: string | undefined;
  /** Default: the agent's own. */
  readonly datacenter?: string | undefined;
  readonly readConsistencyMode: ConsistencyMode;
  /** Waits after failures in a row. */
  readonly backoff: Backoff;
  readonly tls?: ClientTls | undefined;
  readonly log?: Logger;
  /** From the last observer's leaving to the end of the watch, in milliseconds. Default 10,000. */
  readonly lingerMs?: number;
}

/** Consul takes values of 512 KiB. */
const MAX_ANSWER_BYTES = 1024 * 1024;

const NO_SUCH_KEY = 404;

/**
 * Its dtab comes before the router's. No such key: an empty dtab. A value that is no dtab: the last one that was, or a failure
 * with the parser's message while there has been none; over as soon as the value is mended.
 */
export function makeConsulInterpreter(options: ConsulInterpreterOptions): Interpreter {
  const {
    clock,
    random,
    metrics,
    backoff,
    lingerMs,
    log = makeLogger('interpreter.io.l5d.consul.interpreter'),
  } = options;
  const client = new ConsulClient({ ...options, maxAnswerBytes: MAX_ANSWER_BYTES });
  const { registry } = client;
  const watches = new RegistryWatches({
    registry,
    clock,
    random,
    log,
    metrics,
    backoff,
    ...(lingerMs !== undefined && { lingerMs }),
  });
  const key = [...options.pathPrefix.elements.map(textFromBytes), options.namespace].join('/');
  const { value } = watches.watch(key, () => watchDtab(key, client, options));
  return {
    ...makeLiveDtabInterpreter({ ...options, live: mapActivity(value, (dtab) => dtab) }),
    state: () => ({ registry, dtab: showState(value.peek()), watches: watches.state() }),
    ageMs: () => watches.ageMs(),
    close: async () => {
      await watches.close();
      client.close();
    },
  };
}

/** The value of the key: ok with the dtab to use, or failed when it has never been one. */
function watchDtab(
  key: string,
  client: ConsulClient,
  { clock, datacenter = '', readConsistencyMode }: ConsulInterpreterOptions,
): WatchDefinition<State<Dtab>> {
  const query: ConsulQuery = {
    path: `/v1/kv/${key.split('/').map(encodeURIComponent).join('/')}`,
    datacenter,
    parameters: { raw: 'true', ...queryParameters(readConsistencyMode, datacenter) },
    alsoAnswers: [NO_SUCH_KEY],
  };
  let lastGood: Dtab | undefined;
  return {
    run(report, signal) {
      const onAnswer = (answer: ConsulAnswer): boolean => {
        const now = readDtab(answer);
        if (typeof now !== 'string') lastGood = now;
        else report.complain(`${now}; ${lastGood ? 'the dtab before it stays in use' : 'there is no dtab yet'}`);
        report.update(lastGood ? ok(lastGood) : failed(new Error(`${client.registry}: ${key}: ${String(now)}`)));
        return true;
      };
      return repeatBlockingQuery({ client, query, clock, signal, onAnswer });
    },
    same: (a, b) => showState(a) === showState(b),
  };
}

/** Text: what is wrong with the value. */
function readDtab({ status, body }: ConsulAnswer): Dtab | string {
  if (status === NO_SUCH_KEY) return EMPTY_DTAB;
  const text = body.toString('utf8');
  try {
    return parseDtab(text);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return `the value is no dtab: ${briefly(error, text)}`;
  }
}

function showState(dtab: State<State<Dtab>> | State<Dtab>): string {
  switch (dtab.state) {
    case 'pending':
      return 'pending';
    case 'failed':
      return dtab.error.message;
    case 'ok':
      return 'state' in dtab.value ? showState(dtab.value) : showDtab(dtab.value);
    default:
      return dtab satisfies never;
  }
}
