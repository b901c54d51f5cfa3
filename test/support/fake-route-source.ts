// Kind `test.routes`: a source of routes and certificates that a test holds in its hands, as a registry's is to the gateway.

import { signal } from '@preact/signals-core';
import { z } from 'zod';
import { defineKind } from '../../src/base/kind.js';
import type { Path } from '../../src/base/path.js';
import {
  type Identifier,
  type IdentifierContext,
  type RouteCertificate,
  type RouteSource,
  Unidentified,
} from '../../src/identifier/identifier.js';
import { kinds } from '../../src/kinds.js';
import type { Kinds } from '../../src/linker.js';
import type { Exposure, PublishedHost } from '../../src/naming/publication.js';

export interface FakeRoute {
  /** Exact, in lower case. */
  readonly host: string;
  /** Without prefix. */
  readonly name: Path;
  readonly exposure: Exposure;
}

export class FakeRouteSource implements RouteSource {
  readonly pending = undefined;
  readonly certificates = signal<readonly RouteCertificate[]>([]);
  readonly published = signal<readonly PublishedHost[]>([]);
  #routes: readonly FakeRoute[] = [];

  /** In place of those before; hosts of those for outside are published. */
  use(routes: readonly FakeRoute[]): void {
    this.#routes = routes;
    const outside = routes.filter(({ exposure }) => exposure === 'external');
    this.published.value = outside.map(({ host }) => ({ host, by: `route ${host}` }));
  }

  identifier({ dstPrefix, exposure }: IdentifierContext): Identifier {
    return ({ headers }) => {
      const host = headers.get('host');
      const route = this.#routes.find(
        (one) => one.host === host && (exposure === 'internal' || one.exposure === exposure),
      );
      return route ? dstPrefix.concat(route.name) : new Unidentified(`no route for ${host}`);
    };
  }

  start(): void {}

  close(): void {}
}

export function kindsWithRoutes(source: FakeRouteSource): Kinds {
  const fake = defineKind({
    kind: 'test.routes',
    description: 'Has the routes that a test says.',
    config: z.strictObject({}),
    make: (_: unknown, context: IdentifierContext) => context.source(() => source).identifier(context),
  });
  return { ...kinds, identifier: [...kinds.identifier, fake] };
}
