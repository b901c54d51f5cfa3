import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linkerdJsonSchema } from '../../../config/schema/json-schema.js';
import { FAKE_KINDS } from './fake-kinds.js';
import { ALL_SUPPORTED } from './parse-text.js';

interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly oneOf?: readonly Node[];
  readonly anyOf?: readonly Node[];
  readonly required?: readonly string[];
  readonly description?: string;
  readonly const?: string;
  readonly additionalProperties?: boolean;
  readonly default?: unknown;
}

function at(node: Node | undefined, ...path: readonly string[]): Node {
  let here = node;
  for (const step of path) {
    const branches: readonly Node[] = here?.oneOf ?? here?.anyOf ?? [here ?? {}];
    here =
      step === '*'
        ? branches.find((one) => one.items)?.items
        : branches.find((one) => one.properties?.[step])?.properties?.[step];
  }
  assert.ok(here, path.join('.'));
  return here;
}

/** Every schema below `node`, with its place. */
function* everyNode(node: Node, place = ''): Generator<readonly [string, Node]> {
  yield [place, node];
  for (const [key, inner] of Object.entries(node.properties ?? {})) yield* everyNode(inner, `${place}.${key}`);
  if (node.items) yield* everyNode(node.items, `${place}[]`);
  for (const branch of [...(node.oneOf ?? []), ...(node.anyOf ?? [])]) yield* everyNode(branch, place);
}

test('JSON schema is of draft 2020-12 and of what a file may say', () => {
  const schema = linkerdJsonSchema(FAKE_KINDS);
  assert.equal(schema.$schema, 'https://json-schema.org/draft/2020-12/schema');
  assert.deepEqual(schema.required, ['routers']);
  const server = at(schema as Node, 'routers', '*', 'servers', '*');
  assert.equal(server.required, undefined);
  assert.equal(at(server, 'port').default, 4140);
});

test('JSON schema describes every key, and refuses the others', () => {
  for (const [place, node] of everyNode(linkerdJsonSchema(FAKE_KINDS, ALL_SUPPORTED) as Node)) {
    if (node.properties) assert.equal(node.additionalProperties, false, place);
    for (const [key, inner] of Object.entries(node.properties ?? {})) {
      // A kind that is a constant is described by its object or by the constant itself.
      if (key === 'kind' && inner.const !== undefined) continue;
      assert.ok(inner.description, `${place}.${key} has no description`);
    }
  }
});

test('JSON schema lists the kinds of the kind table', () => {
  const schema = linkerdJsonSchema(FAKE_KINDS) as Node;
  const kinds = at(schema, 'namers', '*').oneOf?.map((option) => option.properties?.kind?.const);
  assert.deepEqual(kinds, ['io.l5d.fs', 'test.registry', 'test.new']);
});

test('JSON schema takes an identifier as an object and as a list', () => {
  const branches = at(linkerdJsonSchema(FAKE_KINDS) as Node, 'routers', '*', 'identifier').anyOf;
  assert.deepEqual(
    branches?.map((branch) => branch.items !== undefined),
    [false, true],
  );
});

test('JSON schema leaves out keys that are not supported, as long as they are not', () => {
  const places = ['.admin.tls'];
  const all = (unsupported?: typeof ALL_SUPPORTED): Set<string> =>
    new Set([...everyNode(linkerdJsonSchema(FAKE_KINDS, unsupported) as Node)].map(([place]) => place));
  for (const place of places) {
    assert.equal(all().has(place), false, place);
    assert.equal(all(ALL_SUPPORTED).has(place), true, place);
  }
});

test('JSON schema is plain JSON', () => {
  const schema = linkerdJsonSchema(FAKE_KINDS);
  assert.deepEqual(JSON.parse(JSON.stringify(schema)), schema);
});
