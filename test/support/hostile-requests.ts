// Hostile requests: a seed in, requests of HTTP/1.1 and HTTP/2 out as callers send them who want to reach what is inside. Most are
// well-formed; what each may reach is for hostile-oracle.ts to say, which looks at nothing but the request itself.

import type { Random } from '../../src/base/random.js';
import { type HostileTargets, hostileHost, type Pick, picker } from './hostile-hosts.js';

/** As it goes over the wire, so that anything can be wrong with it. All text is latin1. */
export interface Http1Request {
  readonly protocol: 'http/1.1';
  readonly method: string;
  readonly target: string;
  readonly version: string;
  /** Name and value. */
  readonly fields: readonly (readonly [string, string])[];
  /** What follows the head. */
  readonly body: string;
}

export interface Http2Request {
  readonly protocol: 'h2';
  /** Pseudo-headers and fields. */
  readonly fields: readonly (readonly [string, string])[];
}

export type HostileRequest = Http1Request | Http2Request;

/** In each request: by it a backend tells which one has reached it. */
export const CASE_FIELD = 'x-case';
/** In requests that stand in bodies and values, which nobody must take for requests. */
export const SMUGGLED = 'smuggled';

/** @param isWild it may be malformed, which ends a connection of HTTP/1.1 and takes the gateway and the test longer than all else */
export function hostileRequest(
  protocol: HostileRequest['protocol'],
  id: number,
  isWild: boolean,
  targets: HostileTargets,
  random: Random,
): HostileRequest {
  const pick = picker(random);
  const plain: Draft = {
    pick,
    isWild,
    targets,
    method: pick(['GET', 'GET', 'GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS']),
    host: hostileHost(targets, isWild, random),
    target: pick(PATHS),
    fields: [[CASE_FIELD, String(id)]],
  };
  const attacks = isWild ? [...ATTACKS, ...WILD_ATTACKS] : ATTACKS;
  const count = Math.floor(random() * (isWild ? 3 : 4));
  const attacked = Array.from({ length: count }).reduce<Draft>((draft) => pick(attacks)(draft), plain);
  return protocol === 'h2' ? asHttp2(attacked) : asHttp1(attacked);
}

