// Captures: the `{name}`s of a prefix and of the texts beside it.

/** As the path matcher reads them. */
const CAPTURE = /\{([A-Za-z0-9_.:]+)\}/g;

/** The names between braces in `text`, in order. */
export function captureNames(text: string): readonly string[] {
  return [...text.matchAll(CAPTURE)].map(([, name]) => name as string);
}
