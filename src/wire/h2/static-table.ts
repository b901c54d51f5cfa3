// The static table of HPACK (RFC 7541 Appendix A): index to field, and field to index.

/** `[name, value]` of index 1 to 61. */
const ENTRIES: readonly (readonly [name: string, value: string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language', ''],
  ['accept-ranges', ''],
  ['accept', ''],
  ['access-control-allow-origin', ''],
  ['age', ''],
  ['allow', ''],
  ['authorization', ''],
  ['cache-control', ''],
  ['content-disposition', ''],
  ['content-encoding', ''],
  ['content-language', ''],
  ['content-length', ''],
  ['content-location', ''],
  ['content-range', ''],
  ['content-type', ''],
  ['cookie', ''],
  ['date', ''],
  ['etag', ''],
  ['expect', ''],
  ['expires', ''],
  ['from', ''],
  ['host', ''],
  ['if-match', ''],
  ['if-modified-since', ''],
  ['if-none-match', ''],
  ['if-range', ''],
  ['if-unmodified-since', ''],
  ['last-modified', ''],
  ['link', ''],
  ['location', ''],
  ['max-forwards', ''],
  ['proxy-authenticate', ''],
  ['proxy-authorization', ''],
  ['range', ''],
  ['referer', ''],
  ['refresh', ''],
  ['retry-after', ''],
  ['server', ''],
  ['set-cookie', ''],
  ['strict-transport-security', ''],
  ['transfer-encoding', ''],
  ['user-agent', ''],
  ['vary', ''],
  ['via', ''],
  ['www-authenticate', ''],
];

/** Indices above this are of the dynamic table. */
export const STATIC_COUNT = ENTRIES.length;

/** Flat, `[name, value, name, value …]`: the field of index i is at 2i and 2i + 1. Index 0 is of no field. */
export const STATIC_FIELDS: readonly string[] = ['', '', ...ENTRIES.flat()];

/** What the static table knows of one name. */
export interface StaticName {
  /** The lowest index with this name. */
  readonly index: number;
  /** Value to index. An entry without a value is there for its name: it is not among them. */
  readonly values: ReadonlyMap<string, number>;
}

export const STATIC_NAMES: ReadonlyMap<string, StaticName> = namesOf(ENTRIES);

function namesOf(entries: typeof ENTRIES): Map<string, StaticName> {
  const names = new Map<string, { index: number; values: Map<string, number> }>();
  entries.forEach(([name, value], i) => {
    const known = names.get(name) ?? { index: i + 1, values: new Map<string, number>() };
    names.set(name, known);
    if (value !== '') known.values.set(value, i + 1);
  });
  return names;
}
