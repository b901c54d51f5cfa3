// Regex size: the text of a regular expression in; about how many instructions it compiles to, repetitions written out, out.

/**
 * For refusing expressions before work is done for them: `(((a?){10}){10}){10}` is short, and takes milliseconds to compile. Not more
 * than twice the real number, and for what is no expression, any.
 */
export function regexSize(text: string): number {
  /** Of the groups that are open here, what stands before them. */
  const outer: number[] = [];
  let size = 0;
  /** Of what a repetition would repeat. */
  let last = 0;
  for (const [token, least, most] of text.matchAll(TOKEN)) {
    if (token.startsWith('(')) {
      outer.push(size);
      size = 0;
    } else if (token === ')') {
      last = size + GROUP;
      size = last + (outer.pop() ?? 0);
    } else if (least !== undefined) {
      // `{2,}` is two and a loop.
      const times = Math.max(1, Number(most === undefined || most === '' ? least : most));
      size += last * (times - 1);
      last *= times;
    } else {
      last = /^[?*+|]$/.test(token) ? last + 1 : 1;
      size += 1;
    }
  }
  return size;
}

/** Both ends of a capture. */
const GROUP = 2;

/** Escaped character, class, counted repetition, start of a group of some kind, or any other character. */
const TOKEN =
  /\\[\s\S]|\[\^?\]?(?:\\[\s\S]|\[:\^?\w+:\]|[^\]\\])*\]|\{(\d+)(?:,(\d*))?\}|\(\?(?:P?<\w+>|[a-zA-Z-]*:)|[\s\S]/g;
