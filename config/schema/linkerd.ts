// The whole file: all that Linkerd 1.7.5 takes for the http protocol, with its defaults, as one schema and one type.

import { z } from 'zod';
import type { Dtab } from '../../src/base/dtab.js';
import type { AnyKind } from '../../src/base/kind.js';
import type { Path } from '../../src/base/path.js';
import { adminSchema } from './admin.js';
import { type KindTable, makePluginSchemas } from './plugins.js';
import { routerSchema } from './router.js';
import { flag, text } from './scalars.js';

const NO_ROUTERS = 'At least one router must be specified in the configuration.';

export function linkerdSchema(kinds: KindTable) {
  const plugins = makePluginSchemas(kinds);
  return z.strictObject({
    admin: adminSchema().prefault({}).describe('The listener for metrics, state and control.'),
    routers: z
      .array(routerSchema(plugins), { error: (issue) => (issue.input === undefined ? NO_ROUTERS : undefined) })
      .min(1, NO_ROUTERS)
      .describe('The routers; at least one.'),
    namers: z.array(plugins.namer).default([]).describe('What binds paths under /#. The last listed is asked first.'),
    telemetry: z
      .array(plugins.telemeter)
      .default([])
      .describe('Where metrics and traces go. Default: nowhere else than /admin.'),
    plugins: z
      .array(text)
      .default([])
      .describe('npm packages, or files beside this one, whose kinds are added to the built-in ones. Default: none.'),
    usage: z
      .strictObject({
        orgId: text.exactOptional().describe('Accepted, without effect.'),
        enabled: flag.default(true).describe('Accepted, without effect. Default true.'),
      })
      .exactOptional()
      .describe('Accepted, without effect: nothing is ever reported to anyone.'),
  });
}

/** A checked file with every default filled in. */
export type LinkerdConfig = Frozen<z.output<ReturnType<typeof linkerdSchema>>>;
export type AdminConfig = LinkerdConfig['admin'];
export type RouterConfig = LinkerdConfig['routers'][number];
export type ServerConfig = RouterConfig['servers'][number];

/** Readonly all the way down. */
type Frozen<T> = T extends Path | Dtab | AnyKind ? T : T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;
