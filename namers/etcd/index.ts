// io.l5d.etcd as the configuration names it.

import { z } from 'zod';
import { flag, text, textThat } from '../../config/schema/scalars.js';
import { clientTlsSchema } from '../../config/schema/tls.js';
import { defineKind } from '../../src/base/kind.js';
import type { Namer, NamerContext } from '../../src/naming/namer.js';
import { EtcdNamer } from './namer.js';

const DEFAULT_PORT = 2379;

export const etcdNamer = defineKind({
  kind: 'io.l5d.etcd',
  description: 'Service discovery by etcd (v3): each key below a prefix registers one instance of a service.',
  config: z
    .strictObject({
      endpoints: z
        .array(textThat('a URL such as "http://127.0.0.1:2379"', isEndpoint).transform(withPort))
        .min(1)
        .default(['http://127.0.0.1:2379'])
        .describe('Client URLs of the servers of one cluster. Default [http://127.0.0.1:2379].'),
      pathPrefix: textThat('a prefix of keys without empty elements, such as "/services"', isKeyPrefix)
        .transform(withoutEndingSlash)
        .default('/services')
        .describe('What keys begin with: <pathPrefix>/<service>/<instance>. Default /services.'),
      username: text.exactOptional().describe('User to log in as, together with `password`.'),
      password: text.exactOptional().describe('Password of that user.'),
      tls: clientTlsSchema().exactOptional().describe('How https endpoints are checked, and what we show them.'),
      publish: flag
        .default(false)
        .describe(
          'True: metadata {"linkgate.io/external": "<host>[, <host>]"} of a registration publishes these hosts to listeners ' +
            'of `exposure: external`. Default false.',
        ),
    })
    .superRefine(checkTogether),
  make: (config, { prefix, clock, random, metrics }: NamerContext): Namer =>
    new EtcdNamer({ ...config, prefix, clock, random, metrics }),
});

/** Scheme, host and port and nothing else. */
function isEndpoint(url: string): boolean {
  return /^https?:\/\/[^/?#@\s]+\/?$/.test(url) && URL.canParse(url);
}

/** etcd's own port where none is written, not that of HTTP. */
function withPort(url: string): string {
  const written = url.replace(/\/$/, '');
  return /:\d+$/.test(written) ? written : `${written}:${DEFAULT_PORT}`;
}

function isKeyPrefix(prefix: string): boolean {
  return prefix !== '' && !prefix.includes('//');
}

function withoutEndingSlash(prefix: string): string {
  return prefix.replace(/\/$/, '');
}

interface Together {
  readonly endpoints: readonly string[];
  readonly username?: string;
  readonly password?: string;
  readonly tls?: { readonly enabled: boolean };
}

/** Not run where the value of a key is wrong by itself. */
function checkTogether({ endpoints, username, password, tls }: Together, context: z.RefinementCtx): void {
  const refuse = (key: string, message: string): void => {
    context.addIssue({ code: 'custom', path: [key], message });
  };
  if (username !== undefined && password === undefined) refuse('username', '`username` is set but `password` is not');
  if (password !== undefined && username === undefined) refuse('password', '`password` is set but `username` is not');
  const isSecure = endpoints.map((url) => url.startsWith('https:'));
  if (isSecure.includes(true) && isSecure.includes(false)) {
    refuse('endpoints', 'some endpoints are http and some https, want all of one sort');
  } else if (tls?.enabled && isSecure.includes(false)) {
    refuse('endpoints', '`tls` is set but the endpoints are http, want https');
  }
}
