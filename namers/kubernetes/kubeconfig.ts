// Kubeconfig: the file that kubectl reads in, the server and the credentials of one of its contexts out.
//
// Programs that a kubeconfig names to get credentials from (exec, auth-provider) are never run: a gateway starts nothing that
// a file tells it to. Whatever cannot be honoured is refused, because leaving it out would speak as somebody else.

import { dirname, resolve } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import type { ApiTls } from '../shared/http-api.js';
import { checkPort, show } from '../shared/members.js';
import { type JsonObject, listIn, objectIn, textIn } from './json.js';
import { bearer, type KubeServer, readCredential } from './kube-server.js';

/**
 * Reads `file` again at each call, and answers the same object for as long as its text is the same. `context` is the
 * file's `current-context` when undefined. Calls throw what is wrong with the file; no message holds a credential.
 */
export function kubeconfigServer(file: string, context: string | undefined): () => KubeServer {
  let known: { readonly text: string; readonly server: KubeServer } | undefined;
  return () => {
    const text = readCredential(file, 'kubeconfig');
    if (known?.text !== text) known = { text, server: parseKubeconfig(text, file, context) };
    return known.server;
  };
}

/** Relative names of files in it are taken from the folder of `file`. Throws `<file>: …`. */
export function parseKubeconfig(text: string, file: string, context: string | undefined): KubeServer {
  try {
    const config = objectIn(parseYaml(text), 'the file');
    const name = context ?? textIn(config['current-context'], 'current-context');
    if (name === undefined) throw new Error('it has no current-context; say which one with `context`');
    const chosen = objectIn(named(config, 'contexts', 'context', name), `context "${name}"`);
    const clusterName = textIn(chosen.cluster, 'cluster') ?? '';
    const userName = textIn(chosen.user, 'user');
    const cluster = objectIn(named(config, 'clusters', 'cluster', clusterName), `cluster "${clusterName}"`);
    const user = userName === undefined ? {} : objectIn(named(config, 'users', 'user', userName), `user "${userName}"`);
    return serverFrom(cluster, user, dirname(resolve(file)));
  } catch (error) {
    throw new Error(`kubeconfig ${file}: ${(error as Error).message}`, { cause: error });
  }
}

function parseYaml(text: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(text, { prettyErrors: false, lineCounter: lines });
  const [error] = document.errors;
  // The parser's own message may quote what stands there, and a token may stand there.
  if (error) throw new Error(`it is not YAML (line ${lines.linePos(error.pos[0]).line}: ${error.code})`);
  return document.toJS({ maxAliasCount: 100 }) as unknown;
}

/** The `cluster`, `user` or `context` of the list's entry that is called `name`. */
function named(config: JsonObject, list: string, key: string, name: string): unknown {
  const entries = listIn(config[list], list).map((entry) => objectIn(entry, `an entry of ${list}`));
  const found = entries.find((entry) => entry.name === name);
  if (found) return found[key];
  const names = entries.map((entry) => String(entry.name)).join(', ');
  throw new Error(`there is no ${key} "${name}" in it; it has ${names || 'none'}`);
}

const REFUSED_IN_USER = ['exec', 'auth-provider', 'username', 'password', 'as', 'as-uid', 'as-groups', 'as-user-extra'];

function serverFrom(cluster: JsonObject, user: JsonObject, folder: string): KubeServer {
  refuse(cluster, ['proxy-url'], 'cluster');
  refuse(user, REFUSED_IN_USER, 'user');
  const address = textIn(cluster.server, 'server');
  if (address === undefined) throw new Error('its cluster has no server');
  const url = parseUrl(address);
  const isTls = url.protocol === 'https:';
  const token = tokenOf(user, folder);
  const tls = tlsOf(cluster, user, folder);
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: checkPort(url.port === '' ? (isTls ? 443 : 80) : url.port),
    basePath: url.pathname.replace(/\/+$/, ''),
    ...(isTls && { tls }),
    ...(token && { headers: () => bearer(token()) }),
  };
}

function refuse(where: JsonObject, keys: readonly string[], what: string): void {
  const key = keys.find((one) => where[one] !== undefined && where[one] !== null);
  if (key === undefined) return;
  const advice =
    what === 'user' ? 'use a token, a tokenFile or a client certificate' : 'give a server that can be reached directly';
  throw new Error(`${key} of its ${what} is not supported; ${advice}`);
}

function parseUrl(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.username || url?.password)
    throw new Error('server of its cluster has credentials in it; give them in its user');
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url;
  throw new Error(`server ${show(address)} of its cluster is neither an https:// nor an http:// address`);
}

/** As `textIn`, for what must not be repeated in a message. */
function secretIn(where: JsonObject, key: string): string | undefined {
  const value = where[key];
  if (value !== undefined && value !== null && typeof value !== 'string') throw new Error(`${key} is no text`);
  return textIn(value, key);
}

/** kubectl's order: the file wins over the token beside it. */
function tokenOf(user: JsonObject, folder: string): (() => string) | undefined {
  const file = textIn(user.tokenFile, 'tokenFile');
  if (file !== undefined) return () => readCredential(resolve(folder, file), 'token');
  const token = secretIn(user, 'token');
  return token === undefined ? undefined : () => token;
}

function tlsOf(cluster: JsonObject, user: JsonObject, folder: string): () => ApiTls {
  const ca = pem(cluster, 'certificate-authority', folder);
  const cert = pem(user, 'client-certificate', folder);
  const key = pem(user, 'client-key', folder);
  const servername = textIn(cluster['tls-server-name'], 'tls-server-name');
  const isChecked = cluster['insecure-skip-tls-verify'] !== true;
  return () => ({
    rejectUnauthorized: isChecked,
    ...(servername !== undefined && { servername }),
    ...(ca && { ca: ca() }),
    ...(cert && { cert: cert() }),
    ...(key && { key: key() }),
  });
}

/** `<key>-data` (base64) wins over the file `<key>`, as for kubectl. */
function pem(where: JsonObject, key: string, folder: string): (() => string) | undefined {
  const data = secretIn(where, `${key}-data`);
  if (data !== undefined) {
    const decoded = Buffer.from(data, 'base64').toString('utf8');
    if (!decoded.includes('-----BEGIN ')) throw new Error(`${key}-data is no PEM in base64`);
    return () => decoded;
  }
  const file = textIn(where[key], key);
  return file === undefined ? undefined : () => readCredential(resolve(folder, file), key);
}
