// Host name: a Host or `:authority` as a caller wrote it in, the name in it, and the one spelling of it, out.

const COLON = 58;
const CLOSING_BRACKET = 93;

/** Without the port, if there is one. */
export function hostName(authority: string): string {
  return authority.slice(0, hostEnd(authority));
}

/** Without the port and without a dot at its end, in lower case: equal for all ways to write one host. */
export function canonicalHostName(authority: string): string {
  return hostName(canonicalAuthority(authority));
}

/**
 * In lower case, without a dot at its end, with its port as it was written: `SHOP.example.com.:8443` becomes
 * `shop.example.com:8443`. What is written so already is answered as it is.
 */
export function canonicalAuthority(authority: string): string {
  const lower = authority.toLowerCase();
  const end = hostEnd(lower);
  return end > 0 && lower.endsWith('.', end) ? lower.slice(0, end - 1) + lower.slice(end) : lower;
}

/** Where the port begins, colon included, or the length. What is no port is part of the name, which then is no host. */
export function hostEnd(authority: string): number {
  for (let i = authority.length - 1; i > 0; i--) {
    const c = authority.charCodeAt(i);
    if (c === COLON) return i;
    // The colons of an IPv6 address are in brackets.
    if (c < 48 || c > 57) return c === CLOSING_BRACKET ? i + 1 : authority.length;
  }
  return authority.length;
}
