// client: how requests go to the endpoints of a bound name.

import { z } from 'zod';
import { h2SettingsKeys } from './h2-settings.js';
import { type PluginSchemas, usePlugin } from './plugins.js';
import { DEFAULT_RETRY_BUDGET, retryBudgetSchema } from './retry-budget.js';
import { count, flag } from './scalars.js';
import { scopedSchema } from './scoped.js';
import { sessionSchema } from './session.js';
import { socketOptionsSchema } from './socket-options.js';
import { upstreamTlsSchema } from './upstream-tls.js';

const clientProtocol = z.enum(['auto', 'http1', 'h2', 'h2c']);

/** Output: `Scoped<ClientKeys>`, matched against bound ids such as `/#/io.l5d.fs/web`. */
export function clientSchema(plugins: PluginSchemas) {
  return scopedSchema<ClientKeys>(clientKeysSchema(plugins), clientDefaults(plugins), 'bound id');
}

function clientKeysSchema(plugins: PluginSchemas) {
  return z.strictObject({
    tls: upstreamTlsSchema().exactOptional().describe('Speak TLS to the endpoints.'),
    protocol: clientProtocol
      .exactOptional()
      .describe(
        'How endpoints are spoken to: auto (what TLS agrees on by ALPN; HTTP/1.1 in plain text), http1, h2 (with TLS by ALPN), h2c (HTTP/2 with prior knowledge). Default auto, in h2 routers h2.',
      ),
    ...h2SettingsKeys,
    loadBalancer: plugins.balancer.exactOptional().describe('How an endpoint is chosen. Default kind p2c.'),
    hostConnectionPool: z
      .strictObject({
        minSize: count()
          .default(0)
          .describe('Connections to each endpoint that idleTimeMs does not close, once they are there. Default 0.'),
        maxSize: count(1).exactOptional().describe('Most connections to one endpoint. Default: unlimited.'),
        idleTimeMs: count()
          .exactOptional()
          .describe('Milliseconds after which an idle connection is closed. Default: never.'),
        maxWaiters: count()
          .exactOptional()
          .describe('Most requests that may wait for a connection to one endpoint. Default: unlimited.'),
      })
      .refine(({ minSize, maxSize }) => maxSize === undefined || minSize <= maxSize, {
        error: '`minSize` must not be above `maxSize`',
        path: ['minSize'],
      })
      .exactOptional()
      .describe('Limits of the connections to each endpoint.'),
    failFast: flag
      .exactOptional()
      .describe('Keep out an endpoint after one failed connect, until another succeeds. Default false.'),
    failureAccrual: plugins.accrual
      .exactOptional()
      .describe('When an endpoint is kept out for failing. Default: after 5 failures in a row.'),
    requestAttemptTimeoutMs: count()
      .exactOptional()
      .describe('Longest time for one attempt, in milliseconds. Default: unlimited.'),
    requeueBudget: retryBudgetSchema()
      .exactOptional()
      .describe('How many requests that never left may be sent to another endpoint.'),
    clientSession: sessionSchema().exactOptional().describe('How long connections live.'),
    socketOptions: clientSocketOptionsSchema().exactOptional().describe('Options of the sockets to endpoints.'),
    forwardClientCert: flag
      .exactOptional()
      .describe("Tell the upstream of the caller's certificate in x-forwarded-client-cert. Default false."),
    requestAuthorizers: z
      .array(plugins.requestAuthorizer)
      .exactOptional()
      .describe('Who is asked whether a request may go out.'),
  });
}

type ClientKeysSet = z.output<ReturnType<typeof clientKeysSchema>>;

/** Client keys in force: those with a default are always there. */
export type ClientKeys = Readonly<ClientKeysSet & Required<Pick<ClientKeysSet, ClientDefault>>>;
type ClientDefault =
  | 'protocol'
  | 'loadBalancer'
  | 'hostConnectionPool'
  | 'failFast'
  | 'failureAccrual'
  | 'requeueBudget'
  | 'socketOptions'
  | 'forwardClientCert';

function clientDefaults(plugins: PluginSchemas): ClientKeys {
  return {
    protocol: 'auto',
    loadBalancer: usePlugin(plugins.balancer, { kind: 'p2c' }),
    hostConnectionPool: { minSize: 0 },
    failFast: false,
    failureAccrual: usePlugin(plugins.accrual, { kind: 'io.l5d.consecutiveFailures', failures: 5 }),
    requeueBudget: DEFAULT_RETRY_BUDGET,
    socketOptions: clientSocketOptionsSchema().parse({}),
    forwardClientCert: false,
  };
}

function clientSocketOptionsSchema() {
  return socketOptionsSchema('never before a response, 600000 within one', '60000');
}
