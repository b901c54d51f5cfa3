// `npm run schema`: writes the JSON Schema of linkerd.yaml, with the built-in kinds, to the file that is named.

import { writeFileSync } from 'node:fs';
import { kinds } from '../../src/kinds.js';
import { linkerdJsonSchema } from './json-schema.js';

const [file] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write('want the file to write, e.g. config/linkerd.schema.json\n');
  process.exitCode = 2;
} else {
  writeFileSync(file, `${JSON.stringify(linkerdJsonSchema(kinds), undefined, 2)}\n`);
}
