// Resource versions: the counter that an API server puts on every change, as text; two of them in, which one is later out.

/**
 * True when `version` is later than `known`. Versions are whole numbers that a cluster counts up, with more digits than a
 * JavaScript number holds exactly; one that is no number cannot be ordered and counts as later.
 */
export function isLater(version: string, known: string): boolean {
  if (!DIGITS.test(version) || !DIGITS.test(known)) return version !== known;
  return version.length === known.length ? version > known : version.length > known.length;
}

const DIGITS = /^(0|[1-9]\d*)$/;
