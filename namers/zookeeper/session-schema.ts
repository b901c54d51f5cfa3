// Session schema: the keys that every kind on ZooKeeper has in the configuration file, and the session that they describe.

import { z } from 'zod';
import { text, textThat } from '../../config/schema/scalars.js';
import { isNodePath } from './node-path.js';
import { DEFAULT_PORT, DEFAULT_SESSION_TIMEOUT_MS, type SessionConfig } from './session.js';

export const sessionKeys = {
  zkAddrs: z
    .array(
      z.strictObject({
        host: text.describe('Host name or IP address; IPv6 without brackets.'),
        port: z.int().min(1).max(65535).default(DEFAULT_PORT).describe(`Client port. Default ${DEFAULT_PORT}.`),
      }),
    )
    .min(1)
    .describe('Servers of one ZooKeeper ensemble.'),
  chroot: nodePathText().exactOptional().describe('Path that every path is below, e.g. /apps. Default: the root.'),
  authInfo: z
    .strictObject({
      scheme: text.describe('Authentication scheme: digest.'),
      auth: text.describe('Credentials of the scheme; for digest user:password.'),
    })
    .exactOptional()
    .describe('Credentials that the session is given. Default: none.'),
  sessionTimeoutMs: z
    .int()
    .min(100)
    .default(DEFAULT_SESSION_TIMEOUT_MS)
    .describe(
      `Silence after which the session is over, in milliseconds; the server may grant another time. Default ${DEFAULT_SESSION_TIMEOUT_MS}.`,
    ),
};

/** A path of ZooKeeper such as `/a/b`. */
export function nodePathText() {
  return textThat('a path of ZooKeeper such as "/apps", without a slash at its end', isNodePath);
}

interface SessionKeys {
  readonly zkAddrs: SessionConfig['servers'];
  readonly chroot?: string;
  readonly authInfo?: { readonly scheme: string; readonly auth: string };
  readonly sessionTimeoutMs: number;
}

export function sessionFromKeys({ zkAddrs, chroot = '/', authInfo, sessionTimeoutMs }: SessionKeys): SessionConfig {
  return { servers: zkAddrs, chroot: withoutRoot(chroot), authInfo, sessionTimeoutMs };
}

/** So that a path can be put behind it. */
export function withoutRoot(path: string): string {
  return path === '/' ? '' : path;
}
