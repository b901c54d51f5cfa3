// Kind `io.l5d.path`: the first segments of the request's path, which it can take out of the request that goes upstream.

import { z } from 'zod';
import { flag } from '../../config/schema/scalars.js';
import { defineKind } from '../base/kind.js';
import { Path } from '../base/path.js';
import { type Identifier, type IdentifierContext, PathMemo, Unidentified } from './identifier.js';
import { pathEnd } from './request-path.js';

export const pathIdentifier = defineKind({
  kind: 'io.l5d.path',
  description: "Names a request after the first segments of its URI's path.",
  config: z.strictObject({
    segments: z.int().min(1, '`segments` must be >= 1').default(1).describe('How many segments make the name.'),
    consume: flag.default(false).describe('Whether these segments are taken out of the URI that goes upstream.'),
  }),
  make: ({ segments, consume }, { dstPrefix }: IdentifierContext): Identifier => {
    const paths = new PathMemo(dstPrefix);
    return (request) => {
      const { target } = request;
      const end = endOfSegments(target, segments);
      if (end < 0) return TOO_SHORT;
      const path = paths.get(target.slice(0, end), segmentsPath);
      if (consume) request.target = afterSegments(target, end);
      return path;
    };
  },
});

const TOO_SHORT = new Unidentified('not enough segments in path');

/** Index where segment number `count` of `target` ends; -1 when there are fewer. Slashes at the end begin no segment. */
function endOfSegments(target: string, count: number): number {
  let pathStop = pathEnd(target);
  while (pathStop > 0 && target[pathStop - 1] === '/') pathStop -= 1;
  let end = 0;
  for (let i = 0; i < count; i++) {
    if (end >= pathStop || target[end] !== '/') return -1;
    const slash = target.indexOf('/', end + 1);
    end = slash < 0 || slash > pathStop ? pathStop : slash;
  }
  return end;
}

/** `start` is the path up to the end of its last segment. Segments are taken as they are: `%41` stays `%41`. */
function segmentsPath(start: string): Path {
  const segments = start.slice(1).split('/');
  const empty = segments.indexOf('');
  if (empty >= 0) throw new RangeError(`segment ${empty + 1} of "${start}" is empty, and no element of a name may be`);
  return new Path(segments);
}

/** What is left of `target`: at least `/`; a slash at the end and the query stay. */
function afterSegments(target: string, end: number): string {
  const rest = target.slice(end).replace(ONLY_SLASHES, '/');
  return rest[0] === '/' ? rest : `/${rest}`;
}

/** `/a//` leaves `/`: a target of two slashes reads as the start of a host to some servers. */
const ONLY_SLASHES = /^\/+(?=\?|$)/;
