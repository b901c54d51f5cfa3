import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { signal } from '@preact/signals-core';
import { constant, ok } from '../../../src/base/activity.js';
import { addrBound, makeAddress } from '../../../src/base/addr.js';
import { parseDtab, parsePath } from '../../../src/base/name-grammar.js';
import { alt, leaf, NEG, negBecause, union } from '../../../src/base/name-tree.js';
import { type DelegateTree, delegateTreeJson } from '../../../src/naming/delegate-tree.js';
import type { Interpreter } from '../../../src/naming/interpreter.js';
import type { Name } from '../../../src/naming/namer.js';
import { transformInterpreter, transformNamer } from '../../../src/naming/transformed.js';
import { constTransformer } from '../../../src/transformer/const.js';
import { portTransformer } from '../../../src/transformer/port.js';
import { replaceTransformer } from '../../../src/transformer/replace.js';
import { specificHostTransformer } from '../../../src/transformer/specific-host.js';
import { FakeInterpreter } from '../../support/fake-interpreter.js';
import { FakeNamer } from '../../support/fake-namer.js';
import { follow, TransformerScene } from '../../support/transformer-scene.js';

const pathLeaf = (path: string) => leaf<Name>({ type: 'path', path: parsePath(path) });

describe('transformed namer', () => {
  test('transforms what it binds', () => {
    const scene = new TransformerScene();
    scene.make(portTransformer, { port: 1 });
    scene.namer.exists('/web', '10.0.0.1:80');
    assert.equal(
      follow(scene.throughNamer('/svc => /#/fake'), '/svc/web').now,
      '/%/io.l5d.port/1/#/fake/web (10.0.0.1:1)',
    );
  });

  test('passes an answer on unchanged that has a path anywhere in it', () => {
    const scene = new TransformerScene();
    scene.make(portTransformer, { port: 1 });
    const { bound } = scene.namer.exists('/web', '10.0.0.1:80');
    const web = leaf<Name>({ type: 'bound', bound });
    scene.namer.answers('/path', pathLeaf('/other'));
    scene.namer.answers(
      '/mixed',
      union([
        { weight: 1, tree: web },
        { weight: 1, tree: alt([NEG, pathLeaf('/other')]) },
      ]),
    );
    const namer = transformNamer(scene.namer, scene.transformers);
    for (const name of ['/path', '/mixed']) {
      const path = parsePath(name);
      assert.equal(namer.lookup(path).value, scene.namer.lookup(path).value, name);
    }
  });

  test('transforms unions and alternatives that are bound as a whole', () => {
    const scene = new TransformerScene();
    scene.make(portTransformer, { port: 1 });
    const [a, b] = ['/a', '/b'].map((name, i) =>
      leaf<Name>({ type: 'bound', bound: scene.namer.exists(name, `10.0.0.${i + 1}:80`).bound }),
    );
    assert.ok(a && b);
    scene.namer.answers(
      '/union',
      union([
        { weight: 3, tree: a },
        { weight: 1, tree: b },
      ]),
    );
    scene.namer.answers('/alt', alt([NEG, a, b]));
    const interpreter = scene.throughNamer();
    assert.equal(
      follow(interpreter, '/#/fake/union').now,
      '3 * /%/io.l5d.port/1/#/fake/a (10.0.0.1:1) & 1 * /%/io.l5d.port/1/#/fake/b (10.0.0.2:1)',
    );
    assert.equal(follow(interpreter, '/#/fake/alt').now, '/%/io.l5d.port/1/#/fake/a (10.0.0.1:1)');
  });

  test('is Neg where the namer is, with the same reasons', () => {
    const scene = new TransformerScene();
    scene.make(portTransformer, { port: 1 });
    const reason = new Error('no answer');
    scene.namer.answers('/web', negBecause(reason));
    const namer = transformNamer(scene.namer, scene.transformers);
    assert.deepEqual(namer.lookup(parsePath('/web')).value, ok(negBecause(reason)));
    assert.equal(follow(scene.throughNamer('/svc => /#/fake/web ; /svc => /#/fake/none'), '/svc').now, 'neg');
  });

  test('with io.l5d.const answers for what does not exist: later alternatives are not tried', () => {
    const scene = new TransformerScene();
    scene.make(constTransformer, { path: '/#/fake/proxy' });
    scene.namer.exists('/proxy', '10.0.0.9:80');
    scene.namer.exists('/web', '10.0.0.1:80');
    const interpreter = scene.throughNamer('/svc => /#/fake/none | /#/fake/web');
    assert.equal(follow(interpreter, '/svc').now, '/%/io.l5d.const/#/fake/proxy (10.0.0.9:80)');
  });

  test('gives the same tree object for as long as nothing changed', () => {
    const scene = new TransformerScene();
    scene.make(portTransformer, { port: 1 });
    const { bound, tree } = scene.namer.exists('/web', '10.0.0.1:80');
    const answer = transformNamer(scene.namer, scene.transformers).lookup(parsePath('/web'));
    const before = answer.value;
    tree.signal.value = ok(leaf({ type: 'bound', bound: { ...bound } }));
    assert.equal(answer.value, before);
    tree.signal.value = ok(
      leaf({ type: 'bound', bound: { ...bound, addr: signal(addrBound([makeAddress('10.0.0.2', 80)])) } }),
    );
    assert.notEqual(answer.value, before);
  });

  test('without transformers is the namer itself', () => {
    const namer = new FakeNamer('/#/fake');
    assert.equal(transformNamer(namer, []), namer);
  });

  test('tells the prefix, names, state, age and published hosts of the namer, and leaves closing it to its maker', async () => {
    const published = signal([{ host: 'shop.example.com', by: 'fake' }]);
    const inner = Object.assign(new FakeNamer('/#/fake'), {
      published,
      publishedPending: () => 'not yet',
      boundNames: () => [parsePath('/#/fake/web')],
      state: () => ({ watched: 1 }),
      ageMs: () => 7,
    });
    const scene = new TransformerScene();
    const transformer = scene.make(portTransformer, { port: 1 });
    const namer = transformNamer(inner, [transformer]);
    assert.deepEqual(
      [namer.prefix.show(), namer.boundNames?.().map(String), namer.state?.(), namer.ageMs?.()],
      ['/#/fake', ['/#/fake/web'], { watched: 1 }, 7],
    );
    assert.deepEqual([namer.published, namer.publishedPending?.()], [published, 'not yet']);
    await namer.close();
    assert.equal(inner.closed, false);
    const plain = transformNamer(new FakeNamer('/#/fake'), [transformer]);
    assert.deepEqual([plain.boundNames, plain.state, plain.ageMs], [undefined, undefined, undefined]);
    assert.deepEqual([plain.published, plain.publishedPending], [undefined, undefined]);
  });
});

