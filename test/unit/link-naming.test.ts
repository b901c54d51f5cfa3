import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { parseConfig, showConfigError } from '../../config/schema/parse.js';
import { constant } from '../../src/base/activity.js';
import { defineKind } from '../../src/base/kind.js';
import { MetricsScope } from '../../src/base/metrics.js';
import { EMPTY, type NameTree } from '../../src/base/name-tree.js';
import { seededRandom } from '../../src/base/random.js';
import { kinds as builtIn } from '../../src/kinds.js';
import { type LinkedNaming, linkNaming } from '../../src/link-naming.js';
import type { Kinds } from '../../src/linker.js';
import type { Interpreter, InterpreterContext } from '../../src/naming/interpreter.js';
import type { Name, NamerContext } from '../../src/naming/namer.js';
import type { TransformerContext } from '../../src/naming/transformer.js';
import { closeAll, Parts } from '../../src/parts.js';
import { rawList, rawValue } from '../../src/raw-config.js';
import { ManualClock } from '../support/manual-clock.js';

/** Links one configuration after another, each in the parts of the one before. */
function scene() {
  const made: string[] = [];
  const closed: string[] = [];
  let asked: readonly unknown[] = [];
  /** A part that notes its life as `what`, numbered in the order of making. */
  const note = <T extends object>(what: string, part: T) => {
    made.push(what);
    const name = `${what} ${made.length}`;
    return { ...part, close: () => void closed.push(name) };
  };
  const nothing: NameTree<Name> = EMPTY;
  const kinds: Kinds = {
    ...builtIn,
    namer: ['test.a', 'test.b'].map((kind) =>
      defineKind({
        kind,
        description: 'A namer.',
        config: z.strictObject({ host: z.string().optional() }),
        make: ({ host }, { prefix }: NamerContext) =>
          note(`namer ${prefix.show()}${host ? ` at ${host}` : ''}`, {
            prefix,
            lookup: () => constant(nothing),
            ageMs: () => 5000,
          }),
      }),
    ),
    interpreter: [
      defineKind({
        kind: 'default',
        description: 'An interpreter.',
        config: z.strictObject({}),
        make: (_, { dtab, namers }: InterpreterContext) => {
          asked = namers;
          return note(`interpreter of ${dtab.dentries.length}`, { bind: () => constant(EMPTY) });
        },
      }),
    ],
    transformer: [
      defineKind({
        kind: 'test.mark',
        description: 'A transformer.',
        config: z.strictObject({ by: z.string() }),
        make: ({ by }, _: TransformerContext) =>
          note(`transformer ${by}`, { name: 'test.mark', transform: () => assert.fail('nothing is bound') }),
      }),
    ],
  };
  const parts = new Parts();
  const metrics = new MetricsScope();

  /** `namers` and the keys of a router as the file has them. Answers what is new and what is gone of it. */
  const link = (namers: string, router = '', label = 'http') => {
    const text = `{namers: [${namers}], routers: [{protocol: http, label: ${label}, servers: [{}], ${router}}]}`;
    const parsed = parseConfig(text, 'test.yaml', kinds);
    if (!parsed.ok) assert.fail(parsed.errors.map(showConfigError).join('\n'));
    const { config, raw } = parsed;
    const [routerConfig] = config.routers;
    const [rawRouter] = rawList(raw, 'routers');
    assert.ok(routerConfig);
    const draft = parts.begin();
    made.length = 0;
    closed.length = 0;
    const naming: LinkedNaming = linkNaming(
      { plugins: config.namers, raw: rawList(raw, 'namers') },
      { kinds, parts: draft, metrics, clock: new ManualClock(), random: seededRandom(1) },
    );
    const words = [rawValue(rawRouter, 'interpreter'), rawValue(rawRouter, 'dtab')];
    const interpreter: Interpreter = naming.interpreter({ ...routerConfig, raw: words });
    const gone = draft.commit();
    return { naming, interpreter, made: [...made], gone, closed: async () => closeAll(gone).then(() => [...closed]) };
  };
  return { parts, metrics, link, closed, asked: () => asked };
}

const A = '{kind: test.a, host: one}';
const B = '{kind: test.b, prefix: /b}';

