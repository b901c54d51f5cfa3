// Kind `io.l5d.methodAndHost`: version, method and host as elements, `/1.1/GET/shop.example.com`.

import { z } from 'zod';
import { flag } from '../../config/schema/scalars.js';
import { defineKind } from '../base/kind.js';
import { parsePath } from '../base/name-grammar.js';
import { EMPTY_PATH, Path } from '../base/path.js';
import type { RequestHead } from '../service/message.js';
import { type Identifier, type IdentifierContext, PathMemo, Unidentified } from './identifier.js';
import { pathEnd } from './request-path.js';

export const methodAndHostIdentifier = defineKind({
  kind: 'io.l5d.methodAndHost',
  description: 'Names a request after its HTTP version, method and lower-cased host.',
  config: z.strictObject({
    httpUriInDst: flag.default(false).describe("Whether the path of the request's URI follows in the name."),
  }),
  make: ({ httpUriInDst }, { dstPrefix }: IdentifierContext): Identifier => {
    const names = new NamesByMethod(dstPrefix);
    return (request) => {
      const host = request.version === '1.0' ? '' : request.headers.get('host');
      if (host === undefined || (host === '' && request.version !== '1.0')) return HOST_MISSING;
      return names.get(request, host, httpUriInDst ? request.target.slice(0, pathEnd(request.target)) : undefined);
    };
  },
});

const HOST_MISSING = new Unidentified('HTTP/1.1 request missing hostname');

/** Methods are the caller's to invent: this many are remembered, more than HTTP and WebDAV have. */
const MAX_METHODS = 64;

/** One memory of names for each version and method, so that a name asked for again is found by its host, unjoined. */
class NamesByMethod {
  readonly #prefix: Path;
  readonly #http10 = new Map<string, PathMemo>();
  readonly #http11 = new Map<string, PathMemo>();

  constructor(prefix: Path) {
    this.#prefix = prefix;
  }

  /** `host` is empty for HTTP/1.0, whose names have none. HTTP/2 is named as 1.1, so that dtabs hold for both. */
  get({ method, version }: RequestHead, host: string, uriPath: string | undefined): Path {
    const byMethod = version === '1.0' ? this.#http10 : this.#http11;
    let names = byMethod.get(method);
    if (names === undefined) {
      const start = new Path([version === '1.0' ? '1.0' : '1.1', method]);
      names = new PathMemo(this.#prefix.concat(start), { ownKeys: true });
      if (byMethod.size >= MAX_METHODS) byMethod.clear();
      byMethod.set(method, names);
    }
    // A space is in neither a host that a server lets in nor in a target.
    return uriPath === undefined ? names.get(host, hostPath) : names.get(`${host} ${uriPath}`, hostAndUriPath);
  }
}

function hostPath(host: string): Path {
  return host === '' ? EMPTY_PATH : new Path([asciiLowerCase(host)]);
}

function hostAndUriPath(key: string): Path {
  const space = key.lastIndexOf(' ');
  return hostPath(key.slice(0, space)).concat(parsePath(key.slice(space + 1)));
}

/** `toLowerCase` would also change bytes above 0x7f, of which a binary string has any. */
function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
