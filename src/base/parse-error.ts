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

/** Where a ParseError stands in its text: both 1-based, the column in UTF-16 units. */
export function lineAndColumn(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

/** How much of the text on either side `briefly` quotes. */
const BRIEF_CHARS = 20;

/** The message on one line and with only the text around the mistake: a dtab may have hundreds of lines. */
export function briefly({ message, offset }: ParseError, text: string): string {
  const before = text.slice(Math.max(0, offset - BRIEF_CHARS), offset);
  const after = text.slice(offset + 1, offset + 1 + BRIEF_CHARS);
  const head = message.slice(0, message.indexOf(" at '"));
  return `${head} at '${before}[${text.charAt(offset)}]${after}'`.replaceAll(/\s*[\r\n]\s*/g, ' ');
}
