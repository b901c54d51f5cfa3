// ParseError: what a grammar says about text that it does not accept, worded as Linkerd words it.

/** How much of the text on either side of the error is quoted: all of any real dtab, not all of a hostile one. */
const QUOTED_CHARS = 1000;

export class ParseError extends Error {
  override readonly name = 'ParseError';
  /** Where the offending character stands, in UTF-16 units from 0; the length of the text at its end. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/**
 * `'/' expected but 'i' found at '[i]nvalid-param'`; at the end of the text `end of input` was found and the brackets
 * are empty. `expected` and `found` come with their quotes, if any. More than 1000 characters on a side are cut.
 */
export function unexpected(
  text: string,
  offset: number,
  expected: string,
  found = charFound(text, offset),
): ParseError {
  const before = offset > QUOTED_CHARS ? `…${text.slice(offset - QUOTED_CHARS, offset)}` : text.slice(0, offset);
  const end = offset + 1 + QUOTED_CHARS;
  const after = end < text.length ? `${text.slice(offset + 1, end)}…` : text.slice(offset + 1);
  const where = `${before}[${text.charAt(offset)}]${after}`;
  return new ParseError(`${expected} expected but ${found} found at '${where}'`, offset);
}

function charFound(text: string, offset: number): string {
  return offset < text.length ? `'${text.charAt(offset)}'` : 'end of input';
}
