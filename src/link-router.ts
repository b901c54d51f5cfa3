// A router of the configuration in, its parts out: those that the router of that label has already where they need not be
// made anew. Nothing that serves changes before `commit`.

import type { RouterConfig, ServerConfig } from '../config/schema/linkerd.js';
import type { Scoped } from '../config/schema/scoped.js';
import { findAnnouncer } from './announcements.js';
import type { Announcer, AnnouncerContext } from './announcer/announcer.js';
import { canonicalJson } from './base/canonical-json.js';
import type { Clock } from './base/clock.js';
import type { GatewayError } from './base/errors.js';
import type { Kind } from './base/kind.js';
import type { MetricsScope } from './base/metrics.js';
import type { Random } from './base/random.js';
import { makeEndpointClient } from './client/make-endpoint-client.js';
import { type Identifier, type IdentifierContext, identifyFirst } from './identifier/identifier.js';
import type { LinkedNaming } from './link-naming.js';
import {
  type ClientConfig,
  clientSettings,
  headLimits,
  listenerOptions,
  type SettingsKinds,
  serverStackOptions,
  serviceSettings,
} from './link-settings.js';
import { linkTls } from './link-tls.js';
import { makePlugin } from './make-plugin.js';
import type { Interpreter } from './naming/interpreter.js';
import type { PartsDraft } from './parts.js';
import { rawList, rawValue } from './raw-config.js';
import { type AccessLog, makeAccessLog } from './router/access-log.js';
import { metricName } from './router/client-cache.js';
import { parseRollPolicy } from './router/roll-policy.js';
import { Router, type RouterOptions } from './router/router.js';
import { SettingsMemo, scopedSettings } from './router/scoped-settings.js';
import { H2_VIA, HTTP_VIA, ServerStack, type ServerStackOptions } from './router/server-stack.js';
import type { ClientSettings, ServiceSettings, SettingsOf } from './router/settings.js';
import { Http1Server } from './server/http1.js';
import type { Http1ServerOptions } from './server/http1-options.js';
import { makeHttpsRedirect } from './server/https-redirect.js';
import { refusingMisdirected } from './server/misdirected.js';
import type { RequestHead } from './service/message.js';

/** The part of the kind table that routers are made of, beside naming. */
export interface RouterKinds extends SettingsKinds {
  readonly identifier: readonly Kind<unknown, IdentifierContext, Identifier>[];
  readonly announcer: readonly Kind<unknown, AnnouncerContext, Announcer>[];
}

export interface LinkRouterContext {
  readonly kinds: RouterKinds;
  readonly parts: PartsDraft;
  readonly naming: LinkedNaming;
  /** The root of the metrics tree. */
  readonly metrics: MetricsScope;
  readonly clock: Clock;
  readonly random: Random;
}

export interface LinkedRouter {
  readonly config: RouterConfig;
  readonly router: Router;
  readonly interpreter: Interpreter;
  readonly accessLog: AccessLog | undefined;
  readonly announcers: readonly Announcer[];
  /** The announcers as the file has them. */
  readonly announcerWords: string;
  readonly servers: readonly LinkedServer[];
  /** From here on it serves as configured. */
  commit(): void;
}

export interface LinkedServer {
  readonly config: ServerConfig;
  readonly listener: Http1Server;
  readonly stack: ServerStack;
}

/** @param raw the router as the file has it. Throws what a part's `make` throws. */
export function linkRouter(config: RouterConfig, raw: unknown, context: LinkRouterContext): LinkedRouter {
  const { kinds, parts, naming, metrics: root, clock, random } = context;
  const { label } = config;
  const metrics = root.scope('rt', label);
  const [interpreterWords, dtabWords] = ['interpreter', 'dtab'].map((key) => rawValue(raw, key));
  const interpreter = naming.interpreter({ ...config, raw: [interpreterWords, dtabWords] });
  const accessLog = linkAccessLog(config, context);
  const memos = parts.use(`settings of ${label}`, () => new RouterMemos());
  const options: RouterOptions = {
    identify: identifyFirst(
      config.identifier.map((plugin) => makePlugin(kinds.identifier, plugin, { dstPrefix: config.dstPrefix })),
    ),
    interpreter,
    baseDtab: config.dtab,
    bindingTimeoutMs: config.bindingTimeoutMs,
    bindingCache: {
      paths: config.bindingCache.paths,
      clients: config.bindingCache.clients,
      idleTtlMs: config.bindingCache.idleTtlSecs * 1000,
    },
    serviceSettings: serviceSettingsOf(config, raw, memos, context),
    clientSettings: clientSettingsOf(config, raw, memos, context),
    makeEndpointClient,
    ...headLimits(config),
    via: config.protocol === 'h2' ? H2_VIA : HTTP_VIA,
    accessLog,
    clock,
    random,
    metrics,
  };
  const router = parts.use(`router ${label}`, () => new Router(options));
  router.check(options);
  const announcers = config.announcers.map((plugin, i) => {
    const { prefix } = plugin;
    const words = canonicalJson(rawList(raw, 'announcers')[i]);
    return parts.use(`announcer of ${label} ${words}`, () =>
      makePlugin(kinds.announcer, plugin, {
        prefix,
        metrics: root.scope('announcer', metricName(prefix.drop(1))),
        clock,
        random,
      }),
    );
  });
  for (const { announce: names = [] } of config.servers) for (const name of names) findAnnouncer(announcers, name);
  const servers = config.servers.map((server, i) => linkServer(server, i, config, router, context));
  return {
    config,
    router,
    interpreter,
    accessLog,
    announcers,
    announcerWords: canonicalJson(rawList(raw, 'announcers')),
    servers,
    commit: () => {
      if (config.originator) metrics.gauge(['originator'], () => 1);
      else metrics.prune('originator');
      memos.renew();
      for (const { stack, stackOptions, listener, listenerOptions, commitTls } of servers) {
        commitTls();
        if (!parts.isNew(stack)) stack.reconfigure(stackOptions);
        if (!parts.isNew(listener)) listener.reconfigure(listenerOptions);
      }
      if (!parts.isNew(router)) router.reconfigure(options);
    },
  };
}

