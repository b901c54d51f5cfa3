// Secrets: which keys hold them, and how a value is quoted so that none of them gets into a message.

import { isMap, type KeyPath } from './config-error.js';

/** `token`, `password`, ZooKeeper's `auth`, `clientSecret`, `api_key`; not `clientAuth`, which names files. */
const SECRET_KEY =
  /^(auth|authorization)$|(token|password|passwd|passphrase|secret|credentials?|api_?key|private_?key)s?$/i;
/** The password in `scheme://user:password@host`. */
const URL_PASSWORD = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+(?=@)/gi;
const HIDDEN = '***';
const LONGEST_QUOTE = 60;

export function isSecretKey(key: string): boolean {
  return SECRET_KEY.test(key);
}

/** `value` for a message: quoted and cut, or only its sort for lists and maps; hidden where `path` has a secret key. */
export function showValue(value: unknown, path: KeyPath): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (isMap(value)) return 'a map';
  if (path.some((key) => typeof key === 'string' && isSecretKey(key))) return HIDDEN;
  if (typeof value !== 'string') return String(value);
  const open = value.replace(URL_PASSWORD, `$1${HIDDEN}`);
  return JSON.stringify(open.length > LONGEST_QUOTE ? `${open.slice(0, LONGEST_QUOTE)}…` : open);
}