describe('naming of a configuration and the next', () => {
  test('is the same where its words are, whatever the order of keys and however they are written', () => {
    const { link } = scene();
    const first = link(`${A}, ${B}`, 'dtab: "/svc => /#/b"');
    assert.deepEqual(first.made, ['namer /#/test.a at one', 'namer /#/b', 'interpreter of 1']);
    const second = link(`{"host": 'one', "kind": "test.a"}, ${B}`, 'dtab: "/svc => /#/b"');
    assert.deepEqual([second.made, second.gone], [[], []]);
    assert.deepEqual(second.naming.namers, first.naming.namers);
    assert.equal(second.naming.namers[0], first.naming.namers[0]);
    assert.equal(second.interpreter, first.interpreter);
    assert.equal(second.naming.system, first.naming.system);
  });

  test('keeps the namers that are the same, and remakes the interpreters, which ask all of them', async () => {
    const { link, asked } = scene();
    const first = link(`${A}, ${B}`);
    const second = link(`${A}, {kind: test.b, prefix: /b, host: two}`);
    assert.deepEqual(second.made, ['namer /#/b at two', 'interpreter of 0']);
    assert.equal(second.naming.namers[0], first.naming.namers[0]);
    assert.deepEqual(asked(), second.naming.namers);
    assert.notEqual(second.interpreter, first.interpreter);
    assert.deepEqual(await second.closed(), ['interpreter of 0 3', 'namer /#/b 2'], 'what asks before what is asked');
  });

  test('remakes the interpreters where a namer is gone or comes', async () => {
    const { link, asked } = scene();
    const first = link(`${A}, ${B}`);
    const second = link(A);
    assert.deepEqual(second.made, ['interpreter of 0']);
    assert.notEqual(second.interpreter, first.interpreter);
    assert.deepEqual(asked(), [first.naming.namers[0]]);
    assert.deepEqual(await second.closed(), ['interpreter of 0 3', 'namer /#/b 2']);
    const third = link(`${B}, ${A}`);
    assert.deepEqual(third.made, ['namer /#/b', 'interpreter of 0']);
    assert.equal(third.naming.namers[1], first.naming.namers[0]);
  });

  test('remakes the interpreters where the namers are asked in another order, and the namers not', () => {
    const { link, asked } = scene();
    const first = link(`${A}, ${B}`);
    const second = link(`${B}, ${A}`);
    assert.deepEqual(second.made, ['interpreter of 0']);
    assert.deepEqual(asked(), first.naming.namers.toReversed());
  });

  test('remakes an interpreter where its dtab or its label is another, and no namer', () => {
    const { link } = scene();
    const first = link(A, 'dtab: "/svc => /a"');
    const dtab = link(A, 'dtab: "/svc => /a; /svc => /b"');
    assert.deepEqual(dtab.made, ['interpreter of 2']);
    assert.notEqual(dtab.interpreter, first.interpreter);
    const label = link(A, 'dtab: "/svc => /a; /svc => /b"', 'other');
    assert.deepEqual(label.made, ['interpreter of 2']);
  });

  test('has two namers where the file has one twice', async () => {
    const { link } = scene();
    const first = link(`${A}, ${A}`);
    assert.notEqual(first.naming.namers[0], first.naming.namers[1]);
    const second = link(A);
    assert.equal(second.naming.namers[0], first.naming.namers[0]);
    assert.deepEqual(await second.closed(), ['interpreter of 0 3', 'namer /#/test.a at one 2']);
  });

  test('closes everything that it is made of in the end', async () => {
    const { parts, closed, link } = scene();
    link(`${A}, {kind: test.b, transformers: [{kind: test.mark, by: x}]}`);
    const last = link(A, 'interpreter: {kind: default, transformers: [{kind: test.mark, by: y}]}');
    assert.deepEqual(last.made, ['interpreter of 0', 'transformer y']);
    const gone = await last.closed();
    await parts.close();
    assert.deepEqual(
      [gone, closed],
      [
        ['interpreter of 0 4', 'transformer x 3', 'namer /#/test.b 2'],
        [...gone, 'transformer y 2', 'interpreter of 0 1', 'namer /#/test.a at one 1'],
      ],
    );
  });

  test('shows the age of what its namers know', () => {
    const { metrics, link } = scene();
    link(A);
    const { metric } = metrics.scope('namer_state_age_seconds', 'test.a');
    assert.equal(metric?.type === 'gauge' && metric.gauge(), 5);
  });
});

describe('transformers of a configuration and the next', () => {
  const marked = (by: string, host = 'one') =>
    `{kind: test.a, host: ${host}, transformers: [{kind: test.mark, by: ${by}}]}`;

  test('are the same with all around them where the words are', () => {
    const { link } = scene();
    const first = link(marked('x'), 'interpreter: {kind: default, transformers: [{kind: test.mark, by: y}]}');
    assert.deepEqual(first.made, ['namer /#/test.a at one', 'transformer x', 'interpreter of 0', 'transformer y']);
    const second = link(marked('x'), 'interpreter: {kind: default, transformers: [{kind: test.mark, by: y}]}');
    assert.deepEqual([second.made, second.gone], [[], []]);
    assert.equal(second.naming.namers[0], first.naming.namers[0]);
    assert.equal(second.interpreter, first.interpreter);
  });

  test('can be others, come and go over the same namer, whose watches go on', async () => {
    const { link } = scene();
    const first = link(marked('x'));
    const other = link(marked('y'));
    assert.deepEqual(other.made, ['transformer y', 'interpreter of 0']);
    assert.notEqual(other.naming.namers[0], first.naming.namers[0]);
    assert.deepEqual(await other.closed(), ['interpreter of 0 3', 'transformer x 2']);
    const none = link(A);
    assert.deepEqual(none.made, ['interpreter of 0']);
    assert.deepEqual(await none.closed(), ['interpreter of 0 2', 'transformer y 1']);
    const again = link(marked('x'));
    assert.deepEqual(again.made, ['transformer x', 'interpreter of 0']);
  });

  test('are remade where their namer is', () => {
    const { link } = scene();
    link(marked('x'));
    assert.deepEqual(link(marked('x', 'two')).made, ['namer /#/test.a at two', 'transformer x', 'interpreter of 0']);
  });

  test('are remade where another namer is: they may bind names by it', () => {
    const { link } = scene();
    link(`${marked('x')}, ${B}`, 'interpreter: {kind: default, transformers: [{kind: test.mark, by: y}]}');
    assert.deepEqual(link(marked('x'), 'interpreter: {kind: default, transformers: [{kind: test.mark, by: y}]}').made, [
      'transformer x',
      'interpreter of 0',
      'transformer y',
    ]);
  });
});
