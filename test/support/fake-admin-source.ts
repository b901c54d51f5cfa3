// A linker as the admin pages see it, made of what a test gives.

import type { AdminRouter, AdminSource } from '../../src/admin/handler.js';
import { constant } from '../../src/base/activity.js';
import type { Bound } from '../../src/base/addr.js';
import { MetricsScope } from '../../src/base/metrics.js';
import { EMPTY, type NameTree } from '../../src/base/name-tree.js';
import type { Interpreter } from '../../src/naming/interpreter.js';

/** Binds nothing; delegates as `delegate` says, or not at all. */
export function fakeInterpreter(delegate?: NonNullable<Interpreter['delegate']>): Interpreter {
  const empty: NameTree<Bound> = EMPTY;
  return { bind: () => constant(empty), close: () => {}, ...(delegate ? { delegate } : {}) };
}

export function fakeRouter(overrides: Partial<AdminRouter> = {}): AdminRouter {
  return {
    label: 'http',
    protocol: 'http',
    interpreter: fakeInterpreter(),
    interpreterKind: 'default',
    dtab: '/svc=>/#/io.l5d.fs',
    servers: ['127.0.0.1:4140'],
    identifierStates: () => [],
    clients: () => [],
    circuits: () => [],
    ...overrides,
  };
}

/** `overrides` may hold getters, as the linker's source does. */
export function fakeAdminSource(overrides: Partial<AdminSource> = {}): AdminSource {
  const source: AdminSource = {
    metrics: new MetricsScope(),
    config: { routers: [{ protocol: 'http' }] },
    build: { name: 'linkgate', version: '1.2.3', startedAt: 1_700_000_000_000 },
    readiness: { ready: true, reasons: [] },
    routers: [fakeRouter()],
    namers: [],
    pages: [],
    fallbackInterpreter: fakeInterpreter(),
    reloader: undefined,
    exposure: async () => ({ listeners: [], unanswered: [] }),
    requestShutdown: () => {},
  };
  return Object.defineProperties(source, Object.getOwnPropertyDescriptors(overrides));
}
