// Conformance of namers, rows about watches: who starts them, who ends them, and what they cost.

import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { eventually } from '../eventually.js';
import type { NamerRow } from './row.js';

/** More than the binding cache keeps an unused name, and once more what that was bound to; more than a watch lingers. */
const IDLE_TTL_MS = 61_000;
const LINGER_MS = 10_001;

export const watchRows: readonly NamerRow[] = [
  {
    row: 'shared',
    title: 'shares one watch between two routers and several names of one service',
    async run(scene) {
      const { driver } = scene;
      const [a, b] = [await scene.upstream('a'), await scene.upstream('b')];
      const service = scene.service();
      await driver.set(service, [a.endpoint]);
      const name = driver.name(service);
      const gateway = await scene.gateway({ web: name, other: name }, { routers: 2 });
      const ask = (port = 0, alias = 'web') => scene.ask({ port }, alias);
      assert.equal((await ask(gateway.ports[0])).text, 'a');
      const opens = scene.counter(gateway, 'opens');
      assert.equal((await ask(gateway.ports[1])).text, 'a');
      assert.equal((await ask(gateway.ports[0], 'other')).text, 'a');
      assert.equal(scene.counter(gateway, 'opens'), opens);
      await driver.set(service, [b.endpoint]);
      for (const port of gateway.ports) await scene.answeredBy({ ...gateway, port }, 'web', 'b');
      assert.equal(scene.counter(gateway, 'opens'), opens);
      // Between an answer and the next question there may be a connection too few, and never one too many.
      await eventually(() => (driver.watches() ?? 0) <= Math.max(1, opens));
    },
  },
  {
    row: 'life',
    title: 'starts its watch with the first observer, ends it a linger after the last, and starts it again',
    async run(scene, subject) {
      const { driver, clock } = scene;
      const [a, b] = [await scene.upstream('a'), await scene.upstream('b')];
      const [service, preferred] = [scene.service(), scene.service('preferred')];
      await driver.set(service, [a.endpoint]);
      await driver.set(preferred, [b.endpoint]);
      const gateway = await scene.gateway({
        web: driver.name(service),
        // What stands behind the chosen alternative is nobody's concern.
        chosen: `/$/inet/${b.endpoint.host}/${b.endpoint.port} | ${driver.name(preferred)}`,
      });
      await scene.answeredBy(gateway, 'chosen', 'b');
      assert.equal(driver.watches() ?? 0, 0);
      assert.equal(scene.counter(gateway, 'opens'), 0);

      await scene.answeredBy(gateway, 'web', 'a');
      assert.notEqual(driver.watches(), 0);
      const opens = scene.counter(gateway, 'opens');
      clock.skip(IDLE_TTL_MS);
      clock.skip(IDLE_TTL_MS);
      if (opens > 0) assert.ok(scene.counter(gateway, 'closes') < opens, 'it ended without its linger');
      clock.skip(LINGER_MS);
      assert.equal(scene.counter(gateway, 'closes'), opens);
      await scene.nothingWatched(subject.idleConnections);
      const asked = driver.asked?.();
      clock.skip(LINGER_MS);
      await setImmediate();
      assert.equal(driver.asked?.(), asked, 'it goes on asking');

      await driver.set(service, [b.endpoint]);
      await scene.answeredBy(gateway, 'web', 'b');
      assert.notEqual(driver.watches(), 0);
    },
  },
  {
    row: 'close',
    title: 'leaves nothing open after close, also while the registry is away',
    async run(scene, subject) {
      const { driver } = scene;
      const a = await scene.upstream('a');
      const services = Array.from({ length: 20 }, () => scene.service());
      for (const service of services) await driver.set(service, [a.endpoint]);
      const aliases = Object.fromEntries(services.map((service) => [service, driver.name(service)]));
      const missing = driver.name(scene.service('missing'));
      const { unreachable, frozen } = subject.leftOut ?? {};
      const states = ['pass', ...(unreachable ? [] : ['refuse']), ...(frozen ? [] : ['hang'])] as (
        | 'pass'
        | 'refuse'
        | 'hang'
      )[];
      for (const state of states) {
        const gateway = await scene.gateway({ ...aliases, missing });
        for (const service of services) await scene.answeredBy(gateway, service, 'a');
        await scene.unrouted(gateway, 'missing');
        await driver[state]();
        const startedAt = performance.now();
        await gateway.close();
        const tookMs = performance.now() - startedAt;
        await driver.pass();
        assert.ok(tookMs < 2000, `${state}: close took ${tookMs} ms`);
        assert.equal(scene.counter(gateway, 'closes'), scene.counter(gateway, 'opens'));
        await scene.nothingWatched();
      }
    },
  },
];

/** Fills the registry. */
export const crowdRow: NamerRow = {
  row: 'crowd',
  title: 'works for the 100 services that are asked for and not for the thousands that are there',
  async run(scene, subject) {
    const { driver, t } = scene;
    const [a, b] = [await scene.upstream('a'), await scene.upstream('b')];
    const crowd = Array.from({ length: subject.crowd ?? 10_000 }, () => scene.service('crowd'));
    const startedAt = performance.now();
    await driver.setMany(crowd, a.endpoint);
    const filledAt = performance.now();
    const watched = crowd.filter((_, i) => i % (crowd.length / 100) === 0);
    const gateway = await scene.gateway(Object.fromEntries(watched.map((service) => [service, driver.name(service)])));
    const answers = await Promise.all(watched.map((service) => scene.ask(gateway, service, 10_000)));
    const answeredAt = performance.now();
    assert.deepEqual(new Set(answers.map(({ text }) => text)), new Set(['a']));
    const opens = scene.counter(gateway, 'opens');
    assert.ok(opens <= subject.watchesOf100, `${opens} watches`);

    const [first = '', last = ''] = [watched[0], watched.at(-1)];
    const updates = scene.counter(gateway, 'updates');
    const unasked = crowd.filter((service) => !watched.includes(service));
    for (const service of unasked.slice(-20)) await driver.set(service, [b.endpoint]);
    const changedAt = performance.now();
    await driver.set(first, [b.endpoint]);
    const seenMs = await scene.answeredBy(gateway, first, 'b');
    assert.equal((await scene.ask(gateway, last)).text, 'a');
    // The one that changed was first joined and then left: two updates, or one.
    const made = scene.counter(gateway, 'updates') - updates;
    if (subject.watchesOf100 === 100) assert.ok(made <= 2, `${made} updates: what nobody asks for made work`);
    assert.ok(seenMs < 2000, `a change among ${crowd.length} services took ${seenMs} ms`);
    const took = (from: number, to: number): string => `${((to - from) / 1000).toFixed(1)} s`;
    t.diagnostic(
      `${crowd.length} services written in ${took(startedAt, filledAt)}, 100 asked for and answered in ` +
        `${took(filledAt, answeredAt)} by ${opens} watches; a change seen ${(performance.now() - changedAt).toFixed(0)} ms after it was begun`,
    );
  },
};
