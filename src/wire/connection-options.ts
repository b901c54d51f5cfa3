// The Connection header and what it means for one message: keep the connection, upgrade it, drop fields that it lists.
//
// RFC 9110 §7.6.1: a proxy removes every field that Connection lists. A list that names a field meant for all recipients
// is how an attacker makes a proxy drop Host, Authorization or X-Forwarded-For on the way, so such a name is never obeyed.

/** Options that are no field names, or name fields that are hop-by-hop in any case. */
const KNOWN_OPTIONS: ReadonlySet<string> = new Set([
  'close',
  'keep-alive',
  'upgrade',
  'te',
  'http2-settings',
  'trailer',
]);

/** Fields that a Connection header has no business to remove. */
const END_TO_END: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'content-type',
  'content-encoding',
  'content-range',
  'range',
  'authorization',
  'cookie',
  'set-cookie',
  'cache-control',
  'date',
  'expect',
  'location',
  'origin',
  'forwarded',
  'via',
  'x-real-ip',
  'x-request-id',
]);

const END_TO_END_PREFIXES = ['x-forwarded-', 'l5d-', 'x-b3-', 'sec-'] as const;

/** Reads Connection header values; `reset` between messages. */
export class ConnectionOptions {
  close = false;
  keepAlive = false;
  upgrade = false;
  /** Fields to remove besides the hop-by-hop ones, in lower case; undefined when there are none (the usual case). */
  listed: Set<string> | undefined;
  /** A listed field that is meant for all recipients, else undefined. */
  forbidden: string | undefined;

  reset(): void {
    this.close = false;
    this.keepAlive = false;
    this.upgrade = false;
    this.listed = undefined;
    this.forbidden = undefined;
  }

  add(value: string): void {
    // The two values that nearly every message has.
    if (value === 'keep-alive') this.keepAlive = true;
    else if (value === 'close') this.close = true;
    else for (const part of value.split(',')) this.#option(part.trim().toLowerCase());
  }

  #option(option: string): void {
    if (option === 'close') this.close = true;
    else if (option === 'keep-alive') this.keepAlive = true;
    else if (option === 'upgrade') this.upgrade = true;
    if (option === '' || KNOWN_OPTIONS.has(option)) return;
    if (END_TO_END.has(option) || END_TO_END_PREFIXES.some((prefix) => option.startsWith(prefix))) {
      this.forbidden = option;
      return;
    }
    this.listed ??= new Set();
    this.listed.add(option);
  }
}
