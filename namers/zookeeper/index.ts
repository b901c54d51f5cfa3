// Everything on ZooKeeper as the configuration names it.

import { z } from 'zod';
import type { Announcer, AnnouncerContext } from '../../src/announcer/announcer.js';
import { defineKind } from '../../src/base/kind.js';
import type { Namer, NamerContext } from '../../src/naming/namer.js';
import { ServersetsAnnouncer } from './announcer.js';
import { CuratorNamer } from './curator-namer.js';
import { ServersetsNamer } from './serversets-namer.js';
import { nodePathText, sessionFromKeys, sessionKeys, withoutRoot } from './session-schema.js';
import { ZkLeaderNamer } from './zk-leader-namer.js';

export { zkLeaderSystemNamer } from './zk-leader-system-namer.js';

export const serversetsNamer = defineKind({
  kind: 'io.l5d.serversets',
  description: "Service discovery by Twitter's serversets in ZooKeeper.",
  config: z.strictObject(sessionKeys),
  make: (keys, context: NamerContext): Namer => new ServersetsNamer({ ...context, session: sessionFromKeys(keys) }),
});

export const zkLeaderNamer = defineKind({
  kind: 'io.l5d.zkLeader',
  description: 'The leader of a group in ZooKeeper: the member with the lowest sequence number.',
  config: z.strictObject(sessionKeys),
  make: (keys, context: NamerContext): Namer => new ZkLeaderNamer({ ...context, session: sessionFromKeys(keys) }),
});

export const curatorNamer = defineKind({
  kind: 'io.l5d.curator',
  experimental: true,
  description: "Service discovery by Apache Curator's registrations in ZooKeeper.",
  config: z.strictObject({
    ...sessionKeys,
    basePath: nodePathText().default('/').describe('Path above those of the services. Default /.'),
  }),
  make: ({ basePath, ...keys }, context: NamerContext): Namer =>
    new CuratorNamer({ ...context, basePath: withoutRoot(basePath), session: sessionFromKeys(keys) }),
});

export const serversetsAnnouncer = defineKind({
  kind: 'io.l5d.serversets',
  description: 'Registers listeners of this gateway as members of serversets in ZooKeeper.',
  config: z.strictObject({
    ...sessionKeys,
    pathPrefix: nodePathText().default('/discovery').describe('Path above the announced ones. Default /discovery.'),
  }),
  make: ({ pathPrefix, ...keys }, context: AnnouncerContext): Announcer =>
    new ServersetsAnnouncer({ ...context, pathPrefix: withoutRoot(pathPrefix), session: sessionFromKeys(keys) }),
});
