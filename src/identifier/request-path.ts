// Where the path of a request target ends.

/** Index of the `?` of `target`, or its length. */
export function pathEnd(target: string): number {
  const query = target.indexOf('?');
  return query < 0 ? target.length : query;
}
