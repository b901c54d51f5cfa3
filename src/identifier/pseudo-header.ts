// Pseudo-headers: the name that HTTP/2 has for a part of a request in, that part out, whatever the request came by.

import type { RequestHead } from '../service/message.js';

/** Reads a header of a request, or what HTTP/2 calls `:authority`, `:path`, `:method` or `:scheme`. `name` in lower case. */
export function headerReader(name: string): (request: RequestHead) => string | undefined {
  switch (name) {
    case ':authority':
      return ({ headers }) => headers.get('host');
    case ':path':
      return ({ target }) => target;
    case ':method':
      return ({ method }) => method;
    case ':scheme':
      return ({ absoluteScheme }) => absoluteScheme;
    default:
      return ({ headers }) => headers.get(name);
  }
}
