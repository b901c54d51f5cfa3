// Roll policies of the access log: the text of the configuration in; when to roll and what to call the old file out.

export type RollPolicy =
  | { readonly type: 'never' }
  | { readonly type: 'hourly' }
  | { readonly type: 'daily' }
  /** `day`: 0 is Sunday, as in Date. */
  | { readonly type: 'weekly'; readonly day: number }
  | { readonly type: 'size'; readonly bytes: number };

/**
 * Reads `never`, `hourly`, `daily`, `weekly(n)` with n from 1 (Sunday) to 7, or a size such as `100.megabytes`; upper and
 * lower case are the same. Throws RangeError.
 */
export function parseRollPolicy(text: string): RollPolicy {
  const lower = text.toLowerCase();
  if (lower === 'never' || lower === 'hourly' || lower === 'daily') return { type: lower };
  const weekly = /^weekly\(([1-7])\)$/.exec(lower);
  if (weekly) return { type: 'weekly', day: Number(weekly[1]) - 1 };
  const size = /^(\d+)\.(byte|kilobyte|megabyte|gigabyte|terabyte)s?$/.exec(lower);
  const bytes = size ? Number(size[1]) * 1024 ** UNITS.indexOf(size[2] as string) : 0;
  if (bytes > 0) return { type: 'size', bytes };
  throw new RangeError(
    `Invalid log roll policy: "${text}", want never, hourly, daily, weekly(n) with n from 1 (Sunday) to 7, ` +
      'or a size such as 100.megabytes',
  );
}

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];

/** The first moment after `epochMs` at which a file is due by time, in the local time zone; Infinity when it never is. */
export function nextRollMs(policy: RollPolicy, epochMs: number): number {
  const at = new Date(epochMs);
  const midnight = (days: number): number => new Date(at.getFullYear(), at.getMonth(), at.getDate() + days).getTime();
  switch (policy.type) {
    case 'hourly':
      return new Date(at.getFullYear(), at.getMonth(), at.getDate(), at.getHours() + 1).getTime();
    case 'daily':
      return midnight(1);
    case 'weekly':
      return midnight(((policy.day - at.getDay() + 6) % 7) + 1);
    case 'never':
    case 'size':
      return Number.POSITIVE_INFINITY;
    default:
      return policy satisfies never;
  }
}

/** What tells a rolled file from others: the time it was begun, as finely as the policy needs. */
export function rolledStamp(policy: RollPolicy, begunAtMs: number): string {
  const at = new Date(begunAtMs);
  const day = `${at.getFullYear()}${two(at.getMonth() + 1)}${two(at.getDate())}`;
  switch (policy.type) {
    case 'hourly':
      return `${day}-${two(at.getHours())}`;
    case 'size':
      return `${day}-${two(at.getHours())}${two(at.getMinutes())}${two(at.getSeconds())}`;
    case 'daily':
    case 'weekly':
    case 'never':
      return day;
    default:
      return policy satisfies never;
  }
}

/** Two digits. */
export function two(n: number): string {
  return n < 10 ? `0${n}` : `${n}`;
}
