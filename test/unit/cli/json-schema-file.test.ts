import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { linkerdJsonSchema } from '../../../config/schema/json-schema.js';
import { kinds } from '../../../src/kinds.js';

test('config/linkerd.schema.json is what `npm run schema` writes', async () => {
  const file = await readFile('config/linkerd.schema.json', 'utf8');
  // Not the texts: of a file this long the difference is told key by key.
  assert.deepEqual(JSON.parse(file), JSON.parse(JSON.stringify(linkerdJsonSchema(kinds))));
});
