// Field names: what there is to know of the name of a header or trailer, worked out once for each spelling.

/**
 * What a field is to the gateway as it passes:
 * - `plain`: nothing, it is passed on;
 * - `length`, `coding`: how the body is framed, which each codec says anew;
 * - `connection`, `te`, `upgrade`: of one hop, with a meaning for what is passed on;
 * - `hop`: of one hop (RFC 9110 §7.6.1 and Linkerd's StripHopByHopHeaders), and dropped;
 * - `gateway`: see `Headers.mayHaveGatewayFields`.
 */
export type FieldRole =
  | 'plain'
  | 'host'
  | 'cookie'
  | 'expect'
  | 'length'
  | 'coding'
  | 'connection'
  | 'te'
  | 'upgrade'
  | 'hop'
  | 'gateway';

const ROLES: ReadonlyMap<string, FieldRole> = new Map<string, FieldRole>([
  ['host', 'host'],
  ['cookie', 'cookie'],
  ['expect', 'expect'],
  ['content-length', 'length'],
  ['transfer-encoding', 'coding'],
  ['connection', 'connection'],
  ['te', 'te'],
  ['upgrade', 'upgrade'],
  ['proxy-connection', 'hop'],
  ['keep-alive', 'hop'],
  ['proxy-authenticate', 'hop'],
  ['proxy-authorization', 'hop'],
  ['trailer', 'hop'],
  ['http2-settings', 'hop'],
  ['via', 'gateway'],
  ['x-forwarded-client-cert', 'gateway'],
  ['grpc-timeout', 'gateway'],
]);

/** Of a name in lower case. */
export function roleOf(lowerName: string): FieldRole {
  return ROLES.get(lowerName) ?? (lowerName.startsWith('l5d-') ? 'gateway' : 'plain');
}

/** Of one hop, and never passed on as it is. Fields that frame a body are the codecs' business. */
export function isHopByHop(lowerName: string): boolean {
  const role = roleOf(lowerName);
  return role === 'hop' || role === 'connection' || role === 'te' || role === 'upgrade';
}

/** A name as spelled. */
export interface FieldName {
  readonly spelling: string;
  readonly lower: string;
  readonly role: FieldRole;
  /** The spelling's. */
  readonly bytes: Uint8Array;
  /** The same, four bytes to a number, the first one lowest; up to three at the end are left out. */
  readonly words: Int32Array;
}

/**
 * Spellings seen so far, by their first two letters. Most callers write a few dozen names in one way each; comparing with those
 * in place saves cutting out, hashing and lower-casing every name. Bounded, since callers choose the names.
 */
const buckets: FieldName[][] = Array.from({ length: 32 * 32 }, () => []);
const MAX_REMEMBERED_LENGTH = 63;
const MAX_REMEMBERED_PER_BUCKET = 16;
const COLON = 58;

/** The name that `bytes` have from `start` to `end`: characters of a token, and the colon at `end`. */
export function fieldNameAt(bytes: Uint8Array, words: DataView, start: number, end: number): FieldName {
  const known = knownFieldNameAt(bytes, words, start);
  if (known) return known;
  const name = makeFieldName(bytes.subarray(start, end));
  const bucket = bucketAt(bytes, start);
  if (end - start <= MAX_REMEMBERED_LENGTH && bucket.length < MAX_REMEMBERED_PER_BUCKET) bucket.push(name);
  return name;
}

/**
 * The name from `start` up to a colon, where it has been seen before. `words` are of the same bytes: comparing four at a time is
 * several times faster.
 */
export function knownFieldNameAt(bytes: Uint8Array, words: DataView, start: number): FieldName | undefined {
  const bucket = bucketAt(bytes, start);
  for (let i = 0; i < bucket.length; i++) {
    const name = bucket[i] as FieldName;
    if (bytes[start + name.bytes.length] === COLON && isAt(name, bytes, words, start)) return name;
  }
  return undefined;
}

function isAt(name: FieldName, bytes: Uint8Array, words: DataView, start: number): boolean {
  const { bytes: known, words: knownWords } = name;
  for (let i = 0; i < knownWords.length; i++) {
    if (words.getInt32(start + 4 * i, true) !== knownWords[i]) return false;
  }
  for (let i = 4 * knownWords.length; i < known.length; i++) if (bytes[start + i] !== known[i]) return false;
  return true;
}

function bucketAt(bytes: Uint8Array, start: number): FieldName[] {
  return buckets[(((bytes[start] as number) & 31) << 5) | ((bytes[start + 1] as number) & 31)] as FieldName[];
}

function makeFieldName(shared: Uint8Array): FieldName {
  const bytes = Uint8Array.from(shared);
  const spelling = Buffer.from(bytes).toString('latin1');
  // As a property key the text becomes one that the engine compares by address, here and wherever headers are looked up.
  const lower = Object.keys({ [spelling.toLowerCase()]: true })[0] as string;
  const view = new DataView(bytes.buffer);
  const words = Int32Array.from({ length: bytes.length >> 2 }, (_, i) => view.getInt32(4 * i, true));
  return { spelling, lower, role: roleOf(lower), bytes, words };
}
