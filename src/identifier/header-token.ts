// Kind `io.l5d.header.token`, the default identifier: a header's value, verbatim, as one element of the name.

import { z } from 'zod';
import { text } from '../../config/schema/scalars.js';
import { defineKind } from '../base/kind.js';
import { Path } from '../base/path.js';
import { type Identifier, type IdentifierContext, PathMemo, Unidentified } from './identifier.js';
import { headerReader } from './pseudo-header.js';

export const headerTokenIdentifier = defineKind({
  kind: 'io.l5d.header.token',
  description: "Names a request after the value of one header, the caller's Host unless told otherwise.",
  config: z.strictObject({
    header: text
      .default('Host')
      .describe('Name of the header, in any case; :authority is the Host, whatever the request came by.'),
  }),
  make: ({ header }, { dstPrefix }: IdentifierContext): Identifier =>
    makeHeaderIdentifier(header, dstPrefix, oneElement),
});

/** Names a request after what `read` makes of the first line of `header`; unidentified when that is absent or empty. */
export function makeHeaderIdentifier(header: string, dstPrefix: Path, read: (value: string) => Path): Identifier {
  const name = header.toLowerCase();
  const readHeader = headerReader(name);
  const absent = new Unidentified(`${header} header is absent`);
  const paths = new PathMemo(dstPrefix, { ownKeys: name === 'host' || name === ':authority' });
  return (request) => {
    const value = readHeader(request);
    return value === undefined || value === '' ? absent : paths.get(value, read);
  };
}

/** Header values and path elements are both binary strings: no byte changes, and neither case nor port is touched. */
function oneElement(value: string): Path {
  return new Path([value]);
}
