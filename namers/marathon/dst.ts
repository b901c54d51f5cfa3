// dst: where to connect to in place of `host` and `port`, as the path that Linkerd has for it in, host and port out.

import { parsePath } from '../../src/base/name-grammar.js';
import { textFromBytes } from '../../src/base/path.js';
import { checkHost, checkPort } from '../shared/members.js';

/** `/$/inet/10.0.0.1/8080`. Throws what is wrong with it. */
export function parseDst(text: string): { readonly host: string; readonly port: number } {
  const [dollar, kind, host, port, ...rest] = parsePath(text).elements;
  if (dollar !== '$' || kind !== 'inet' || host === undefined || port === undefined || rest.length > 0) {
    throw new Error(`"${text}" is not "/$/inet/<host>/<port>", and no other name can be a registry's`);
  }
  return { host: checkHost(textFromBytes(host)), port: checkPort(textFromBytes(port)) };
}
