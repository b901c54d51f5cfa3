// Kind `io.l5d.header.path`: the path in a header, by default the request's own; `/pkg.Service/Method` of gRPC names a service.

import { z } from 'zod';
import { text } from '../../config/schema/scalars.js';
import { defineKind } from '../base/kind.js';
import { parsePath } from '../base/name-grammar.js';
import { type Identifier, type IdentifierContext, PathMemo, Unidentified } from './identifier.js';
import { headerReader } from './pseudo-header.js';
import { pathEnd } from './request-path.js';

export const headerPathIdentifier = defineKind({
  kind: 'io.l5d.header.path',
  description: "Names a request after the path in one header, the request's own path unless told otherwise.",
  config: z.strictObject({
    header: text.default(':path').describe('Name of the header, in any case; :path is the path of the request.'),
    segments: z
      .int()
      .min(1, '`segments` must be >= 1')
      .exactOptional()
      .describe('How many segments make the name. Default: all of them.'),
  }),
  make: ({ header, segments }, { dstPrefix }: IdentifierContext): Identifier => {
    const read = headerReader(header.toLowerCase());
    const paths = new PathMemo(dstPrefix);
    const tooShort = new Unidentified(`Path must have at least ${segments} segment(s)`);
    const leastSize = dstPrefix.size + (segments ?? 0);
    return (request) => {
      const value = read(request);
      if (value === undefined || value === '') return MISSING;
      const whole = withoutQuery(value);
      const path = paths.get(segments === undefined ? whole : firstSegments(whole, segments), parsePath);
      return path.size < leastSize ? tooShort : path;
    };
  },
});

const MISSING = new Unidentified('Missing destination path');

/** Up to the query, and without one slash at the end. */
function withoutQuery(value: string): string {
  const end = pathEnd(value);
  return value.slice(0, end > 1 && value[end - 1] === '/' ? end - 1 : end);
}

/** The rest is cut off before it is looked at: it may be anything, and different for each request. */
function firstSegments(path: string, count: number): string {
  let end = 0;
  for (let i = 0; i < count; i++) {
    end = path.indexOf('/', end + 1);
    if (end < 0) return path;
  }
  return path.slice(0, end);
}
