// Conformance of namers, rows about registries that are away, silent, dead or wrong.

import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../eventually.js';
import type { NamerScene } from './namer-scene.js';
import type { NamerRow } from './row.js';

/** How long a dead registry stays dead under traffic. */
const OUTAGE_MS = process.env.LINKGATE_LONG_TESTS === '1' ? 30_000 : 5000;
const FREEZE_MS = 1000;

/** A registry that has not said anything for this long counts as failed (namers/shared/registry-watch.ts). */
const FIRST_ANSWER_MS = 5000;
const BINDING_TIMEOUT_MS = 10_000;

export const outageRows: readonly NamerRow[] = [
  {
    row: 'unreachable',
    title: 'answers 502 that says which registry refuses connections at the start, tries alternatives, and recovers',
    async run(scene) {
      const { driver } = scene;
      const { gateway, service, upstream } = await startAlone(scene, () => driver.refuse());
      const { status, text, tookMs } = await timed(() => scene.ask(gateway, 'web', 1.5 * BINDING_TIMEOUT_MS));
      assert.equal(status, 502, text);
      namesRegistry(scene, text);
      assert.match(text, /refused/i);
      assert.ok(tookMs < BINDING_TIMEOUT_MS, `${tookMs} ms`);
      scene.t.diagnostic(`502 after ${tookMs.toFixed(0)} ms`);
      assert.equal((await scene.ask(gateway, 'other')).text, 'fallback');
      await driver.pass();
      await scene.answeredBy(gateway, 'web', 'a');
      await driver.set(service, [upstream.endpoint]);
      await scene.answeredBy(gateway, 'web', 'b');
      await scene.answeredBy(gateway, 'other', 'b');
    },
  },
  {
    row: 'silent',
    title:
      'answers 502 that says which registry accepts and never answers at the start, tries alternatives, and recovers',
    async run(scene) {
      const { driver, clock } = scene;
      const { gateway, service, upstream } = await startAlone(scene, () => driver.hang());
      const questions = driver.asked?.();
      const answer = timed(() => scene.ask(gateway, 'web', 1.5 * BINDING_TIMEOUT_MS));
      await scene.turnedTo(questions);
      clock.skip(FIRST_ANSWER_MS);
      const { status, text, tookMs } = await answer;
      assert.equal(status, 502, text);
      namesRegistry(scene, text);
      assert.ok(tookMs < BINDING_TIMEOUT_MS - FIRST_ANSWER_MS, `${tookMs} ms`);
      assert.equal((await scene.ask(gateway, 'other')).text, 'fallback');
      await driver.pass();
      await scene.answeredBy(gateway, 'web', 'a');
      await driver.set(service, [upstream.endpoint]);
      await scene.answeredBy(gateway, 'web', 'b');
    },
  },
  {
    row: 'killed',
    title: `keeps its last good addresses for ${OUTAGE_MS / 1000} s without the registry, then sees what changed meanwhile`,
    async run(scene) {
      const { driver, t } = scene;
      const { gateway, traffics, change, settle, fallback } = await startTraffic(scene);
      const errors = scene.counter(gateway, 'errors');
      await driver.kill();
      await pause(OUTAGE_MS / 2);
      // Asked for the first time while the registry is dead: an alternative is as good as ever.
      assert.equal((await scene.ask(gateway, 'late', 1.5 * BINDING_TIMEOUT_MS)).text, fallback.name);
      await pause(OUTAGE_MS / 2);
      if (scene.counter(gateway, 'opens') > 0) assert.ok(scene.counter(gateway, 'errors') > errors, 'no error counted');
      await driver.refuse();
      await driver.revive();
      await change();
      await driver.pass();
      await settle();
      for (const traffic of traffics) t.diagnostic(`${await traffic.end()} requests, none failed`);
    },
  },
  {
    row: 'frozen',
    title: 'keeps its last good addresses while the network swallows everything, then sees what changed meanwhile',
    async run(scene) {
      const { driver } = scene;
      const { traffics, change, settle } = await startTraffic(scene);
      await driver.hang();
      await change();
      await pause(FREEZE_MS);
      await driver.pass();
      await settle();
      for (const traffic of traffics) await traffic.end();
    },
  },
  {
    row: 'garbage',
    title: 'keeps the last good address of what became garbage, warns once and counts it',
    async run(scene) {
      const { driver, log } = scene;
      const [a, b] = [await scene.upstream('a'), await scene.upstream('b')];
      const service = scene.service();
      await driver.set(service, [a.endpoint]);
      const gateway = await scene.gateway({ web: driver.name(service) });
      const traffic = await scene.traffic(gateway, 'web');
      await driver.garble?.(service);
      await eventually(() => scene.counter(gateway, 'garbage') > 0);
      await driver.garble?.(service);
      await traffic.settlesOn('a');
      const warnings = log.filter(({ level, msg }) => level === 'warn' && msg.includes(service));
      assert.equal(warnings.length, 1, JSON.stringify(warnings));
      assert.ok(warnings[0]?.msg.includes(driver.registry), warnings[0]?.msg);
      await driver.set(service, [b.endpoint]);
      await traffic.settlesOn('b');
      await traffic.end();
    },
  },
];

/** A gateway that has never reached the registry, which has one service. */
async function startAlone(scene: NamerScene, outage: () => Promise<void>) {
  const { driver } = scene;
  const [a, upstream, fallback] = [
    await scene.upstream('a'),
    await scene.upstream('b'),
    await scene.upstream('fallback'),
  ];
  const service = scene.service();
  await driver.set(service, [a.endpoint]);
  await outage();
  const gateway = await scene.gateway({
    web: driver.name(service),
    other: `${driver.name(service)} | /$/inet/${fallback.endpoint.host}/${fallback.endpoint.port}`,
  });
  return { gateway, service, upstream };
}

/** Two services under traffic; `change` moves one and removes the other, `settle` waits until that has been seen. */
async function startTraffic(scene: NamerScene) {
  const { driver } = scene;
  const [a, b, c] = [await scene.upstream('a'), await scene.upstream('b'), await scene.upstream('c')];
  const fallback = await scene.upstream('fallback');
  const [moving, leaving, late] = [scene.service(), scene.service(), scene.service()];
  await driver.set(moving, [a.endpoint]);
  await driver.set(leaving, [b.endpoint]);
  const instead = `| /$/inet/${fallback.endpoint.host}/${fallback.endpoint.port}`;
  const gateway = await scene.gateway({
    moving: driver.name(moving),
    leaving: driver.name(leaving) + instead,
    late: driver.name(late) + instead,
  });
  const traffics = [await scene.traffic(gateway, 'moving'), await scene.traffic(gateway, 'leaving')] as const;
  return {
    gateway,
    traffics,
    fallback,
    change: async () => {
      await driver.set(moving, [c.endpoint]);
      await driver.remove(leaving);
      await driver.set(late, [c.endpoint]);
    },
    settle: async () => {
      await traffics[0].settlesOn('c');
      await traffics[1].settlesOn('fallback');
      await scene.answeredBy(gateway, 'late', 'c');
    },
  };
}

/** A 502 that sends the one on call to the right machine. */
function namesRegistry({ driver }: NamerScene, text: string): void {
  assert.ok(text.includes(driver.registry), `${driver.registry} is not in the answer: ${text}`);
}

async function timed<T extends object>(ask: () => Promise<T>): Promise<T & { readonly tookMs: number }> {
  const startedAt = performance.now();
  const answer = await ask();
  return { ...answer, tookMs: performance.now() - startedAt };
}