/** Settings of the names of one router, for as long as there is a router of that label. */
class RouterMemos {
  readonly client = new SettingsMemo<ClientSettings>();
  readonly service = new SettingsMemo<ServiceSettings>();

  renew(): void {
    this.client.renew();
    this.service.renew();
  }

  close(): void {}
}

function serviceSettingsOf(
  { service }: RouterConfig,
  raw: unknown,
  { service: memo }: RouterMemos,
  context: LinkRouterContext,
): SettingsOf<ServiceSettings> {
  const words = scopedWords(rawValue(raw, 'service'));
  return scopedSettings(service, (keys) => serviceSettings(keys, context), words, memo);
}

function clientSettingsOf(
  { client, protocol }: RouterConfig,
  raw: unknown,
  { client: memo }: RouterMemos,
  context: LinkRouterContext,
): SettingsOf<ClientSettings> {
  const words = scopedWords(rawValue(raw, 'client'));
  const { base, configs } = client;
  const scoped: Scoped<ClientConfig> = { base, configs: configs.map(withTlsPrefix) };
  return scopedSettings(scoped, (keys) => withProtocol(clientSettings(keys, context), protocol), words, memo);
}

/** Names in `tls` may hold what the prefix of the same entry captures. */
function withTlsPrefix({ prefix, keys }: RouterConfig['client']['configs'][number]) {
  const { tls, ...others } = keys;
  return { prefix, keys: tls ? { ...others, tls: { ...tls, prefix } } : others };
}

/** An h2 router speaks HTTP/2 to upstreams, unless it is told otherwise. */
function withProtocol(settings: ClientSettings, router: RouterConfig['protocol']): ClientSettings {
  return router === 'h2' && settings.protocol === 'auto' ? { ...settings, protocol: 'h2' } : settings;
}

/** Of the base, then of each entry. */
function scopedWords(raw: unknown): readonly string[] {
  const entries = rawList(raw, 'configs');
  return [entries.length > 0 ? '' : canonicalJson(raw), ...entries.map(canonicalJson)];
}

function linkAccessLog(config: RouterConfig, { parts, clock }: LinkRouterContext): AccessLog | undefined {
  const { label, httpAccessLog: path } = config;
  if (path === undefined) return undefined;
  const settings = {
    path,
    append: config.httpAccessLogAppend,
    rotateCount: config.httpAccessLogRotateCount,
  };
  const { httpAccessLogRollPolicy: policy } = config;
  return parts.use(`access log of ${label} ${canonicalJson({ ...settings, policy })}`, () =>
    makeAccessLog({ ...settings, rollPolicy: parseRollPolicy(policy), clock }),
  );
}

interface PreparedServer extends LinkedServer {
  readonly stackOptions: ServerStackOptions;
  readonly listenerOptions: Http1ServerOptions;
  commitTls(): void;
}

function linkServer(
  config: ServerConfig,
  index: number,
  routerConfig: RouterConfig,
  router: Router,
  { parts, metrics: root, clock, random }: LinkRouterContext,
): PreparedServer {
  const { label } = routerConfig;
  const metrics = root.scope('rt', label, 'server', `${config.ip}/${config.port}`);
  const context = { router: routerConfig, clock, random, metrics };
  const stackOptions = serverStackOptions(config, context);
  // Where the system chooses the port, each place in the file is a listener of its own.
  const place = config.port === 0 ? `${config.ip}:0 of ${label} ${index}` : `${config.ip}:${config.port}`;
  const stack = parts.use(`server of ${label} at ${place}`, () => new ServerStack(stackOptions));
  const refuse = (error: GatewayError, request?: RequestHead) => stack.refuse(error, request);
  const { tls, commit: commitTls } = linkTls(config.tls, place, { parts, clock, metrics });
  const options = {
    ...listenerOptions(config, context),
    tls,
    serve: config.redirectToHttps
      ? makeHttpsRedirect({ ...config.redirectToHttps, refuse, redirects: metrics.counter('redirects') })
      : refusingMisdirected(router.serve(stack), tls, refuse),
    refuse,
  };
  const listener = parts.use(`listener ${place}`, () => new Http1Server(options));
  return { config, stack, stackOptions, listener, listenerOptions: options, commitTls };
}
