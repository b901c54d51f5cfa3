// StreamReset: the code with which a peer ended one stream, for whoever has to tell the other side.

/** The `cause` of the error that a request gets whose stream was reset. Holds no stack: resets may come in thousands. */
export class StreamReset {
  /** By name, as RFC 9113 §7 has it: `CANCEL`, `REFUSED_STREAM`, … */
  readonly code: string;

  constructor(code: string) {
    this.code = code;
  }
}
