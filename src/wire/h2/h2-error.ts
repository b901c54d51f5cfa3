// Error codes of HTTP/2 (RFC 9113 §7) by name and number, and the error that ends a connection.

/** Every code that RFC 9113 §7 names, with its number on the wire. */
export const H2_ERROR_CODES = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const satisfies Readonly<Record<string, number>>;

export type H2ErrorCode = keyof typeof H2_ERROR_CODES;

/**
 * A connection error (RFC 9113 §5.4.1): the connection cannot go on, and `code` goes out in GOAWAY. `message` says which
 * frame or field was wrong and what is wanted, and quotes the peer where it can. An error of one stream alone is no
 * exception but a `reset(code)` of that stream.
 */
export class H2Error extends Error {
  readonly code: H2ErrorCode;

  constructor(code: H2ErrorCode, message: string) {
    super(message);
    this.name = 'H2Error';
    this.code = code;
  }
}

const NAMES = Object.keys(H2_ERROR_CODES) as readonly H2ErrorCode[];

/**
 * The name of a code that a peer sent in RST_STREAM or GOAWAY. A number that RFC 9113 does not know is
 * `INTERNAL_ERROR`, as §7 allows: extensions must not trigger anything special.
 */
export function h2ErrorCodeFromNumber(number: number): H2ErrorCode {
  return NAMES[number] ?? 'INTERNAL_ERROR';
}
