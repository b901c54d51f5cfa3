// A router of the configuration in, its parts out: those that the router of that label has already where they need not be
// made anew. Nothing that serves changes before `commit`.

import type { ReadonlySignal } from '@preact/signals-core';
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
import type { BackendProtocol, Identifier, IdentifierContext, RouteCertificate } from './identifier/identifier.js';
import { linkEdge } from './link-edge.js';
import { type LinkedExposure, linkExposure } from './link-exposure.js';
import { LinkedIdentifiers, type LinkedSource } from './link-identifiers.js';
import type { LinkedNaming } from './link-naming.js';
import {
  type ClientConfig,
  clientSettings,
  headLimits,
  listenerOptions,
  type SettingsKinds,
  serverStackOptions,
  serviceSettings,
  withBackend,
} from './link-settings.js';
import { linkTls } from './link-tls.js';
import { makePlugin } from './make-plugin.js';
import type { Interpreter } from './naming/interpreter.js';
import type { Namer } from './naming/namer.js';
import type { PartsDraft } from './parts.js';
import { rawList, rawValue } from './raw-config.js';
import { type AccessLog, makeAccessLog } from './router/access-log.js';
import { metricName } from './router/client-cache.js';
import type { Publisher } from './router/published-hosts.js';
import { backendOf, withoutRealm } from './router/realm.js';
import { parseRollPolicy } from './router/roll-policy.js';
import { Router, type RouterOptions } from './router/router.js';
import { SettingsMemo, scopedSettings } from './router/scoped-settings.js';
import { H2_VIA, HTTP_VIA, ServerStack, type ServerStackOptions } from './router/server-stack.js';
import type { ClientSettings, ServiceSettings, SettingsOf } from './router/settings.js';
import { Http1Server } from './server/http1.js';
import type { Http1ServerOptions } from './server/http1-options.js';
import { makeHttpsRedirect } from './server/https-redirect.js';
import { refusingMisdirected } from './server/misdirected.js';
import { refusingUnpublished } from './server/unpublished.js';
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
  /** Where admin listens. */
  readonly admin: { readonly ip: string; readonly port: number };
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
  /** Where its routes are from, if not from the file. */
  readonly sources: readonly LinkedSource[];
  /** From here on it serves as configured. */
  commit(): void;
}

export interface LinkedServer {
  readonly config: ServerConfig;
  readonly exposure: LinkedExposure;
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
  const identifiers = new LinkedIdentifiers(config, raw, { kinds, parts, clock, random, metrics });
  const exposures = config.servers.map((server) =>
    linkExposure(server, { identifiers, admin: context.admin, metrics }),
  );
  const options: RouterOptions = {
    identify: identifiers.identifier(config.dstPrefix, 'internal'),
    interpreter,
    realms: exposures.flatMap(({ realm }) => realm ?? []),
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
  const { sources } = identifiers;
  const certificates = sources.flatMap(({ source }) => source.certificates ?? []);
  const publishers = publishersOf(naming.namers, sources);
  const servers = config.servers.map((server, i) => {
    const exposure = exposures[i] as LinkedExposure;
    return linkServer(server, i, { ...context, config, router, exposure, certificates, publishers });
  });
  return {
    config,
    router,
    interpreter,
    accessLog,
    announcers,
    announcerWords: canonicalJson(rawList(raw, 'announcers')),
    servers,
    sources,
    commit: () => {
      for (const { source } of sources) source.start();
      if (config.originator) metrics.gauge(['originator'], () => 1);
      else metrics.prune('originator');
      memos.renew();
      for (const { stack, stackOptions, listener, listenerOptions, commitTls, commitEdge } of servers) {
        commitTls();
        commitEdge();
        if (!parts.isNew(stack)) stack.reconfigure(stackOptions);
        if (!parts.isNew(listener)) listener.reconfigure(listenerOptions);
      }
      if (!parts.isNew(router)) router.reconfigure(options);
    },
  };
}

function publishersOf(namers: readonly Namer[], sources: readonly LinkedSource[]): readonly Publisher[] {
  return [
    ...namers.flatMap((namer) =>
      namer.published ? { published: namer.published, pending: () => namer.publishedPending?.() } : [],
    ),
    ...sources.flatMap(({ source }) =>
      source.published ? { published: source.published, pending: () => source.pending } : [],
    ),
  ];
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
  const settingsOf = (backend: BackendProtocol | undefined): SettingsOf<ClientSettings> =>
    scopedSettings(
      scoped,
      (keys) => {
        const settings = withProtocol(clientSettings(keys, context), protocol);
        return backend ? withBackend(settings, backend, context.clock) : settings;
      },
      [`${backend ?? ''} ${words[0]}`, ...words.slice(1)],
      memo,
    );
  const byBackend = new Map<BackendProtocol | undefined, SettingsOf<ClientSettings>>();
  return (id) => {
    const backend = backendOf(id);
    const settings = byBackend.get(backend) ?? settingsOf(backend);
    byBackend.set(backend, settings);
    return settings(withoutRealm(id));
  };
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
  commitEdge(): void;
}

interface LinkServerContext extends LinkRouterContext {
  readonly config: RouterConfig;
  readonly router: Router;
  readonly exposure: LinkedExposure;
  /** Of the router's route sources. */
  readonly certificates: readonly ReadonlySignal<readonly RouteCertificate[]>[];
  /** Of hosts, for callers outside. */
  readonly publishers: readonly Publisher[];
}

function linkServer(config: ServerConfig, index: number, linkContext: LinkServerContext): PreparedServer {
  const { parts, metrics: root, clock, random, config: routerConfig, router, exposure, certificates } = linkContext;
  const { label } = routerConfig;
  const metrics = root.scope('rt', label, 'server', `${config.ip}/${config.port}`);
  const context = { router: routerConfig, clock, random, metrics };
  // Where the system chooses the port, each place in the file is a listener of its own.
  const place = config.port === 0 ? `${config.ip}:0 of ${label} ${index}` : `${config.ip}:${config.port}`;
  const linkedEdge = linkEdge(config, place, { ...context, parts, publishers: linkContext.publishers });
  const edge = linkedEdge?.edge;
  const stackOptions = { ...serverStackOptions(config, context), ...exposure, edge };
  const stack = parts.use(`server of ${label} at ${place}`, () => new ServerStack(stackOptions));
  const refuse = (error: GatewayError, request?: RequestHead) => stack.refuse(error, request);
  const { tls, commit: commitTls } = linkTls(config.tls, place, { parts, clock, metrics }, certificates);
  const serve = config.redirectToHttps
    ? makeHttpsRedirect({ ...config.redirectToHttps, refuse, redirects: metrics.counter('redirects') })
    : refusingMisdirected(router.serve(stack), tls, refuse);
  const options = {
    ...listenerOptions(config, context),
    tls,
    serve: edge ? refusingUnpublished(serve, (request) => edge.refusal(request), refuse) : serve,
    refuse,
  };
  const listener = parts.use(`listener ${place}`, () => new Http1Server(options));
  const commitEdge = (): void => linkedEdge?.commit();
  return { config, exposure, stack, stackOptions, listener, listenerOptions: options, commitTls, commitEdge };
}
