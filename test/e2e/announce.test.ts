import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { type TestContext, test } from 'node:test';
import { z } from 'zod';
import type { AnnouncerContext } from '../../src/announcer/announcer.js';
import { defineKind } from '../../src/base/kind.js';
import { kinds } from '../../src/kinds.js';
import { eventually } from '../support/eventually.js';
import { expectNoOpenHandles } from '../support/open-handles.js';
import { get, Scene } from '../support/scene.js';
import { fixed } from '../support/upstream.js';

expectNoOpenHandles();

/** A gateway whose announcers write what they are told to `events`. */
async function start(t: TestContext, router: string, onClose: () => Promise<void> | void = () => {}) {
  const scene = new Scene(t);
  const events: string[] = [];
  const fake = defineKind({
    kind: 'test.announcer',
    description: 'Remembers what it was told.',
    config: z.strictObject({}),
    make: (_config, { prefix }: AnnouncerContext) => ({
      prefix,
      announce: (name: { show(): string }, { host, port }: { host: string; port: number }) => {
        events.push(`${prefix.show()}: ${name.show()} ${host}:${port}`);
        return {
          close: async () => {
            events.push(`${prefix.show()}: ${name.show()} taken back`);
            await onClose();
          },
        };
      },
      close: () => void events.push(`${prefix.show()} closed`),
    }),
  });
  const upstream = await scene.upstream(fixed(200, 'a'));
  const config = (keys: string): string => `
admin: {port: 0, shutdownGraceMs: 20}
routers:
- protocol: http
  dtab: /svc => /$/inet/127.0.0.1/${upstream.port}
  announcers: [{kind: test.announcer}, {kind: test.announcer, prefix: /other}]
  ${keys}`;
  const gateway = await scene.gateway(config(router), { kinds: { ...kinds, announcer: [fake] } });
  return { scene, gateway, events, config };
}

test('server is announced under each of its names, by the announcer with their prefix, at the port that it was given', async (t) => {
  const { gateway, events } = await start(
    t,
    'servers: [{port: 0, announce: [/#/test.announcer/discovery/web, /#/other/web]}, {port: 0}]',
  );
  assert.deepEqual(events, [
    `/#/test.announcer: /discovery/web 127.0.0.1:${gateway.port}`,
    `/#/other: /web 127.0.0.1:${gateway.port}`,
  ]);
});

test('announcement is taken back before the listener refuses anyone, and the announcer is closed after', async (t) => {
  let answered: string | undefined;
  const { scene, gateway, events } = await start(
    t,
    'servers: [{port: 0, announce: [/#/test.announcer/web]}]',
    async () => {
      answered = (await scene.ask(gateway, get())).text;
    },
  );
  await gateway.drain();
  assert.equal(answered, 'a');
  assert.deepEqual(events.slice(1), [
    '/#/test.announcer: /web taken back',
    '/#/other closed',
    '/#/test.announcer closed',
  ]);
});

test('gateway that is closed without a drain takes its announcements back too', async (t) => {
  const { gateway, events } = await start(t, 'servers: [{port: 0, announce: [/#/test.announcer/web]}]');
  await gateway.close();
  assert.equal(events[1], '/#/test.announcer: /web taken back');
});

test('server on every address is announced at those that others can reach', async (t) => {
  const { gateway, events } = await start(t, 'servers: [{port: 0, ip: 0.0.0.0, announce: [/#/other/web]}]');
  const reachable = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal);
  assert.deepEqual(
    events,
    reachable.map(({ address }) => `/#/other: /web ${address}:${gateway.port}`),
  );
});

test('name that no announcer has the prefix of ends the start, with the prefixes that there are', async (t) => {
  await assert.rejects(start(t, 'servers: [{port: 0, announce: [/#/nobody/web]}]'), {
    message: 'Cannot announce a server at /#/nobody/web: announcers are /#/test.announcer, /#/other',
  });
});

test('reload takes back what is announced no longer, announces what is new, and leaves the rest alone', async (t) => {
  const { gateway, events, config } = await start(
    t,
    'servers: [{port: 0, announce: [/#/other/a]}, {port: 0, announce: [/#/other/b]}]',
  );
  const [first, second] = gateway.ports;
  events.splice(0);
  await assert.rejects(
    gateway.reload(config('servers: [{port: 0, announce: [/#/nowhere/a]}]')),
    /Cannot announce a server at \/#\/nowhere\/a/,
  );
  await gateway.reload(config('servers: [{port: 0, announce: [/#/other/a]}, {port: 0, announce: [/#/other/c]}]'));
  await eventually(() => events.length === 2);
  assert.deepEqual(events.sort(), ['/#/other: /b taken back', `/#/other: /c 127.0.0.1:${second}`]);
  assert.notEqual(first, second);
});
