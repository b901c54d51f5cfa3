// `npm run schema`: writes the JSON Schema of the configuration, for editors, to the file that is named.

import { writeFileSync } from 'node:fs';
import { kinds } from '../../src/kinds.js';
import { linkerdJsonSchema } from './json-schema.js';

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error('usage: write-json-schema FILE');
writeFileSync(file, `${JSON.stringify(linkerdJsonSchema(kinds), undefined, 2)}\n`);
