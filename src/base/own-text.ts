// Own text: a binary string that may be cut out of another one in, the same as a flat text of its own out.

/** The engine keeps all of a text for as long as something cut out of it is in use: of a head, for one of its names. */
export function ownText(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