describe('transformed interpreter', () => {
  test('tells nobody of what leaves the transformed tree as it was', () => {
    const scene = new TransformerScene();
    scene.make(replaceTransformer, { path: '/#/fake/proxy' });
    scene.namer.exists('/proxy', '10.0.0.9:80');
    scene.namer.exists('/a', '10.0.0.1:80');
    scene.namer.exists('/b', '10.0.0.2:80');
    const followed = follow(scene.interpreter('/svc => /#/fake/a | /#/fake/b'), '/svc');
    scene.namer.answers('/a', NEG);
    assert.equal(followed.history.length, 1);
    followed.stop();
  });

  test('without transformers is the interpreter itself; one that cannot delegate still cannot', () => {
    const interpreter = new FakeInterpreter();
    assert.equal(transformInterpreter(interpreter, []), interpreter);
    const scene = new TransformerScene();
    const transformed = transformInterpreter(interpreter, [scene.make(portTransformer, { port: 1 })]);
    assert.deepEqual([transformed.delegate, transformed.state, transformed.ageMs], [undefined, undefined, undefined]);
  });

  test('tells the state and age of the interpreter, and leaves closing it to its maker', () => {
    let closed = false;
    const inner: Interpreter = {
      bind: () => constant(NEG),
      state: () => 'fine',
      ageMs: () => 7,
      close: () => {
        closed = true;
      },
    };
    const scene = new TransformerScene();
    const transformed = transformInterpreter(inner, [scene.make(portTransformer, { port: 1 })]);
    assert.deepEqual([transformed.state?.(), transformed.ageMs?.()], ['fine', 7]);
    void transformed.close();
    assert.equal(closed, false);
  });
});

