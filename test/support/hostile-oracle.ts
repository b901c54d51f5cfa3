// Hostile oracle: a request of hostile-requests.ts in, the one backend that it may reach out. By the letter of RFC 9112, 9113 and of
// docs/exposure.md, with nothing of the gateway's own code: what is not plainly in order must not reach a published host either.

import type { HostileRequest, Http1Request, Http2Request } from './hostile-requests.js';

/**
 * `reaches`: that backend gets it once and answers. `may`: it reaches that backend or is refused, as RFCs leave open. `nowhere`: it
 * reaches nobody.
 */
export type Verdict =
  | { readonly type: 'reaches'; readonly backend: string }
  | { readonly type: 'may'; readonly backend: string }
  | { readonly type: 'nowhere'; readonly why: string };

/** What the configuration publishes, to callers outside. */
export interface PublishedWorld {
  /** By host, exact or `*.` for one label; only those that have a dentry. */
  readonly backends: ReadonlyMap<string, string>;
  /** Which certificate a listener shows for a host, by the same patterns; others get `default`. */
  readonly certificates: ReadonlyMap<string, string>;
}

/** @param serverName of the handshake; undefined: plain text, or none was sent */
export function judge(request: HostileRequest, world: PublishedWorld, serverName: string | undefined): Verdict {
  const read = request.protocol === 'h2' ? readHttp2(request) : readHttp1(request);
  if (typeof read === 'string') return { type: 'nowhere', why: read };
  const { host, method, path, isDoubtful } = read;
  if (/^(connect|trace|track)$/i.test(method)) return { type: 'nowhere', why: `method ${method}` };
  const name = hostNameOf(host);
  if (name === undefined) return { type: 'nowhere', why: `"${host}" is no host` };
  const backend = find(world.backends, name);
  if (backend === undefined) return { type: 'nowhere', why: `nothing is published for "${name}"` };
  if (serverName !== undefined && certificateOf(world, serverName) !== certificateOf(world, name)) {
    return { type: 'nowhere', why: `"${name}" has another certificate than "${serverName}"` };
  }
  if (path !== '*' && !path.startsWith('/')) return { type: 'nowhere', why: `path "${path}"` };
  return { type: isDoubtful || !PLAIN_PATH.test(path) ? 'may' : 'reaches', backend };
}

interface Read {
  readonly host: string;
  readonly method: string;
  readonly path: string;
  /** Some proxies refuse it. */
  readonly isDoubtful: boolean;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 9110 §5.5, without the bytes beyond ASCII. */
const PLAIN_VALUE = /^[\t\x20-\x7e]*$/;
const CONTROLS = /[\0-\x08\x0a-\x1f\x7f]/;
/** Nothing in it that another server could read otherwise: no dot segments, doubled slashes, encodings. */
const PLAIN_PATH = /^(?:\/(?!\.{1,2}(?:\/|\?|$))[A-Za-z0-9._~-]+)*\/?(?:\?[A-Za-z0-9./=&~_-]*)?$/;
const PLAIN_METHOD = /^[A-Z]+$/;

/** Or why it is refused. */
function readHttp1({ method, target, version, fields, body }: Http1Request): Read | string {
  if (!TOKEN.test(method)) return 'method is no token';
  if (!/^[\x21-\x7e\x80-\xff]+$/.test(target)) return 'target';
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') return `version ${version}`;
  for (const [name, value] of fields) {
    if (!TOKEN.test(name)) return `field name "${name}"`;
    if (CONTROLS.test(value)) return `value of ${name}`;
  }
  const of = (wanted: string): readonly string[] =>
    fields.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value.trim());
  const [host, ...hosts] = of('host');
  if (host === undefined || hosts.length > 0) return 'not one Host';
  const [lengths, codings] = [of('content-length'), of('transfer-encoding')];
  if (lengths.length + codings.length > 1) return 'two framings';
  if (lengths.length === 1 && lengths[0] !== String(body.length)) return 'length';
  if (codings.length === 1 && codings[0] !== 'chunked') return 'transfer coding';
  const absolute = /^([a-z]+):\/\/([^/?#]*)(.*)$/i.exec(target);
  if (absolute && absolute[2]?.toLowerCase() !== host.toLowerCase()) return 'target of another host';
  const isDoubtful =
    version !== 'HTTP/1.1' ||
    !PLAIN_METHOD.test(method) ||
    absolute !== null ||
    of('upgrade').length > 0 ||
    of('connection').some((value) => !/^(?:close|keep-alive|te|, )*$/.test(value)) ||
    of('l5d-ctx-trace').length > 0 ||
    fields.some(([, value]) => !PLAIN_VALUE.test(value));
  return { host, method, path: absolute ? absolute[3] || '/' : target, isDoubtful };
}

const PSEUDO = [':method', ':scheme', ':path', ':authority'];
/** RFC 9113 §8.2.2. */
const OF_CONNECTIONS = ['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade'];

/** Or why it is refused. */
function readHttp2({ fields }: Http2Request): Read | string {
  const pseudo = new Map<string, string>();
  const hosts: string[] = [];
  let isDoubtful = false;
  let isRegular = false;
  for (const [name, value] of fields) {
    if (/[\0\r\n]/.test(value)) return `value of ${name}`;
    if (name.startsWith(':')) {
      if (isRegular || pseudo.has(name) || !PSEUDO.includes(name)) return `pseudo-header ${name}`;
      pseudo.set(name, value);
      continue;
    }
    isRegular = true;
    if (!TOKEN.test(name) || /[A-Z]/.test(name)) return `field name "${name}"`;
    if (OF_CONNECTIONS.includes(name)) return name;
    if (name === 'te' && value !== 'trailers') return 'te';
    if (name === 'host') hosts.push(value);
    isDoubtful ||= !PLAIN_VALUE.test(value) || value !== value.trim();
  }
  const [method, scheme, path] = [':method', ':scheme', ':path'].map((name) => pseudo.get(name));
  if (method === undefined || scheme === undefined || path === undefined) return 'a pseudo-header is missing';
  if (!TOKEN.test(method)) return 'method is no token';
  if (CONTROLS.test(path) || path.includes(' ')) return 'path';
  const [host = pseudo.get(':authority'), ...others] = hosts;
  if (host === undefined || others.length > 0) return 'not one host';
  const authority = pseudo.get(':authority') ?? host;
  if (authority.toLowerCase() !== host.toLowerCase()) return 'two hosts';
  isDoubtful ||= !['http', 'https'].includes(scheme) || !PLAIN_METHOD.test(method) || authority !== host;
  return { host: authority, method, path, isDoubtful };
}

/** Lower case, without port (RFC 3986 §3.2.3: it may be empty) and one dot at its end. */
function hostNameOf(host: string): string | undefined {
  return /^([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?(?::[0-9]*)?$/.exec(host.toLowerCase())?.[1];
}

function certificateOf({ certificates }: PublishedWorld, host: string): string {
  return find(certificates, hostNameOf(host) ?? host) ?? 'default';
}

function find<T>(byPattern: ReadonlyMap<string, T>, name: string): T | undefined {
  return byPattern.get(name) ?? byPattern.get(`*${name.slice(name.indexOf('.'))}`);
}
