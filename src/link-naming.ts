// Naming of a configuration: its namers, interpreters and transformers in, what binds names out; for the gateway, and for
// commands that only ask how a name is bound.

import type { LinkerdConfig, RouterConfig } from '../config/schema/linkerd.js';
import type { KindTable, PrefixedPlugin } from '../config/schema/plugins.js';
import type { State } from './base/activity.js';
import type { Bound } from './base/addr.js';
import { canonicalJson } from './base/canonical-json.js';
import type { Clock } from './base/clock.js';
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
import type { PartsDraft } from './parts.js';
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
  readonly kinds: NamingKinds;
  /** Where its parts are made or found. */
  readonly parts: PartsDraft;
  /** The root of the metrics tree. */
  readonly metrics: MetricsScope;
  readonly clock: Clock;
  readonly random: Random;
}

/** `namers:` of a file. */
export interface NamersSource {
  readonly plugins: LinkerdConfig['namers'];
  /** The same as the file has them: two namers of the same words are one. */
  readonly raw: readonly unknown[];
}

export interface RouterNaming extends Pick<RouterConfig, 'label' | 'interpreter' | 'dtab'> {
  /** `interpreter` and `dtab` as the file has them. */
  readonly raw: unknown;
}

export interface LinkedNaming {
  /** In the order of the file. */
  readonly namers: readonly Namer[];
  readonly system: SystemNamer;
  /** The same as before when namers, interpreter and dtab are. The label, which names its metrics, is the router's. */
  interpreter(router: RouterNaming): Interpreter;
}

/** The namers of a file and the built-in ones. Starts nothing. Throws what a part's `make` throws. */
export function linkNaming(source: NamersSource, context: NamingContext): LinkedNaming {
  return new Naming(source, context);
}

class Naming implements LinkedNaming {
  readonly namers: readonly Namer[];
  readonly system: SystemNamer;
  readonly #context: NamingContext;
  /** What transformers and interpreters depend on: any of the namers may be asked. */
  readonly #words: string;

  constructor({ plugins, raw }: NamersSource, context: NamingContext) {
    this.#context = context;
    const { kinds, parts, ...shared } = context;
    this.#words = canonicalJson(raw);
    this.system = parts.use('system namer', () => makeSystemNamer({ ...shared, more: kinds.systemNamers }));
    this.namers = plugins.map((plugin, i) => this.#namer(plugin, raw[i]));
  }

  interpreter({ label, interpreter: plugin, dtab, raw }: RouterNaming): Interpreter {
    const { kinds, parts, metrics, clock, random } = this.#context;
    const words = `${label} ${canonicalJson(raw)} ${this.#words}`;
    const interpreter = parts.use(`interpreter ${words}`, () =>
      makePlugin(kinds.interpreter, plugin, {
        dtab,
        namers: this.namers,
        system: this.system,
        metrics: metrics.scope('rt', label, 'interpreter', plugin.kind.kind),
        clock,
        random,
      }),
    );
    if (interpreter.ageMs) this.#showAge(`${label}/${plugin.kind.kind}`, () => interpreter.ageMs?.());
    if (plugin.transformers.length === 0) return interpreter;
    const transformers = this.#transformers(plugin.transformers, `interpreter ${words}`);
    return parts.use(`transformed interpreter ${words}`, () => transformInterpreter(interpreter, transformers));
  }

  #namer(plugin: LinkerdConfig['namers'][number], raw: unknown): Namer {
    const { kinds, parts, metrics, clock, random } = this.#context;
    const { prefix, transformers: plugins } = plugin;
    const name = metricName(prefix.drop(1));
    // Without its transformers: a watch need not begin anew for another of those.
    const words = canonicalJson({ ...(raw as object), transformers: undefined });
    const namer = parts.use(`namer ${words}`, () =>
      makePlugin(kinds.namer, plugin, { prefix, metrics: metrics.scope('namer', name), clock, random }),
    );
    if (namer.ageMs) this.#showAge(name, () => namer.ageMs?.());
    if (plugins.length === 0) return namer;
    const transformed = `namer ${canonicalJson(raw)} ${this.#words}`;
    const transformers = this.#transformers(plugins, transformed);
    return parts.use(`transformed ${transformed}`, () => transformNamer(namer, transformers));
  }

  /** `words` of what they transform, which hold theirs. */
  #transformers(plugins: readonly PrefixedPlugin[], words: string): readonly Transformer[] {
    const { kinds, parts, metrics, clock, random } = this.#context;
    return plugins.map((plugin, i) =>
      parts.use(`transformer ${i} of ${words}`, () =>
        makePlugin(kinds.transformer, plugin, {
          prefix: plugin.prefix,
          bind: (path) => this.#bind(path),
          metrics: metrics.scope('transformer', metricName(plugin.prefix.drop(1))),
          clock,
          random,
        }),
      ),
    );
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