describe('delegation through transformers', () => {
  /** The JSON of `/delegator.json`, with addresses as texts. */
  function delegate(scene: TransformerScene, dtab: string, path: string): unknown {
    const tree = scene.interpreter(dtab).delegate?.(parsePath(path), undefined).value;
    assert.ok(tree);
    if (tree.state !== 'ok') return tree.state === 'failed' ? tree.error.message : tree.state;
    const json = delegateTreeJson(tree.value);
    assert.ok(json.state === 'ok');
    return JSON.parse(
      JSON.stringify(json.value, (key, value) =>
        key === 'addr'
          ? (value.addrs?.map((a: { ip: string; port: number }) => `${a.ip}:${a.port}`) ?? value.type)
          : value,
      ),
    );
  }

  test('shows before and after of each transformer, one within the other', () => {
    const scene = new TransformerScene();
    scene.make(specificHostTransformer, { host: '10.0.0.1' });
    scene.make(portTransformer, { port: 1 });
    scene.namer.exists('/web', '10.0.0.1:80', '10.0.0.2:80');
    const dentry = { prefix: '/svc', dst: '/#/fake' };
    assert.deepEqual(delegate(scene, '/svc => /#/fake', '/svc/web/r'), {
      type: 'delegate',
      path: '/svc/web/r',
      delegate: {
        type: 'transformation',
        path: '/#/fake/web/r',
        name: 'io.l5d.specificHost',
        bound: { addr: ['10.0.0.1:80', '10.0.0.2:80'], id: '/#/fake/web', path: '/r' },
        tree: {
          type: 'transformation',
          path: '/%/io.l5d.specificHost/#/fake/web',
          name: 'io.l5d.port',
          bound: { addr: ['10.0.0.1:80'], id: '/%/io.l5d.specificHost/#/fake/web', path: '/r' },
          tree: {
            type: 'leaf',
            path: '/%/io.l5d.port/1/%/io.l5d.specificHost/#/fake/web',
            dentry,
            bound: { addr: ['10.0.0.1:1'], id: '/%/io.l5d.port/1/%/io.l5d.specificHost/#/fake/web', path: '/r' },
          },
        },
      },
    });
    scene.close();
  });

  test('shows every alternative and branch transformed, and those that are not there as they are', () => {
    const scene = new TransformerScene();
    scene.make(portTransformer, { port: 1 });
    for (const name of ['/a', '/b', '/c']) scene.namer.exists(name, '10.0.0.1:80');
    scene.namer.fails('/bad', new Error('trouble'));
    const types = typesOf(scene, '/svc => /#/fake/none | /#/fake/bad | 3 * /#/fake/a & /#/fake/b | /#/fake/c | ! | $');
    assert.equal(
      types,
      'alt(neg exception:trouble union(3 transformation(leaf) 1 transformation(leaf)) transformation(leaf) fail empty)',
    );
  });

  test('shows what io.l5d.const makes of names that do not exist', () => {
    const scene = new TransformerScene();
    scene.make(constTransformer, { path: '/#/fake/proxy' });
    scene.namer.exists('/proxy', '10.0.0.1:80');
    scene.namer.exists('/web', '10.0.0.2:80');
    assert.equal(
      typesOf(scene, '/svc => /#/fake/none | /#/fake/web | $'),
      'alt(delegate(leaf) transformation(leaf) delegate(leaf))',
    );
  });

  test('is pending while a transformer is, and shows one that failed', () => {
    const scene = new TransformerScene();
    scene.make(replaceTransformer, { path: '/#/fake/proxy' });
    scene.namer.exists('/web', '10.0.0.2:80');
    scene.namer.pends('/proxy');
    assert.equal(delegate(scene, '/svc => /#/fake/web & /#/fake/web', '/svc'), 'pending');
    scene.namer.fails('/proxy', new Error('trouble'));
    assert.equal(typesOf(scene, '/svc => /#/fake/web | /#/fake/none'), 'alt(exception:trouble neg)');
    scene.namer.answers('/proxy', NEG);
    assert.equal(typesOf(scene, '/svc => /#/fake/web | /#/fake/none'), 'alt(transformation(neg) neg)');
  });

  test('takes the dtab that it is given', () => {
    const scene = new TransformerScene();
    scene.make(portTransformer, { port: 1 });
    scene.namer.exists('/web', '10.0.0.2:80');
    const tree = scene
      .interpreter('/svc => /nowhere')
      .delegate?.(parsePath('/svc/web'), parseDtab('/svc => /#/fake')).value;
    assert.equal(tree?.state === 'ok' && outline(tree.value), 'delegate(transformation(leaf))');
  });

  function typesOf(scene: TransformerScene, dtab: string): string {
    const tree = scene.interpreter(dtab).delegate?.(parsePath('/svc'), undefined).value;
    assert.ok(tree?.state === 'ok');
    return outline(tree.value);
  }
});

/** Types of nodes, those below in brackets. */
function outline(tree: DelegateTree): string {
  switch (tree.type) {
    case 'delegate':
      return `delegate(${outline(tree.delegate)})`;
    case 'transformation':
      return `transformation(${outline(tree.tree)})`;
    case 'alt':
      return `alt(${tree.alt.map(outline).join(' ')})`;
    case 'union':
      return `union(${tree.union.map(({ weight, tree: child }) => `${weight} ${outline(child)}`).join(' ')})`;
    case 'exception':
      return `exception:${tree.message}`;
    default:
      return tree.type;
  }
}
