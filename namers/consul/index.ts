// io.l5d.consul and io.l5d.consul.interpreter as the configuration names them.

import { z } from 'zod';
import { count, flag, path, text } from '../../config/schema/scalars.js';
import { clientTlsSchema } from '../../config/schema/tls.js';
import { decorrelatedJitteredBackoff } from '../../src/base/backoff.js';
import { backoffConfig, makeBackoff } from '../../src/base/backoff-config.js';
import { defineKind } from '../../src/base/kind.js';
import { pathFromText } from '../../src/base/path.js';
import type { Interpreter, InterpreterContext } from '../../src/naming/interpreter.js';
import type { Namer, NamerContext } from '../../src/naming/namer.js';
import { HEALTH_STATUSES } from './health.js';
import { makeConsulInterpreter } from './interpreter.js';
import { ConsulNamer } from './namer.js';

const consistencyMode = z.enum(['default', 'stale', 'consistent']).default('default');

/** How Consul is reached. */
const consulKeys = {
  host: text.default('localhost').describe('Of a Consul agent. Default localhost.'),
  port: z.int().min(1).max(65535).default(8500).describe("Of the agent's HTTP interface. Default 8500."),
  token: text.exactOptional().describe('ACL token, sent as X-Consul-Token. Default: none.'),
  tls: clientTlsSchema().exactOptional().describe('Speak HTTPS to the agent. Default: HTTP.'),
  failFast: flag.default(false).describe('Accepted without effect: failures are always retried, with a backoff.'),
};

export const consulNamer = defineKind({
  kind: 'io.l5d.consul',
  description: 'Service discovery by Consul: names are /<datacenter>/<service>.',
  config: z
    .strictObject({
      ...consulKeys,
      includeTag: flag.default(false).describe('True: names are /<datacenter>/<tag>/<service>. Default false.'),
      useHealthCheck: flag
        .default(false)
        .describe('True: instances are taken by their health, as healthStatuses says. Default false.'),
      healthStatuses: z
        .array(z.enum(HEALTH_STATUSES))
        .min(1)
        .default(['passing'])
        .describe('With useHealthCheck: instances whose worst check is in one of these states. Default [passing].'),
      setHost: flag
        .default(false)
        .describe("True: Host becomes the service's DNS name in Consul, [<tag>.]<service>.service.<dc>.<domain>."),
      consistencyMode: consistencyMode.describe('Of every query: default, stale or consistent.'),
      preferServiceAddress: flag
        .default(true)
        .describe("False: always the node's address; true: the service's where it has one. Default true."),
      weights: z
        .array(
          z.strictObject({
            tag: text.describe('Tag of an instance.'),
            weight: z.number().min(0).describe('Share of traffic of instances with it; others have 1.'),
          }),
        )
        .default([])
        .describe('Weights by tag; the highest of those that match. Default: none.'),
      transferMetadata: flag
        .default(false)
        .describe("True: the service's Meta becomes metadata of its addresses. Default false."),
      publish: flag
        .default(false)
        .describe(
          'True: services with a tag linkgate.io/external=<host> publish that host to listeners of `exposure: external`. ' +
            'Default false.',
        ),
      publishDatacenter: text
        .exactOptional()
        .describe('With publish: whose services count. Default: the datacenter of the agent.'),
      fixedLengthStreamedAfterKB: count()
        .exactOptional()
        .describe('Accepted without effect: answers over 16 MiB are refused.'),
    })
    .superRefine(({ publish, publishDatacenter }, context) => {
      if (publish || publishDatacenter === undefined) return;
      const message = '`publishDatacenter` is set but `publish` is not true';
      context.addIssue({ code: 'custom', path: ['publishDatacenter'], message });
    }),
  make: (config, { prefix, metrics, clock, random }: NamerContext): Namer =>
    new ConsulNamer({ ...config, prefix, metrics, clock, random }),
});

export const consulInterpreter = defineKind({
  kind: 'io.l5d.consul.interpreter',
  description:
    "Binds names by a dtab in Consul's key-value store, in front of the router's own, and the namers of this file.",
  config: z.strictObject({
    ...consulKeys,
    pathPrefix: path()
      .default(pathFromText('namerd', 'dtabs'))
      .describe('Where the keys of dtabs begin. Default /namerd/dtabs.'),
    namespace: text.default('default').describe('Name of the dtab: the key is <pathPrefix>/<namespace>.'),
    datacenter: text.exactOptional().describe('Whose store is read. Default: that of the agent.'),
    readConsistencyMode: consistencyMode.describe('Of every query: default, stale or consistent.'),
    writeConsistencyMode: consistencyMode.describe('Accepted without effect: nothing is written.'),
    backoff: backoffConfig
      .exactOptional()
      .describe('Waits after failures in a row. Default: jittered, 1 ms to 1 minute.'),
  }),
  make: ({ backoff, ...config }, context: InterpreterContext): Interpreter =>
    makeConsulInterpreter({
      ...config,
      ...context,
      backoff: backoff ? makeBackoff(backoff, context.random) : decorrelatedJitteredBackoff(1, 60_000, context.random),
    }),
});