/** Bytes of a request, for a socket. */
export function http1Text({ method, target, version, fields, body }: Http1Request): string {
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} ${version}\r\n${lines.join('')}\r\n${body}`;
}

/** What all protocols have in common. */
interface Draft {
  readonly pick: Pick;
  readonly isWild: boolean;
  readonly targets: HostileTargets;
  readonly method: string;
  readonly host: string;
  readonly target: string;
  readonly fields: readonly (readonly [string, string])[];
}

const PATHS = ['/', '/cart', '/cart/7?q=1', '/a/b/c', '/robots.txt', '/a-b_c~d', '/?x=/../y', '/svc/admin', '/public'];

// ---- attacks ----

type Attack = (draft: Draft) => Draft;

const withField =
  (name: string, value: (draft: Draft) => string): Attack =>
  (draft) => ({ ...draft, fields: [...draft.fields, [name, value(draft)]] });

const internalHost = ({ pick, targets }: Draft): string => pick(targets.internal);
const anyHost = ({ pick, targets }: Draft): string => pick([...targets.internal, ...targets.published]);

const GATEWAY_FIELDS = ['l5d-dtab', 'l5d-ctx-dtab', 'dtab-local', 'L5D-DTAB', 'L5d-Ctx-Dtab'];
const CONTEXT_FIELDS = [
  'l5d-ctx-deadline',
  'l5d-ctx-trace',
  'l5d-ctx-evil',
  'l5d-dst-service',
  'l5d-dst-client',
  'l5d-dst-residual',
  'l5d-sample',
  'l5d-reqid',
  'l5d-retryable',
  'l5d-err',
  'l5d-success-class',
  'l5d-explain',
  'L5d-Remote-Ip',
];
const HOST_FIELDS = [
  'X-Forwarded-Host',
  'X-Host',
  'X-HTTP-Host-Override',
  'X-Original-Host',
  'X-Forwarded-Server',
  'Forwarded',
  'Hostname',
];
const PATH_FIELDS = ['X-Original-URL', 'X-Rewrite-URL', 'X-Forwarded-Prefix', 'X-Envoy-Original-Path'];

const HOSTILE_PATHS = [
  '/public/../admin',
  '/public/..%2f..%2fsvc/admin',
  '/public/%2e%2e/admin',
  '/..;/admin',
  '/public/..;x=1/admin',
  '/..\\admin',
  '/..%5cadmin',
  '//admin.internal/x',
  '///svc//admin',
  '/./a/./b',
  '/a/../../svc/admin',
  '/%',
  '/%zz',
  '/%00',
  '/%c0%ae%c0%ae/admin',
  '/%252e%252e/admin',
  '/a%2Fb',
  '/@admin.internal',
  `/${'a'.repeat(2000)}`,
];

const WILD_TARGETS = ['/a b', '/a#b', '/a?b#c', '/\xe9', '/\0', '*', '', 'admin', '?x', '@admin.internal/', ':80/'];

const ATTACKS: readonly Attack[] = [
  // What the gateway itself obeys inside.
  (draft) =>
    withField(draft.pick(GATEWAY_FIELDS), (d) =>
      d.pick([
        `/ext/${anyHost(d)} => /svc/${internalHost(d)}`,
        `/ext => /svc`,
        `/ext=>/svc;/ext/*=>/svc/${internalHost(d)}`,
        `/ => /svc/${internalHost(d)}`,
        '/ext => /$/inet/127.0.0.1/80',
        'no dtab',
      ]),
    )(draft),
  (draft) =>
    withField(draft.pick(CONTEXT_FIELDS), (d) => d.pick(['evil', `/svc/${internalHost(d)}`, '1', '0 1', '']))(draft),
  // What other proxies and servers obey.
  (draft) =>
    withField(draft.pick(HOST_FIELDS), (d) => d.pick([internalHost(d), `host=${internalHost(d)}`, `"${anyHost(d)}"`]))(
      draft,
    ),
  (draft) => withField(draft.pick(PATH_FIELDS), (d) => d.pick(['/svc/admin', `http://${internalHost(d)}/`]))(draft),
  withField('X-Forwarded-For', () => '127.0.0.1, spoofed'),
  withField('X-Forwarded-Proto', () => 'spoofed'),
  withField('X-Real-IP', () => '127.0.0.1'),
  withField('Cookie', (d) => d.pick([`l5d-dtab=/ext=>/svc`, `canary=always; host=${internalHost(d)}`, 'a=b'])),
  withField('User-Agent', (d) => `${SMUGGLED} ${internalHost(d)}`),
  withField('X-Latin', () => 'a\xe9b'),
  // What is asked for.
  (draft) => ({ ...draft, target: `${draft.pick(['http', 'https', 'HTTP'])}://${draft.host}${draft.target}` }),
  (draft) => ({ ...draft, target: draft.pick(HOSTILE_PATHS) }),
  (draft) => ({ ...draft, method: draft.pick(['TRACE', 'TRACK', 'trace', 'PROPFIND', 'PURGE']) }),
  (draft) => ({ ...draft, method: 'OPTIONS', target: '*' }),
  withField('Te', () => 'trailers'),
];

/** What is malformed, or ends connections. */
const WILD_ATTACKS: readonly Attack[] = [
  // What is sent twice, or somewhere else.
  (draft) => withField(draft.pick(['Host', 'host', 'hOsT']), anyHost)(draft),
  (draft) => withField('Host', ({ host }) => host)(draft),
  (draft) => ({ ...draft, fields: [['Host', anyHost(draft)] as const, ...draft.fields] }),
  (draft) => ({ ...draft, target: `ftp://${draft.host}${draft.target}` }),
  (draft) => ({ ...draft, target: `http://${anyHost(draft)}${draft.target}` }),
  (draft) => ({ ...draft, target: `http://${draft.host}@${anyHost(draft)}/` }),
  (draft) => ({ ...draft, target: draft.pick(WILD_TARGETS) }),
  (draft) => ({ ...draft, method: draft.pick(['G T', '', 'GET\t', 'PRI ']) }),
  (draft) => ({ ...draft, method: 'CONNECT', target: draft.pick([`${anyHost(draft)}:443`, draft.target]) }),
  // Connections and upgrades.
  withField('Connection', (d) =>
    d.pick(['host', 'close', 'close, x-original-url', 'x-forwarded-for, l5d-dtab', 'keep-alive, te']),
  ),
  (draft) =>
    withField(
      'Connection',
      () => 'Upgrade',
    )(withField('Upgrade', (d) => d.pick(['websocket', 'h2c', 'TLS/1.0']))(draft)),
  withField('Te', () => 'gzip'),
  // Bytes that stand for the end of something elsewhere.
  withField('X-Bad', () => 'a\0b'),
  withField('X-Bad', (d) => `a\r\nHost: ${internalHost(d)}`),
  withField('X-Bad', (d) => `a\nHost: ${internalHost(d)}`),
  withField('X-Bad', () => 'a\r\n folded'),
  withField('X Bad', () => 'a'),
  withField('Host ', internalHost),
  withField(':authority', internalHost),
  withField('', () => 'a'),
];

