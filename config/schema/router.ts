// routers: what one router listens on, how it names requests, and what it does with them.

import { z } from 'zod';
import { EMPTY_DTAB } from '../../src/base/dtab.js';
import { pathFromText } from '../../src/base/path.js';
import { clientSchema } from './client.js';
import { h2ServerSchema, type ServerKeys } from './h2-server.js';
import { type PluginSchemas, usePlugin } from './plugins.js';
import { count, dtab, flag, path, text, textThat } from './scalars.js';
import { httpServerSchema } from './server.js';
import { H2_SERVICE, HTTP_SERVICE, serviceSchema } from './service.js';

const ROLL_POLICY = /^(never|hourly|daily|weekly\([1-7]\)|[1-9][0-9]*\.(byte|kilobyte|megabyte|gigabyte|terabyte)s?)$/i;

export function routerSchema(plugins: PluginSchemas) {
  return z.discriminatedUnion('protocol', [httpRouterSchema(plugins), h2RouterSchema(plugins)]);
}

function httpRouterSchema(plugins: PluginSchemas) {
  return z
    .strictObject({
      protocol: z.literal('http').describe('HTTP/1.1, and HTTP/2 where servers and clients say so.'),
      ...commonKeys(plugins),
      servers: z.array(httpServerSchema()).default([]).describe('The listeners; at least one.'),
      service: serviceSchema(plugins, HTTP_SERVICE).prefault({}).describe(SERVICE),
      httpAccessLog: accessLogKeys.file,
      httpAccessLogRollPolicy: accessLogKeys.rollPolicy,
      httpAccessLogAppend: accessLogKeys.append,
      httpAccessLogRotateCount: accessLogKeys.rotateCount,
      ...http1Keys(),
    })
    .transform((router) => withLabels(router));
}

/** Its output has the keys of an http router, so that the rest of the program sees one sort of routers. */
function h2RouterSchema(plugins: PluginSchemas) {
  return z
    .strictObject({
      protocol: z.literal('h2').describe('HTTP/2, of callers and of upstreams.'),
      ...commonKeys(plugins),
      servers: z.array(h2ServerSchema()).default([]).describe('The listeners; at least one.'),
      service: serviceSchema(plugins, H2_SERVICE).prefault({}).describe(SERVICE),
      h2AccessLog: accessLogKeys.file,
      h2AccessLogRollPolicy: accessLogKeys.rollPolicy,
      h2AccessLogAppend: accessLogKeys.append,
      h2AccessLogRotateCount: accessLogKeys.rotateCount,
    })
    .transform(({ h2AccessLog, h2AccessLogRollPolicy, h2AccessLogAppend, h2AccessLogRotateCount, ...router }) => ({
      ...HTTP1_DEFAULTS,
      ...withLabels(router),
      ...(h2AccessLog === undefined ? {} : { httpAccessLog: h2AccessLog }),
      httpAccessLogRollPolicy: h2AccessLogRollPolicy,
      httpAccessLogAppend: h2AccessLogAppend,
      httpAccessLogRotateCount: h2AccessLogRotateCount,
    }));
}

const SERVICE = 'How requests are timed and retried, by service name.';

function commonKeys(plugins: PluginSchemas) {
  return {
    label: text.exactOptional().describe('Name in metrics (rt/<label>) and logs; unique. Default: the protocol.'),
    dtab: dtab().default(EMPTY_DTAB).describe('The base delegation table. Default: empty.'),
    dstPrefix: path().default(pathFromText('svc')).describe('Path that identifiers put before names. Default /svc.'),
    originator: flag.default(false).describe('Marks the router where requests enter, in metrics. Default false.'),
    bindingTimeoutMs: count()
      .default(10_000)
      .describe('Longest wait for a name to be bound, in milliseconds. Default 10000.'),
    bindingCache: bindingCacheSchema().prefault({}).describe('How much of the bound names is remembered.'),
    interpreter: plugins.interpreter
      .default(usePlugin(plugins.interpreter, { kind: 'default' }))
      .describe('What binds names. Default kind default: the dtab and the namers of this file.'),
    client: clientSchema(plugins).prefault({}).describe('How requests go to endpoints, by bound id.'),
    announcers: z.array(plugins.announcer).default([]).describe('Where servers can be announced.'),
    experimental: flag.default(false).describe('Allows experimental protocols. Default false.'),
    identifier: identifierSchema(plugins).describe('What gives a request its name; a list is tried in order.'),
    tracePropagator: z
      .discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('io.l5d.default').describe('l5d-ctx-trace headers.') }),
        z.strictObject({ kind: z.literal('io.l5d.zipkin').describe('x-b3-* headers.') }),
      ])
      .default({ kind: 'io.l5d.default' })
      .describe('Headers that carry trace ids. Default kind io.l5d.default.'),
  };
}

const accessLogKeys = {
  file: text.exactOptional().describe('File for one line per request sent upstream. Default: none.'),
  rollPolicy: textThat('never, hourly, daily, weekly(1) to weekly(7) or a size such as 3.megabytes', (word) =>
    ROLL_POLICY.test(word),
  )
    .default('never')
    .describe('When a new file is begun: never (default), hourly, daily, weekly(n) or a size such as 3.megabytes.'),
  append: flag.default(true).describe('Keep what is in the file at start. Default true.'),
  rotateCount: count(-1).default(-1).describe('Old files to keep; -1 keeps all. Default -1.'),
};

function http1Keys() {
  return {
    streamingEnabled: flag.default(true).describe('Pass bodies on as they come. Default true.'),
    streamAfterContentLengthKB: count()
      .default(5)
      .describe('Kilobytes up to which a body is collected before it is sent. Default 5.'),
    maxHeadersKB: count(1).default(8).describe('Largest head of a message, in kilobytes. Default 8.'),
    maxInitialLineKB: count(1).default(4).describe('Longest request line, in kilobytes. Default 4.'),
    maxErrResponseKB: count().default(5120).describe('Largest body of an error made here, in kilobytes. Default 5120.'),
    compressionLevel: count(-1)
      .max(9)
      .default(-1)
      .describe('0: none, 1 to 9: that level, -1: level 6 for texts. Default -1.'),
  };
}

const HTTP1_DEFAULTS = z.strictObject(http1Keys()).parse({});

/** The label of the router is that of its servers, where they have none of their own. */
function withLabels<Router extends RouterKeys>(router: Router): Labelled<Router> {
  const label = router.label ?? router.protocol;
  const servers = router.servers.map((server) => ({ ...server, label: server.label ?? label }));
  return { ...router, label, servers };
}

interface RouterKeys {
  readonly protocol: string;
  readonly label?: string;
  readonly servers: readonly ServerKeys[];
}

type Labelled<Router> = Omit<Router, 'label' | 'servers'> & {
  readonly label: string;
  readonly servers: readonly (ServerKeys & { readonly label: string })[];
};

function identifierSchema(plugins: PluginSchemas) {
  return z
    .union([plugins.identifier.transform((one) => [one]), z.array(plugins.identifier).min(1)])
    .default(() => [usePlugin(plugins.identifier, { kind: 'io.l5d.header.token' })]);
}

function bindingCacheSchema() {
  return z.strictObject({
    paths: count().default(1000).describe('Service names remembered. Default 1000.'),
    trees: count().default(1000).describe('Bound trees remembered. Default 1000.'),
    bounds: count().default(1000).describe('Bound names remembered. Default 1000.'),
    clients: count().default(1000).describe('Clients remembered. Default 1000.'),
    idleTtlSecs: count(1).default(600).describe('Seconds after which an unused entry is dropped. Default 600.'),
  });
}
