import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { showConfigError } from '../../../config/schema/parse.js';
import { loadPlugins } from '../../../src/cli/load-plugins.js';
import { kinds as builtIn } from '../../../src/kinds.js';

const ROOT = realpathSync(mkdtempSync(join(tmpdir(), 'load-plugins-')));
after(() => rmSync(ROOT, { recursive: true }));

/** Node remembers what it has loaded, so each test has files of its own. */
let count = 0;
function directory(files: Readonly<Record<string, string>>): string {
  count += 1;
  const path = join(ROOT, `test-${count}`, 'etc');
  mkdirSync(path, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return path;
}

const PACKAGE = '{"type": "module", "exports": "./index.js"}';

/** The source of a plugin with a namer kind of that name, written with linkgate/plugin. */
function plugin(kind: string, category = 'namer'): string {
  return `import { defineKind, z } from 'linkgate/plugin';
    export default { ${category}: [
      defineKind({ kind: '${kind}', description: 'A ${kind}.', config: z.strictObject({}), make() {} }),
    ] };`;
}

/** The names of namers that are not built in, or the errors as the program prints them. */
async function load(text: string, path: string): Promise<readonly string[]> {
  const { kinds, errors } = await loadPlugins(text, 'l.yaml', path, builtIn);
  if (errors.length > 0) return errors.map(showConfigError);
  return kinds.namer.slice(builtIn.namer.length).map(({ kind }) => kind);
}

describe('plugins', () => {
  test('are packages, found from the directory of the configuration upwards', async () => {
    const path = directory({
      'node_modules/near/package.json': PACKAGE,
      'node_modules/near/index.js': plugin('near'),
      '../node_modules/@acme/above/package.json': PACKAGE,
      '../node_modules/@acme/above/index.js': plugin('above'),
    });
    assert.deepEqual(await load("plugins: [near, '@acme/above']", path), ['near', 'above']);
  });

  test('are packages of CommonJS too', async () => {
    const path = directory({
      'node_modules/common/package.json': '{"main": "main.js"}',
      'node_modules/common/main.js': 'module.exports = { namer: [] };',
    });
    assert.deepEqual(await load('plugins: [common]', path), []);
  });

  test('are packages beside linkgate, where none is near the configuration', async () => {
    // It is no plugin, but it was found.
    assert.match((await load('plugins: [zod]', directory({})))[0] ?? '', /The plugin "zod" cannot be used/);
  });

  test('are files, relative to the directory of the configuration or absolute', async () => {
    const path = directory({
      'a.mjs': plugin('a'),
      '../b.mjs': plugin('b'),
      'sub/c.mjs': plugin('c'),
      'd e.mjs': plugin('d'),
    });
    const list = ['./a.mjs', '../b.mjs', join(path, 'sub/c.mjs'), './d e.mjs'];
    assert.deepEqual(await load(JSON.stringify({ plugins: list }), path), ['a', 'b', 'c', 'd']);
  });

  test("have the gateway's own linkgate/plugin, whatever lies near them", async () => {
    const path = directory({
      'node_modules/linkgate/package.json': '{"exports": {"./plugin": "./other.js"}}',
      'node_modules/linkgate/other.js': 'throw new Error("another copy");',
      'signals.mjs': `import { signal } from 'linkgate/plugin'; globalThis.signalOfPlugin = signal; export default {};`,
    });
    assert.deepEqual(await load('plugins: [./signals.mjs]', path), []);
    const { signal } = await import('@preact/signals-core');
    assert.equal((globalThis as { signalOfPlugin?: unknown }).signalOfPlugin, signal);
  });

  test('add kinds of any category, behind the built-in ones', async () => {
    const path = directory({ 'b.mjs': plugin('acme.balancer', 'balancer') });
    const { kinds } = await loadPlugins('plugins: [./b.mjs]', 'l.yaml', path, builtIn);
    assert.deepEqual(
      kinds.balancer.map(({ kind }) => kind),
      [...builtIn.balancer.map(({ kind }) => kind), 'acme.balancer'],
    );
    assert.deepEqual(kinds.namer, builtIn.namer);
    assert.equal(kinds.systemNamers, builtIn.systemNamers);
  });

  test('that are none leave the built-in kinds', async () => {
    for (const text of [
      '',
      'routers: []',
      'plugins: []',
      'plugins: x',
      'plugins: {a: b}',
      'plugins: [1, "", {a: b}]',
      '{',
    ]) {
      const loaded = await loadPlugins(text, 'l.yaml', ROOT, builtIn);
      assert.deepEqual(loaded.errors, [], text);
      assert.deepEqual(loaded.kinds.namer, builtIn.namer, text);
    }
  });
});

describe('plugin that cannot be used', () => {
  const CASES: readonly (readonly [what: string, source: string, complaint: RegExp])[] = [
    [
      'no default export',
      'export const namer = [];',
      /has no default export, want "export default \{ namer: \[kind\] \}"$/,
    ],
    ['a default export of another sort', 'export default [];', /its default export is no table of kinds, want/],
    ['a function for a default export', 'export default () => {};', /its default export is no table of kinds, want/],
    [
      'a misspelt category',
      'export default { namers: [] };',
      /unknown category "namers", did you mean "namer"\? \(known: namer, /,
    ],
    ['an unknown category', 'export default { coffee: [] };', /unknown category "coffee" \(known: namer, /],
    ['a kind that is in no list', 'export default { namer: {} };', /its namer is no list, want/],
    [
      'something else for a kind',
      'export default { namer: [42] };',
      /its namer\[0\] is no kind: want what defineKind gives/,
    ],
    ['a kind without a name', 'export default { namer: [{}] };', /its namer\[0\] is no kind: "kind" is to be the text/],
    ['a kind without a description', 'export default { namer: [{ kind: "x" }] };', /"description" is to be a text/],
    [
      'a kind without make',
      'export default { namer: [{ kind: "x", description: "" }] };',
      /"make" is to be a function/,
    ],
    [
      'a kind without config',
      'export default { namer: [{ kind: "x", description: "", make() {} }] };',
      /"config" is to be a z\.strictObject/,
    ],
    [
      'a kind that lets unknown keys pass',
      'import { z } from "linkgate/plugin"; export default { namer: [{ kind: "x", description: "", make() {}, config: z.object({}) }] };',
      /"config" is to be a z\.strictObject/,
    ],
    ['a mistake in its code', 'export default { namer: [ };', /Cannot load the plugin ".*": Unexpected token/],
    ['an error at load', 'throw new Error("no\\n  licence");', /Cannot load the plugin ".*": no licence$/],
    ['something else thrown at load', 'throw "no licence";', /Cannot load the plugin ".*": no licence$/],
    [
      'an import that is missing',
      'import "nowhere-to-be-found"; export default {};',
      /Cannot find package 'nowhere-to-be-found' imported from .*case\.mjs/,
    ],
    [
      'an import that linkgate/plugin does not have',
      'import { secrets } from "linkgate/plugin"; export default {};',
      /does not provide an export named 'secrets'/,
    ],
    [
      'the name of a built-in kind',
      plugin('io.l5d.fs'),
      /Conflicting subtypes: namer io\.l5d\.fs \(Service discovery by files.*\), namer io\.l5d\.fs \(A io\.l5d\.fs\.\)$/,
    ],
  ];
  for (const [what, source, complaint] of CASES) {
    test(`for ${what} is an error at its place in the file`, async () => {
      const path = directory({ 'case.mjs': source, 'good.mjs': 'export default {};' });
      const errors = await load('admin: {port: 0}\nplugins:\n  - ./good.mjs\n  - ./case.mjs\n', path);
      assert.equal(errors.length, 1);
      assert.match(
        errors[0] ?? '',
        /^l\.yaml:4:5: plugins\[1\]: (Cannot load the|The) plugin ".\/case\.mjs"|Conflicting subtypes/,
      );
      assert.match(errors[0] ?? '', complaint);
    });
  }

  test('for being nowhere is told of each, with where it was looked for', async () => {
    const path = directory({});
    const errors = await load("plugins: [linkgate-namer-lost, './lost.mjs', /lost/abs.mjs]", path);
    assert.deepEqual(errors, [
      `l.yaml:1:11: plugins[0]: Cannot load the plugin "linkgate-namer-lost": Cannot find package 'linkgate-namer-lost' imported from ${path}/`,
      `l.yaml:1:32: plugins[1]: Cannot load the plugin "./lost.mjs": Cannot find module '${path}/lost.mjs' imported from ${path}/`,
      `l.yaml:1:46: plugins[2]: Cannot load the plugin "/lost/abs.mjs": Cannot find module '/lost/abs.mjs' imported from ${path}/`,
    ]);
  });

  test('for being listed twice is a conflict with itself', async () => {
    const path = directory({ 'a.mjs': plugin('twice') });
    const [error] = await load('plugins: [./a.mjs, ./a.mjs]', path);
    assert.match(error ?? '', /^l\.yaml:1:20: plugins\[1\]: Conflicting subtypes: namer twice/);
  });
});
