// The identifiers of a router of the configuration in: one for each prefix and exposure of its listeners, and the sources of
// their routes, which are those in use where the configuration says the same of them.

import type { RouterConfig } from '../config/schema/linkerd.js';
import { canonicalJson } from './base/canonical-json.js';
import type { Clock } from './base/clock.js';
import type { Kind } from './base/kind.js';
import type { MetricsScope } from './base/metrics.js';
import type { Path } from './base/path.js';
import type { Random } from './base/random.js';
import { type Identifier, type IdentifierContext, identifyFirst, type RouteSource } from './identifier/identifier.js';
import { makePlugin } from './make-plugin.js';
import type { Exposure } from './naming/publication.js';
import type { PartsDraft } from './parts.js';
import { rawValue } from './raw-config.js';

export interface LinkIdentifiersContext {
  readonly kinds: { readonly identifier: readonly Kind<unknown, IdentifierContext, Identifier>[] };
  readonly parts: PartsDraft;
  readonly clock: Clock;
  readonly random: Random;
  /** `rt/<label>`. */
  readonly metrics: MetricsScope;
}

/** A source, and the kind of the identifier that it is for. */
export interface LinkedSource {
  readonly kind: string;
  readonly source: RouteSource;
}

export class LinkedIdentifiers {
  readonly #config: RouterConfig;
  readonly #words: readonly string[];
  readonly #context: LinkIdentifiersContext;
  readonly #made = new Map<string, Identifier>();
  /** By the place of its entry in the list. */
  readonly #sources = new Map<number, LinkedSource>();

  /** @param raw the router as the file has it */
  constructor(config: RouterConfig, raw: unknown, context: LinkIdentifiersContext) {
    this.#config = config;
    this.#context = context;
    const words = rawValue(raw, 'identifier');
    this.#words = (Array.isArray(words) ? words : [words]).map(canonicalJson);
  }

  /** Of the identifiers that were asked for so far, in the order of the file. */
  get sources(): readonly LinkedSource[] {
    return [...this.#sources].sort(([a], [b]) => a - b).map(([, source]) => source);
  }

  /** One for the same. Throws what making an identifier throws. */
  identifier(dstPrefix: Path, exposure: Exposure): Identifier {
    const key = `${exposure} ${dstPrefix.show()}`;
    let identify = this.#made.get(key);
    if (!identify) {
      identify = identifyFirst(this.#config.identifier.map((_, i) => this.#make(i, dstPrefix, exposure)));
      this.#made.set(key, identify);
    }
    return identify;
  }

  #make(i: number, dstPrefix: Path, exposure: Exposure): Identifier {
    const { kinds, clock, random, metrics } = this.#context;
    const plugin = this.#config.identifier[i] as RouterConfig['identifier'][number];
    const { kind } = plugin.kind;
    return makePlugin(kinds.identifier, plugin, {
      dstPrefix,
      exposure,
      source: (make) => this.#source(i, kind, make),
      clock,
      random,
      metrics: metrics.scope('identifier', kind),
    });
  }

  #source<Source extends RouteSource>(i: number, kind: string, make: () => Source): Source {
    const known = this.#sources.get(i)?.source as Source | undefined;
    if (known) return known;
    const words = `route source of ${this.#config.label} ${this.#words[i] ?? ''}`;
    const source = this.#context.parts.use(words, make);
    this.#sources.set(i, { kind, source });
    return source;
  }
}
