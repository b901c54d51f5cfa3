import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BAD_ENDPOINT } from '../../../bench/faults/settings.js';
import type { FakeExchange } from '../../support/fake-exchange.js';
import { FaultScene, type FaultSceneConfig } from '../../support/fault-scene.js';

const { service: SERVICE, client: CLIENT } = BAD_ENDPOINT;
const [WEB, OTHER] = FaultScene.clusters as readonly [string, string];
const CLUSTERS = [[WEB], [WEB, OTHER], [OTHER]];

/** Each thing changes after another number of reloads, so that the changes meet in many ways. */
function configOf(reload: number): FaultSceneConfig {
  return {
    clusters: CLUSTERS[reload % 3] as readonly string[],
    service: { ...SERVICE, totalTimeoutMs: 1000 + (reload % 7) },
    client: { ...CLIENT, loadBalancer: { kind: reload % 4 < 2 ? 'p2c' : 'ewma' } },
  };
}

/** What it leaves is compared with what the last one leaves, under the same configuration. */
const COMPARED = 10;

/** Longer than clients that a reload has replaced are kept. */
const RETIRED_MS = 15_000;

/** Once all is answered: what a reload that leaves something behind would make grow. */
function leftovers({ clock, metrics, router }: FaultScene): Record<string, number> {
  clock.advance(RETIRED_MS);
  let metricsKept = 0;
  metrics.walk(() => {
    metricsKept += 1;
  });
  return { metricsKept, timers: clock.pendingTimers, clients: router.clients().length };
}

describe('200 reloads at 2,000 requests a second', () => {
  it('fail no request, each takes effect at once, and leave nothing behind after the first ten', () => {
    const scene = new FaultScene(configOf(0));
    for (const cluster of [WEB, OTHER]) {
      for (const backend of scene.backendsOf(cluster)) backend.answerMs = 12;
    }
    const exchanges: FakeExchange[] = [];
    const ask = (): Record<string, boolean> => {
      const before = new Map([WEB, OTHER].map((cluster) => [cluster, scene.attemptsOf(cluster)]));
      exchanges.push(...scene.run(10));
      return Object.fromEntries([...before].map(([cluster, count]) => [cluster, scene.attemptsOf(cluster) > count]));
    };
    let afterTen: Record<string, number> | undefined;
    ask();
    for (let reload = 1; reload <= 200; reload++) {
      const { interpreter } = scene;
      const config = configOf(reload);
      assert.ok(
        exchanges.some(({ endedAt }) => endedAt === undefined),
        'none is under way',
      );
      scene.reload(config);
      const asked = ask();
      assert.deepEqual(interpreter.watched, [], 'the name is still bound by what was there before');
      for (const cluster of [WEB, OTHER]) assert.equal(asked[cluster], config.clusters?.includes(cluster), cluster);
      if (reload !== COMPARED) continue;
      afterTen = leftovers(scene);
      ask();
    }
    scene.reload(configOf(COMPARED));
    ask();
    assert.deepEqual(leftovers(scene), afterTen);
    assert.ok(exchanges.every(({ succeeded }) => succeeded));
    scene.router.close();
    assert.equal(scene.clock.pendingTimers, 0);
    for (const cluster of [WEB, OTHER]) {
      for (const { closed, connected } of scene.backendsOf(cluster)) assert.equal(closed, connected);
    }
  });

  it('that change nothing of the clients leave what is known of their endpoints: a dead one stays out', () => {
    const scene = new FaultScene({ service: SERVICE, client: CLIENT });
    const [bad] = scene.backends;
    assert.ok(bad);
    bad.behave('fails');
    scene.run(100);
    const before = bad.attempts;
    const exchanges: FakeExchange[] = [];
    for (let reload = 1; reload <= 200; reload++) {
      scene.reload({ service: { ...SERVICE, totalTimeoutMs: 2000 + reload }, client: CLIENT });
      exchanges.push(...scene.run(10));
    }
    assert.ok((bad.attempts - before) / exchanges.length < BAD_ENDPOINT.limits.badShare);
    assert.ok(scene.backends.every(({ connected }) => connected === 1));
  });
});
