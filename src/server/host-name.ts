// Host name: a Host or `:authority` in, the same without a port out.

export function hostName(host: string): string {
  const colon = host.lastIndexOf(':');
  // The colons of an IPv6 address are in brackets.
  return colon > 0 && !host.endsWith(']') ? host.slice(0, colon) : host;
}
