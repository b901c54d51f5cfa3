import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BAD_ENDPOINT } from '../../../bench/faults/settings.js';
import { PENDING } from '../../../src/base/activity.js';
import { FaultScene } from '../../support/fault-scene.js';

/** How a listener drains is in test/e2e/drain.test.ts; this is what it drains into. */
describe('drain under load: no more requests come', () => {
  it('those under way are answered, also those that are being retried, and then nothing is left that holds the process', () => {
    const { service, client } = BAD_ENDPOINT;
    const backoff = { kind: 'constant', ms: 30 };
    const scene = new FaultScene({ service: { ...service, retries: { backoff } }, client });
    const [bad, hanging] = scene.backends;
    assert.ok(bad && hanging);
    for (const backend of scene.backends) backend.answerMs = 200;
    scene.run(500);
    bad.behave('fails');
    hanging.behave('hangs');
    const exchanges = scene.run(500);
    const underWay = exchanges.filter(({ endedAt }) => endedAt === undefined).length;
    assert.ok(underWay >= 200, `${underWay} are under way`);

    scene.clock.advance(1000);
    assert.equal(exchanges.filter(({ succeeded }) => !succeeded).length, 0);
    scene.router.close();
    assert.deepEqual([scene.clock.pendingTimers, scene.interpreter.watched], [0, []]);
    assert.ok(scene.backends.every(({ closed }) => closed === 1));
  });

  it('those that wait for their name go out once it is bound', () => {
    const scene = new FaultScene(BAD_ENDPOINT);
    const entry = scene.interpreter.entry('/svc/web');
    const bound = entry.value;
    entry.value = PENDING;
    const waiting = scene.run(100);
    assert.ok(waiting.every(({ status }) => status === undefined));
    entry.value = bound;
    scene.clock.advance(10);
    assert.ok(waiting.every(({ succeeded }) => succeeded));
  });
});
