// Latin-1 text of bytes: one character a byte, so nothing is lost and nothing is decoded.

/** Node has this method on every Buffer, without documentation; `toString` comes to it after choosing by encoding name. */
type Latin1Buffer = Buffer & { latin1Slice(start: number, end: number): string };

export function latin1Slice(bytes: Buffer, start: number, end: number): string {
  return (bytes as Latin1Buffer).latin1Slice(start, end);
}
