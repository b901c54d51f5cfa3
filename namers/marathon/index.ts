// io.l5d.marathon as the configuration names it.

import { z } from 'zod';
import { count, flag, text } from '../../config/schema/scalars.js';
import { clientTlsSchema } from '../../config/schema/tls.js';
import { defineKind } from '../../src/base/kind.js';
import type { Namer, NamerContext } from '../../src/naming/namer.js';
import { apiTls } from '../shared/api-tls.js';
import { credentialsFromEnvironment } from './credentials.js';
import { parseDst } from './dst.js';
import { MarathonNamer } from './namer.js';

export const marathonNamer = defineKind({
  kind: 'io.l5d.marathon',
  description: 'Service discovery by Marathon: the running tasks of an app are the addresses of a service.',
  config: z.strictObject({
    host: text
      .default('marathon.mesos')
      .describe('Host of Marathon, also for the Host header. Default marathon.mesos.'),
    port: z.int().min(1).max(65535).default(80).describe('Port of Marathon. Default 80.'),
    dst: z
      .string()
      .transform((input, context) => {
        try {
          return parseDst(input);
        } catch (error) {
          context.addIssue({ code: 'custom', input, message: (error as Error).message });
          return z.NEVER;
        }
      })
      .exactOptional()
      .describe('Where to connect to in place of host and port, as "/$/inet/<host>/<port>".'),
    uriPrefix: z.string().default('').describe('What the paths of the API begin with, e.g. "/marathon". Default none.'),
    ttlMs: count(1).default(5000).describe('Time between an answer and the next question, in ms. Default 5000.'),
    jitterMs: count().default(50).describe('How much longer or shorter that may be, at random, in ms. Default 50.'),
    useHealthCheck: flag
      .default(false)
      .describe('True: only tasks that run and have passed all health checks of their app. Default false.'),
    tls: clientTlsSchema().exactOptional().describe('Speaks to Marathon by HTTPS.'),
  }),
  make: ({ tls, ...config }, { prefix, clock, random, metrics }: NamerContext): Namer => {
    const secure = apiTls(tls);
    const credentials = credentialsFromEnvironment(process.env);
    return new MarathonNamer({
      ...config,
      ...(secure && { tls: secure }),
      ...(credentials && { credentials }),
      prefix,
      clock,
      random,
      metrics,
    });
  },
});
