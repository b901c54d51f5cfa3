// Host pattern: the text by which hosts are published or routed in, one host or all of one label more out.

/** Length of a host name, RFC 1035 §2.3.4 as text. */
const MAX_LENGTH = 253;

/** Underscores are no host name by RFC 952, but DNS and callers take them. */
const HOST = /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/**
 * `shop.example.com`, or `*.example.com` for exactly one label more: in lower case and without a dot at its end. Undefined for
 * what is neither: a port, a star elsewhere or alone, letters beyond ASCII (write `xn--…`), more than 253 characters.
 */
export function parseHostPattern(text: string): string | undefined {
  if (text.length > MAX_LENGTH + 1) return undefined;
  const lower = (text.endsWith('.') ? text.slice(0, -1) : text).toLowerCase();
  return lower.length <= MAX_LENGTH && HOST.test(lower) ? lower : undefined;
}

/** Whether `host`, in lower case and without a port, is one that `pattern` stands for. */
export function hostMatches(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*.')) return pattern === host;
  const dot = host.indexOf('.');
  return dot > 0 && host.slice(dot) === pattern.slice(1);
}