// ---- on the wire ----

function asHttp1(draft: Draft): Http1Request {
  const { method, target, host, fields, pick, isWild } = draft;
  const request = {
    protocol: 'http/1.1',
    method,
    target,
    version: 'HTTP/1.1',
    fields: [['Host', host] as const, ...fields],
    body: '',
  } as const;
  return pick(isWild ? [...HTTP1_FORMS, ...WILD_HTTP1_FORMS] : HTTP1_FORMS)(request, smuggledIn(draft));
}

function smuggledIn(draft: Draft): string {
  return `GET /svc/admin HTTP/1.1\r\nHost: ${internalHost(draft)}\r\n${CASE_FIELD}: ${SMUGGLED}\r\n\r\n`;
}

type Http1Form = (request: Http1Request, smuggled: string) => Http1Request;

const asIs: Http1Form = (request) => request;
const withBody =
  (
    body: (smuggled: string) => string,
    ...fields: readonly ((length: number) => readonly [string, string])[]
  ): Http1Form =>
  (request, smuggled) => {
    const text = body(smuggled);
    return { ...request, fields: [...request.fields, ...fields.map((field) => field(text.length))], body: text };
  };
const chunked = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
const LENGTH = (length: number) => ['Content-Length', String(length)] as const;
const CHUNKED = () => ['Transfer-Encoding', 'chunked'] as const;

const HTTP1_FORMS: readonly Http1Form[] = [
  ...Array.from({ length: 8 }, () => asIs),
  withBody((smuggled) => smuggled, LENGTH),
  withBody(chunked, CHUNKED),
  withBody((smuggled) => `0\r\n${smuggled}`, LENGTH),
];

/** Of two lengths the one that some other server goes by. */
const WILD_HTTP1_FORMS: readonly Http1Form[] = [
  withBody(chunked, CHUNKED, () => ['Content-Length', '4'] as const),
  withBody(chunked, () => ['Content-Length', '4'] as const, CHUNKED),
  withBody((smuggled) => smuggled, LENGTH, LENGTH),
  withBody(
    (smuggled) => smuggled,
    LENGTH,
    () => ['Content-Length', '0'] as const,
  ),
  withBody(
    (smuggled) => smuggled,
    (length) => ['Content-Length', `+${length}`] as const,
  ),
  withBody(chunked, () => ['Transfer-Encoding', 'xchunked'] as const),
  withBody(chunked, () => ['Transfer-Encoding', 'chunked, identity'] as const),
  withBody(chunked, () => ['Transfer-Encoding\t', 'chunked'] as const),
  (request) => ({ ...request, version: 'HTTP/1.0' }),
  (request) => ({ ...request, version: request.method === 'GET' ? 'HTTP/2.0' : 'HTTP/1.2' }),
  (request) => ({ ...request, fields: request.fields.filter(([name]) => name !== 'Host') }),
];

