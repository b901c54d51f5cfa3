// Naming of a configuration: its namers, interpreters and transformers in, what binds names out; for the gateway, and for
// commands that only ask how a name is bound.

import type { LinkerdConfig, RouterConfig } from '../config/schema/linkerd.js';
import type { KindTable, PrefixedPlugin } from '../config/schema/plugins.js';
import type { State } from './base/activity.js';
import type { Bound } from './base/addr.js';
import type { Clock } from './base/clock.js';
import type { Closable } from './base/closable.js';
import { EMPTY_DTAB } from './base/dtab.js';
import type { Kind } from './base/kind.js';
import type { MetricsScope } from './base/metrics.js';
import type { NameTree } from './base/name-tree.js';
import type { Path } from './base/path.js';
import type { Random } from './base/random.js';
import { makePlugin } from './make-plugin.js';
import { bindPath } from './naming/bind.js';
import { makeSystemNamer } from './naming/built-in-namers.js';
import type { Interpreter, InterpreterContext } from './naming/interpreter.js';
import type { Namer, NamerContext, SystemNamer, SystemNamerKind } from './naming/namer.js';
import { transformInterpreter, transformNamer } from './naming/transformed.js';
import type { Transformer, TransformerContext } from './naming/transformer.js';
import { metricName } from './router/client-cache.js';

/** The part of the kind table that names are bound by. */
export interface NamingKinds extends KindTable {
  readonly namer: readonly Kind<unknown, NamerContext, Namer>[];
  readonly interpreter: readonly Kind<unknown, InterpreterContext, Interpreter>[];
  readonly transformer: readonly Kind<unknown, TransformerContext, Transformer>[];
  /** Built-in names `/$/<name>` that speak to a registry. */
  readonly systemNamers: readonly SystemNamerKind[];
}

export interface NamingContext {
  /** The root of the metrics tree. */
  readonly metrics: MetricsScope;
  readonly clock: Clock;
  readonly random: Random;
}

export interface LinkedNaming extends Closable {
  /** In the order of the file. */
  readonly namers: readonly Namer[];
  readonly system: SystemNamer;
  /**
   * What binds the names of a router of the file. Its maker closes it, before this. The label, which names its metrics, is
   * the router's.
   */
  interpreter(router: Pick<RouterConfig, 'label' | 'interpreter' | 'dtab'>): Interpreter;
}

/** The namers of a file and the built-in ones. Starts nothing. Throws what a part's `make` throws, after closing the others. */
export function linkNaming(plugins: LinkerdConfig['namers'], kinds: NamingKinds, context: NamingContext): LinkedNaming {
  return new Naming(plugins, kinds, context);
}

class Naming implements LinkedNaming {
  readonly namers: readonly Namer[];
  readonly system: SystemNamer;
  readonly #kinds: NamingKinds;
  readonly #context: NamingContext;
  readonly #closables: Closable[] = [];

  constructor(plugins: LinkerdConfig['namers'], kinds: NamingKinds, context: NamingContext) {
    this.#kinds = kinds;
    this.#context = context;
    const system = makeSystemNamer({ ...context, more: kinds.systemNamers });
    this.#closables.push(system);
    this.system = system;
    try {
      this.namers = plugins.map((plugin) => this.#makeNamer(plugin));
    } catch (error) {
      void this.close();
      throw error;
    }
  }

  interpreter({ label, interpreter: plugin, dtab }: Parameters<LinkedNaming['interpreter']>[0]): Interpreter {
    const { metrics, clock, random } = this.#context;
    const interpreter = makePlugin(this.#kinds.interpreter, plugin, {
      dtab,
      namers: this.namers,
      system: this.system,
      metrics: metrics.scope('rt', label, 'interpreter', plugin.kind.kind),
      clock,
      random,
    });
    if (interpreter.ageMs) this.#showAge(`${label}/${plugin.kind.kind}`, () => interpreter.ageMs?.());
    return transformInterpreter(interpreter, this.#transformers(plugin.transformers));
  }

  async close(): Promise<void> {
    for (const closable of this.#closables.splice(0).reverse()) await closable.close();
  }

  #makeNamer(plugin: LinkerdConfig['namers'][number]): Namer {
    const { metrics, clock, random } = this.#context;
    const { prefix } = plugin;
    const name = metricName(prefix.drop(1));
    const context = { prefix, metrics: metrics.scope('namer', name), clock, random };
    const namer = transformNamer(
      makePlugin(this.#kinds.namer, plugin, context),
      this.#transformers(plugin.transformers),
    );
    this.#closables.push(namer);
    if (namer.ageMs) this.#showAge(name, () => namer.ageMs?.());
    return namer;
  }

  #transformers(plugins: readonly PrefixedPlugin[]): readonly Transformer[] {
    const { metrics, clock, random } = this.#context;
    return plugins.map((plugin) => {
      const transformer = makePlugin(this.#kinds.transformer, plugin, {
        prefix: plugin.prefix,
        bind: (path) => this.#bind(path),
        metrics: metrics.scope('transformer', metricName(plugin.prefix.drop(1))),
        clock,
        random,
      });
      this.#closables.push(transformer);
      return transformer;
    });
  }

  /** Runs inside `computed`, as all binding does. */
  #bind(path: Path): State<NameTree<Bound>> {
    return bindPath({ dtab: EMPTY_DTAB, namers: this.namers.toReversed(), system: this.system }, path);
  }

  /** Not a number while nothing is watched: then writers leave it out. */
  #showAge(name: string, ageMs: () => number | undefined): void {
    this.#context.metrics.gauge(['namer_state_age_seconds', name], () => (ageMs() ?? Number.NaN) / 1000);
  }
}
