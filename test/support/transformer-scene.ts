// TransformerScene: a transformer as a configuration makes it, put behind a fake namer, with what comes out as text.

import { effect } from '@preact/signals-core';
import type { State } from '../../src/base/activity.js';
import { constant } from '../../src/base/activity.js';
import { type Addr, type Bound, showAddress } from '../../src/base/addr.js';
import { EMPTY_DTAB } from '../../src/base/dtab.js';
import type { Kind } from '../../src/base/kind.js';
import { MetricsScope } from '../../src/base/metrics.js';
import { parseDtab, parsePath } from '../../src/base/name-grammar.js';
import { type NameTree, NEG } from '../../src/base/name-tree.js';
import type { Path } from '../../src/base/path.js';
import { seededRandom } from '../../src/base/random.js';
import { bindPath } from '../../src/naming/bind.js';
import { makeDtabInterpreter } from '../../src/naming/dtab-interpreter.js';
import type { Interpreter } from '../../src/naming/interpreter.js';
import type { Namer, SystemNamer } from '../../src/naming/namer.js';
import { transformInterpreter, transformNamer } from '../../src/naming/transformed.js';
import type { Transformer, TransformerContext } from '../../src/naming/transformer.js';
import { FakeNamer } from './fake-namer.js';
import { makeKind } from './make-kind.js';
import { ManualClock } from './manual-clock.js';

export class TransformerScene {
  readonly namer = new FakeNamer('/#/fake');
  readonly clock = new ManualClock();
  readonly transformers: Transformer[] = [];
  /** What `/$/…` and `bind` are asked: without the transformers. */
  readonly #system: SystemNamer = { lookup: () => constant(NEG) };

  /** `prefix` as the configuration reader has it: `/%/<kind>` unless it is configured. */
  make(kind: Kind<unknown, TransformerContext, Transformer>, config: object, prefix = `/%/${kind.kind}`): Transformer {
    const transformer = makeKind(kind, config, this.context(parsePath(prefix)));
    this.transformers.push(transformer);
    return transformer;
  }

  context(prefix: Path, namers: () => readonly Namer[] = () => [this.namer]): TransformerContext {
    return {
      prefix,
      bind: (path) => bindPath({ dtab: EMPTY_DTAB, namers: namers(), system: this.#system }, path),
      clock: this.clock,
      random: seededRandom(1),
      metrics: new MetricsScope(),
    };
  }

  /** The transformers made so far, at the interpreter. */
  interpreter(dtab = ''): Interpreter {
    const inner = makeDtabInterpreter({ dtab: constant(parseDtab(dtab)), namers: [this.namer], system: this.#system });
    return transformInterpreter(inner, this.transformers);
  }

  /** The transformers made so far, at the namer; bound by a dtab without any at the interpreter. */
  throughNamer(dtab = ''): Interpreter {
    const namer = transformNamer(this.namer, this.transformers);
    return makeDtabInterpreter({ dtab: constant(parseDtab(dtab)), namers: [namer], system: this.#system });
  }

  close(): void {
    for (const transformer of this.transformers) void transformer.close();
  }
}

/** What following a name has shown. */
export interface FollowedBinding {
  /** As `showBinding`. */
  readonly now: string;
  /** Every `now` so far. */
  readonly history: readonly string[];
  stop(): void;
}

export function follow(interpreter: Interpreter, path: string): FollowedBinding {
  const binding = interpreter.bind(EMPTY_DTAB, parsePath(path));
  const history: string[] = [];
  const stop = effect(() => void history.push(showBinding(binding.value)));
  return {
    get now() {
      return history.at(-1) ?? '';
    },
    history,
    stop,
  };
}

/** `/id (host:port host:port*2)`, with `+ /residual` behind the id; `neg`, `pending` or `error <message>` for either part. */
export function showBinding(state: State<NameTree<Bound>>): string {
  if (state.state === 'pending') return 'pending';
  return state.state === 'failed' ? `error ${state.error.message}` : showTree(state.value);
}

function showTree(tree: NameTree<Bound>): string {
  switch (tree.type) {
    case 'leaf': {
      const { id, residual, addr } = tree.value;
      return `${id.show()}${residual.isEmpty ? '' : ` + ${residual.show()}`} (${showAddr(addr.value)})`;
    }
    case 'union':
      return tree.branches.map(({ weight, tree: branch }) => `${weight} * ${showTree(branch)}`).join(' & ');
    default:
      return tree.type;
  }
}

function showAddr(addr: Addr): string {
  if (addr.state === 'failed') return `error ${addr.error.message}`;
  if (addr.state !== 'bound') return addr.state;
  return addr.addresses.map((a) => `${showAddress(a)}${a.weight === 1 ? '' : `*${a.weight}`}`).join(' ');
}
