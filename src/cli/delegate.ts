// `linkgate delegate`: a path in, every step of the way to addresses out, drawn for people or as /delegator.json has it.

import { computed } from '@preact/signals-core';
import type { RouterConfig } from '../../config/schema/linkerd.js';
import { type Activity, constant, firstSettled, mapActivity, observe, PENDING, type State } from '../base/activity.js';
import { realClock } from '../base/clock.js';
import { type Dtab, EMPTY_DTAB } from '../base/dtab.js';
import { MetricsScope } from '../base/metrics.js';
import { parseDtab, parsePath } from '../base/name-grammar.js';
import type { Path } from '../base/path.js';
import { realRandom } from '../base/random.js';
import { kinds as builtIn } from '../kinds.js';
import { linkNaming, type NamersSource } from '../link-naming.js';
import type { Kinds } from '../linker.js';
import { DELEGATION_TIMEOUT_MS, type DelegateTree, delegateTreeJson } from '../naming/delegate-tree.js';
import { makeDtabInterpreter } from '../naming/dtab-interpreter.js';
import type { Interpreter } from '../naming/interpreter.js';
import { Parts } from '../parts.js';
import { rawList } from '../raw-config.js';
import { type Arguments, type Command, InputError, UsageError } from './command.js';
import { drawDelegation } from './draw-delegation.js';
import { readConfig } from './read-config.js';
import { parseGiven, readText } from './read-text.js';
import type { Terminal } from './terminal.js';

export const delegateCommand: Command = {
  name: 'delegate',
  summary: 'show every step from a name to addresses',
  operand: '<path>',
  operandHelp: 'the name of a request, e.g. /svc/web for "Host: web"',
  options: {
    config: { value: '<file>', help: 'use the dtab and the namers of this configuration; - for stdin' },
    router: { value: '<label>', help: 'its router of that label; default: the first' },
    dtab: { value: '<dtab>', help: 'more rules, which win, as in an l5d-dtab header; @file, or - for stdin' },
    json: { help: 'what /delegator.json answers' },
  },
  details: `✓ marks the way that traffic takes now; behind ← stands the rule that led to a line.
The registries are asked as the gateway would ask them, for at most two seconds. Without
--config there are only the built-in namers, /$/….
`,
  examples: [
    'linkgate delegate --config config/quickstart.yaml /svc/web',
    "linkgate delegate --config config/quickstart.yaml --dtab '/svc/web => /srv/web-v2' /svc/web",
    "linkgate delegate --dtab '/svc => /$/inet/127.0.0.1' /svc/8080",
    'linkgate delegate --json --config config/quickstart.yaml /svc/web',
  ],
  run: delegate,
};

async function delegate(args: Arguments, terminal: Terminal): Promise<number> {
  const config = args.value('config');
  if (config === undefined && args.has('router')) throw new UsageError('--router needs --config <file>');
  if (config === '-' && args.value('dtab') === '-') throw new UsageError('--config and --dtab cannot both be stdin');
  const path = parseGiven('path', { text: args.operand, file: undefined }, parsePath);
  const local = parseGiven('dtab', await readText(args.value('dtab') ?? '', terminal), parseDtab);
  const router = config === undefined ? undefined : await readRouter(config, args.value('router'), terminal);

  const parts = new Parts();
  const draft = parts.begin();
  const naming = linkNaming(router?.namers ?? { plugins: [], raw: [] }, {
    kinds: router?.kinds ?? builtIn,
    parts: draft,
    metrics: new MetricsScope(),
    clock: realClock,
    random: realRandom,
  });
  const interpreter = router
    ? naming.interpreter({ ...router.config, raw: router.config.label })
    : makeDtabInterpreter({ ...naming, dtab: constant(EMPTY_DTAB) });
  draft.commit();
  const question = { path, base: router?.config.dtab ?? EMPTY_DTAB, local };
  try {
    return await (args.has('json') ? answerJson : answerDrawing)(interpreter, question, terminal);
  } finally {
    await parts.close();
  }
}

interface GivenRouter {
  readonly config: RouterConfig;
  readonly namers: NamersSource;
  readonly kinds: Kinds;
}

async function readRouter(file: string, label: string | undefined, terminal: Terminal): Promise<GivenRouter> {
  const read = await readConfig(file, terminal);
  if (!read.ok) throw new InputError(`the configuration is refused\n${read.report.trimEnd()}`);
  const {
    kinds,
    config: { routers, namers: plugins },
    raw,
  } = read;
  const namers = { plugins, raw: rawList(raw, 'namers') };
  const config = label === undefined ? routers[0] : routers.find((router) => router.label === label);
  if (config) return { config, namers, kinds };
  const labels = routers.map((router) => `"${router.label}"`).join(', ');
  throw new InputError(`${read.file} has no router "${label}", it has ${labels}`);
}

export interface Question {
  readonly path: Path;
  /** The router's dtab. */
  readonly base: Dtab;
  /** What `--dtab` adds to it. */
  readonly local: Dtab;
}

/** Throws InputError when the delegation fails, or is not settled in time. */
export async function answerJson(interpreter: Interpreter, question: Question, terminal: Terminal): Promise<number> {
  const settled = await firstSettled(
    mapActivity(delegationOf(interpreter, question), delegateTreeJson),
    DELEGATION_TIMEOUT_MS,
  );
  if (settled.state !== 'ok') throw new InputError(settled.state === 'failed' ? settled.error.message : LATE);
  terminal.out(`${JSON.stringify(settled.value)}\n`);
  return 0;
}

/** As `answerJson`, but draws what is known in time first. */
export async function answerDrawing(interpreter: Interpreter, question: Question, terminal: Terminal): Promise<number> {
  const delegation = delegationOf(interpreter, question);
  const binding = interpreter.bind(question.local, question.path);
  const complete = computed((): State<DelegateTree> => {
    const { state } = binding.value;
    const tree = delegation.value;
    if (tree.state !== 'ok' || state === 'pending') return tree.state === 'failed' ? tree : PENDING;
    return delegateTreeJson(tree.value).state === 'ok' ? tree : PENDING;
  });
  // Until it is drawn: addresses that nobody observes are forgotten.
  const stop = observe(complete, () => {});
  try {
    const settled = await firstSettled(complete, DELEGATION_TIMEOUT_MS);
    const tree = delegation.value;
    if (tree.state !== 'ok') throw new InputError(tree.state === 'failed' ? tree.error.message : LATE);
    terminal.out(drawDelegation(tree.value, binding.value, terminal.colours));
    // Part of an answer is better than none, but it is not the answer.
    if (settled.state !== 'ok') throw new InputError(LATE);
    return 0;
  } finally {
    stop();
  }
}

const LATE = `not all is known after ${DELEGATION_TIMEOUT_MS / 1000} s: a registry or a name server does not answer`;

function delegationOf(interpreter: Interpreter, { path, base, local }: Question): Activity<DelegateTree> {
  const delegation = interpreter.delegate?.(path, base.concat(local));
  if (!delegation) throw new InputError("the router's interpreter cannot show delegations");
  return delegation;
}
