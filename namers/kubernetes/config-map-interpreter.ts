// io.l5d.k8s.configMap: binds names by a dtab in a ConfigMap, which may change at any time, and the router's behind it.

import type { Clock } from '../../src/base/clock.js';
import { type Dtab, EMPTY_DTAB, showDtab } from '../../src/base/dtab.js';
import { type Logger, makeLogger } from '../../src/base/log.js';
import type { MetricsScope } from '../../src/base/metrics.js';
import { parseDtab } from '../../src/base/name-grammar.js';
import { briefly, ParseError } from '../../src/base/parse-error.js';
import type { Random } from '../../src/base/random.js';
import type { Interpreter, InterpreterContext } from '../../src/naming/interpreter.js';
import { makeLiveDtabInterpreter } from '../../src/naming/live-dtab-interpreter.js';
import { RegistryWatches } from '../shared/registry-watch.js';
import { CollectionWatch, type StreamTimes } from './collection-watch.js';
import { objectIn, textIn } from './json.js';
import type { KubeApi } from './kube-api.js';

export interface ConfigMapInterpreterOptions extends Pick<InterpreterContext, 'dtab' | 'namers' | 'system'> {
  /** Owned from now on: closed with the interpreter. */
  readonly api: KubeApi;
  readonly namespace: string;
  readonly name: string;
  /** The key of the ConfigMap that holds the dtab. */
  readonly filename: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: MetricsScope;
  readonly log?: Logger;
  readonly lingerMs?: number;
  readonly stream?: StreamTimes;
}

/**
 * No ConfigMap, or no such key in it: an empty dtab. One that does not parse: the last one that did stays, an empty one when
 * there was none. While the API server has never answered, nothing is bound, and the error is given.
 */
export function makeConfigMapInterpreter(options: ConfigMapInterpreterOptions): Interpreter {
  const { api, namespace, name, filename, clock, random, metrics, lingerMs, stream } = options;
  const watches = new RegistryWatches({
    registry: api.registry,
    clock,
    random,
    metrics,
    log: options.log ?? makeLogger('interpreter.io.l5d.k8s.configMap'),
    ...(lingerMs !== undefined && { lingerMs }),
  });
  const configMaps = new CollectionWatch<Dtab>({
    api,
    path: `/api/v1/namespaces/${namespace}/configmaps`,
    name,
    project: (object) => dtabIn(objectIn(object.data, 'data')[filename], filename),
    clock,
    random,
    metrics: metrics.scope('service'),
    ...(stream && { stream }),
  });
  const watch = watches.watch<Dtab>(`configmap ${namespace}/${name} ${filename}`, () => ({
    run: (report, signal) =>
      configMaps.run(
        {
          replace: (items) => report.update(items.get(name) ?? EMPTY_DTAB),
          change: (changed, _before, after) => {
            if (changed === name) report.update(after ?? EMPTY_DTAB);
          },
          confirm: () => report.confirm(),
          complain: (message) => report.complain(message),
        },
        signal,
      ),
    same: (a, b) => showDtab(a) === showDtab(b),
  }));
  return {
    ...makeLiveDtabInterpreter({ ...options, live: watch.value }),
    state: () => {
      const now = watch.value.peek();
      return {
        registry: api.registry,
        watches: watches.state(),
        dtab: now.state === 'ok' ? showDtab(now.value) : null,
      };
    },
    ageMs: () => watches.ageMs(),
    close: async () => {
      await watches.close();
      api.close();
    },
  };
}

/** Throws when it is none. */
function dtabIn(value: unknown, filename: string): Dtab {
  const text = textIn(value, filename);
  if (text === undefined) return EMPTY_DTAB;
  try {
    return parseDtab(text);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    throw new Error(`${filename} is no dtab: ${briefly(error, text)}`, { cause: error });
  }
}
