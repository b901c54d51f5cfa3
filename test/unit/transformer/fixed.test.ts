import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parsePath } from '../../../src/base/name-grammar.js';
import { EMPTY, FAIL, leaf, NEG, union } from '../../../src/base/name-tree.js';
import type { Namer } from '../../../src/naming/namer.js';
import { transformNamer } from '../../../src/naming/transformed.js';
import { constTransformer } from '../../../src/transformer/const.js';
import { portTransformer } from '../../../src/transformer/port.js';
import { replaceTransformer } from '../../../src/transformer/replace.js';
import { FakeNamer } from '../../support/fake-namer.js';
import { makeKind } from '../../support/make-kind.js';
import { follow, TransformerScene } from '../../support/transformer-scene.js';

/** `/web` and `/other` exist, `/proxy` is what takes their place; `/none` does not exist, the rest is called what it is. */
function start(kind: typeof replaceTransformer, path = '/#/fake/proxy') {
  const scene = new TransformerScene();
  scene.make(kind, { path });
  const { namer } = scene;
  namer.exists('/web', '10.0.0.1:80');
  namer.exists('/other', '10.0.0.2:80');
  namer.exists('/proxy', '10.0.0.9:4140');
  namer.answers('/empty', EMPTY);
  namer.answers('/fail', FAIL);
  namer.fails('/bad', new Error('trouble'));
  namer.pends('/slow');
  const ask = (name: string): string => follow(scene.interpreter(), `/#/fake${name}`).now;
  return { scene, namer, ask };
}

const REPLACED = '/%/io.l5d.replace/#/fake/proxy (10.0.0.9:4140)';
const CONST = '/%/io.l5d.const/#/fake/proxy (10.0.0.9:4140)';

describe('io.l5d.replace', () => {
  test('puts the binding of its path in the place of every leaf, whatever residual that has', () => {
    const { ask } = start(replaceTransformer);
    assert.deepEqual(['/web', '/web/a/b', '/other'].map(ask), [REPLACED, REPLACED, REPLACED]);
  });

  test('leaves Neg, Fail, Empty, failed and pending names as they are', () => {
    const { ask } = start(replaceTransformer);
    assert.deepEqual(['/none', '/fail', '/empty', '/bad', '/slow'].map(ask), [
      'neg',
      'fail',
      'empty',
      'error trouble',
      'pending',
    ]);
  });

  test('replaces each leaf of a union', () => {
    const { scene } = start(replaceTransformer);
    const interpreter = scene.interpreter('/svc => 9 * /#/fake/web & 1 * /#/fake/other & 1 * /#/fake/none');
    assert.equal(follow(interpreter, '/svc').now, `9 * ${REPLACED} & 1 * ${REPLACED}`);
  });

  test('keeps the residual of its own path', () => {
    const { ask } = start(replaceTransformer, '/#/fake/proxy/in');
    assert.equal(ask('/web/out'), '/%/io.l5d.replace/#/fake/proxy/in + /in (10.0.0.9:4140)');
  });

  test('follows its path: becoming Neg, pending, failed, and something else', () => {
    const { scene, namer } = start(replaceTransformer);
    const followed = follow(scene.interpreter(), '/#/fake/web');
    namer.answers('/proxy', NEG);
    namer.pends('/proxy');
    namer.fails('/proxy', new Error('gone'));
    namer.exists('/proxy', '10.0.0.8:4140');
    assert.deepEqual(followed.history, [
      REPLACED,
      'neg',
      'pending',
      'error gone',
      '/%/io.l5d.replace/#/fake/proxy (10.0.0.8:4140)',
    ]);
    followed.stop();
  });

  test('gives the leaves of a path that is bound to several their own ids: two clients cannot have one', () => {
    const { scene, namer } = start(replaceTransformer, '/#/fake/split');
    const { bound: a } = namer.exists('/a', '10.0.0.1:80');
    const { bound: b } = namer.exists('/b', '10.0.0.2:80');
    namer.answers(
      '/split',
      union([
        { weight: 3, tree: leaf({ type: 'bound', bound: a }) },
        { weight: 1, tree: leaf({ type: 'bound', bound: b }) },
      ]),
    );
    assert.equal(
      follow(scene.interpreter(), '/#/fake/web').now,
      '3 * /%/io.l5d.replace/#/fake/a (10.0.0.1:80) & 1 * /%/io.l5d.replace/#/fake/b (10.0.0.2:80)',
    );
  });

  test('watches its path once for all names', () => {
    const { scene, namer } = start(replaceTransformer);
    const interpreter = scene.interpreter();
    const followed = ['/web', '/other'].map((name) => follow(interpreter, `/#/fake${name}`));
    const { tree, addr } = namer.entry('/proxy');
    assert.deepEqual([tree.started, addr.started], [1, 1]);
    for (const { stop } of followed) stop();
    assert.deepEqual([tree.isWatched, addr.isWatched], [false, false]);
  });

  test('that leads back to itself fails and says so, and no more', () => {
    const scene = new TransformerScene();
    const inner = new FakeNamer('/#/loop');
    inner.exists('/web', '10.0.0.1:80');
    const namers: Namer[] = [];
    const context = scene.context(parsePath('/%/io.l5d.replace'), () => namers);
    const transformer = makeKind(replaceTransformer, { path: '/#/loop/web' }, context);
    const namer = transformNamer(inner, [transformer]);
    namers.push(namer);
    const answer = namer.lookup(parsePath('/web')).value;
    assert.equal(
      answer.state === 'failed' && answer.error.message,
      'Cannot bind "/#/loop/web" for io.l5d.replace: it leads back to itself',
    );
  });

  for (const path of ['', 'proxy', '/a//b']) {
    test(`refuses the path ${JSON.stringify(path)}`, () => {
      assert.throws(() => replaceTransformer.config.parse({ path }), { name: 'ZodError' });
    });
  }
});

describe('io.l5d.const', () => {
  test('is the binding of its path for every name, also for one that does not exist', () => {
    const { ask } = start(constTransformer);
    assert.deepEqual(['/web', '/none', '/fail', '/empty'].map(ask), [CONST, CONST, CONST, CONST]);
  });

  test('leaves failed and pending names as they are', () => {
    const { ask } = start(constTransformer);
    assert.deepEqual(['/bad', '/slow'].map(ask), ['error trouble', 'pending']);
  });

  test('is one leaf where there was a union, with an Empty branch or not', () => {
    const { scene } = start(constTransformer);
    const interpreter = scene.interpreter('/svc => 9 * /#/fake/web & 1 * /#/fake/empty');
    assert.equal(follow(interpreter, '/svc').now, CONST);
  });

  test('is Neg when its path is', () => {
    const { ask } = start(constTransformer, '/#/fake/none');
    assert.equal(ask('/web'), 'neg');
  });

  test('may be transformed further', () => {
    const { scene } = start(constTransformer);
    scene.make(portTransformer, { port: 1 });
    assert.equal(
      follow(scene.interpreter(), '/#/fake/none').now,
      '/%/io.l5d.port/1/%/io.l5d.const/#/fake/proxy (10.0.0.9:1)',
    );
  });
});
