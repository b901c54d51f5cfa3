// /config.json: the parsed configuration goes in, the same as JSON without its secrets comes out.

import type { AdminHandler, AdminSource } from './handler.js';
import { jsonResponse } from './responses.js';

export function configHandler(source: AdminSource): AdminHandler {
  return {
    path: '/config.json',
    category: 'ui',
    methods: ['GET'],
    description: 'The configuration in force, its secrets as "***".',
    handle: () => jsonResponse(redactSecrets(source.config), 'application/json;charset=UTF-8'),
  };
}

const REDACTED = '***';

/** `token`, `password`, `auth` of ZooKeeper's authInfos, `clientSecret`, `api_key`; not `authTokenFile`, not `clientAuth`. */
const SECRET_KEY =
  /^(auth|authorization)$|(token|password|passwd|passphrase|secret|credentials?|api_?key|private_?key)s?$/i;

/** The password in `scheme://user:password@host`. */
const URL_PASSWORD = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)[^\s/@]+(?=@)/gi;

/** A copy of `value` with every secret replaced and absent values dropped. */
export function redactSecrets(value: unknown, insideSecret = false): unknown {
  if (Array.isArray(value)) return value.map((item) => redactSecrets(item, insideSecret));
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined && item !== null);
    return Object.fromEntries(
      entries.map(([key, item]) => [key, redactSecrets(item, insideSecret || SECRET_KEY.test(key))]),
    );
  }
  if (insideSecret && (typeof value === 'string' || typeof value === 'number')) return REDACTED;
  return typeof value === 'string' ? value.replace(URL_PASSWORD, `$1${REDACTED}`) : value;
}
