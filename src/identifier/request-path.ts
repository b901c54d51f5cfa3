// Request path: a request target in, where its path ends out.

/** Index of the `?` of `target`, or its length. */
export function pathEnd(target: string): number {
  const query = target.indexOf('?');
  return query < 0 ? target.length : query;
}

/** A prefix as it is compared: of `/a/` it is `/a`, of `/` nothing. */
export function withoutEndSlash(prefix: string): string {
  return prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
}