function asHttp2(draft: Draft): Http2Request {
  const { method, target, host, fields, pick, isWild } = draft;
  const pseudo = [
    [':method', method],
    [':scheme', 'http'],
    [':path', target],
    [':authority', host],
  ] as const;
  // Names in capitals are malformed in HTTP/2.
  const isLower = !isWild || pick([true, true, false]);
  const sent = isLower ? fields.map(([name, value]) => [name.toLowerCase(), value] as const) : fields;
  return pick(isWild ? WILD_HTTP2_FORMS : HTTP2_FORMS)({ protocol: 'h2', fields: [...pseudo, ...sent] }, draft);
}

type Http2Form = (request: Http2Request, draft: Draft) => Http2Request;

const change =
  (name: string, value: (draft: Draft) => string): Http2Form =>
  ({ fields, ...request }, draft) => ({
    ...request,
    fields: fields.map((field) => (field[0] === name ? ([name, value(draft)] as const) : field)),
  });
const without =
  (name: string): Http2Form =>
  ({ fields, ...request }) => ({ ...request, fields: fields.filter((field) => field[0] !== name) });
const first =
  (name: string, value: (draft: Draft) => string): Http2Form =>
  ({ fields, ...request }, draft) => ({ ...request, fields: [[name, value(draft)], ...fields] });
const last =
  (name: string, value: (draft: Draft) => string): Http2Form =>
  ({ fields, ...request }, draft) => ({ ...request, fields: [...fields, [name, value(draft)]] });
const both =
  (a: Http2Form, b: Http2Form): Http2Form =>
  (request, draft) =>
    b(a(request, draft), draft);

const HTTP2_FORMS: readonly Http2Form[] = [
  ...Array.from({ length: 8 }, () => (request: Http2Request) => request),
  last('host', ({ host }) => host),
  both(
    without(':authority'),
    last('host', ({ host }) => host),
  ),
  change(':scheme', () => 'https'),
];

const WILD_HTTP2_FORMS: readonly Http2Form[] = [
  ...HTTP2_FORMS,
  last('host', internalHost),
  last('host', anyHost),
  both(without(':authority'), last('host', internalHost)),
  without(':authority'),
  without(':path'),
  without(':method'),
  without(':scheme'),
  change(':scheme', ({ pick }) => pick(['ftp', 'HTTP', '', 'http://admin.internal/?'])),
  change(':path', (d) => `http://${internalHost(d)}/`),
  change(':path', (d) => `/ HTTP/1.1\r\nHost: ${internalHost(d)}`),
  first(':authority', anyHost),
  last(':authority', anyHost),
  last(':path', () => '/svc/admin'),
  first(':path', () => '/svc/admin'),
  last(':evil', () => 'x'),
  first(':host', anyHost),
  last(':protocol', () => 'websocket'),
  both(
    change(':method', () => 'CONNECT'),
    first(':protocol', ({ pick }) => pick(['websocket', 'connect-udp'])),
  ),
  both(
    change(':method', () => 'CONNECT'),
    both(without(':path'), without(':scheme')),
  ),
  last('connection', () => 'host'),
  last('transfer-encoding', () => 'chunked'),
  last('upgrade', () => 'h2c'),
  last('te', () => 'trailers'),
  last('x-space', () => ' evil '),
];
