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
 * Spellings seen lately, by a hash. Most callers write a few dozen names in one way each; comparing with those in place saves
 * cutting out and lower-casing every name. Bounded, since callers choose the names; of those in one bucket the next in turn gives
 * way to a new one, so that names made up by somebody do not stay for ever in the place of those of others.
 */
const buckets: FieldName[][] = Array.from({ length: 1024 }, () => []);
const MAX_REMEMBERED_LENGTH = 63;
const MAX_REMEMBERED_PER_BUCKET = 8;
let nextToGive = 0;
const COLON = 58;
const COLONS = 0x3a3a3a3a;
/** Of a name, more do not go into its hash. */
const HASHED_BYTES = 12;

/** The name that `bytes` have from `start` to `end`: characters of a token, and the colon at `end`. */
export function fieldNameAt(bytes: Uint8Array, words: DataView, start: number, end: number): FieldName {
  const known = knownFieldNameAt(bytes, words, start);
  if (known) return known;
  const name = makeFieldName(bytes.subarray(start, end));
  if (end - start <= MAX_REMEMBERED_LENGTH) remember(name, bucketAt(bytes, words, start));
  return name;
}

function remember(name: FieldName, bucket: FieldName[]): void {
  if (bucket.length < MAX_REMEMBERED_PER_BUCKET) {
    bucket.push(name);
    return;
  }
  nextToGive = (nextToGive + 1) % MAX_REMEMBERED_PER_BUCKET;
  bucket[nextToGive] = name;
}

/**
 * The name from `start` up to a colon, where it has been seen before. `words` are of the same bytes: comparing four at a time is
 * several times faster.
 */
export function knownFieldNameAt(bytes: Uint8Array, words: DataView, start: number): FieldName | undefined {
  const bucket = bucketAt(bytes, words, start);
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

/** By the first byte and the words before the one in which the colon is: where the name ends is not known yet. */
function bucketAt(bytes: Uint8Array, words: DataView, start: number): FieldName[] {
  let hash = bytes[start] as number;
  const last = Math.min(words.byteLength, start + HASHED_BYTES) - 4;
  for (let i = start; i <= last; i += 4) {
    const word = words.getInt32(i, true);
    const notColons = word ^ COLONS;
    // Whether one of its bytes is 0.
    if (((notColons - 0x01010101) & ~notColons & 0x80808080) !== 0) break;
    hash = Math.imul(hash ^ word, 0x01000193);
    hash ^= hash >>> 15;
  }
  return buckets[(hash ^ (hash >>> 20)) & (buckets.length - 1)] as FieldName[];
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
