import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { circuitBreakerSchema } from '../../../config/schema/circuit-breaker.js';
import { Circuits, windowOf } from '../../../src/breaker/circuit.js';
import { ManualClock } from '../../support/manual-clock.js';

const nobody = { opened: () => {}, halfOpened: () => {}, closed: () => {} };

test('opossum is loaded with the first circuit, not before', () => {
  const { cache } = createRequire(import.meta.url);
  const isLoaded = (): boolean => Object.keys(cache).some((path) => path.includes('/node_modules/opossum/'));
  const circuits = new Circuits(circuitBreakerSchema().parse({}), new ManualClock());
  assert.equal(isLoaded(), false);
  circuits.drop(circuits.make(nobody));
  assert.equal(isLoaded(), true);
});

test('circuit keeps nothing of a request but its outcome, in old and in new parts of the window', async () => {
  const clock = new ManualClock();
  const circuits = new Circuits(circuitBreakerSchema().parse({ windowMs: 1000, errorPercent: 100 }), clock);
  const circuit = circuits.make(nobody);
  for (let part = 0; part < 15; part++) {
    await circuit.fire(true);
    await assert.rejects(circuit.fire(false), /^Error: failed$/);
    clock.advance(100);
  }
  assert.deepEqual(windowOf(circuit), { requests: 18, failures: 9 });
  assert.deepEqual(
    circuit.status.window.map(({ latencyTimes }) => latencyTimes.length),
    Array.from({ length: 10 }, () => 0),
  );
  circuits.drop(circuit);
});

test('circuit that was dropped is not moved on, nor told of', async () => {
  const clock = new ManualClock();
  const circuits = new Circuits(circuitBreakerSchema().parse({ windowMs: 1000 }), clock);
  const [dropped, kept] = [circuits.make(nobody), circuits.make(nobody)];
  await dropped.fire(true);
  await kept.fire(true);
  circuits.drop(dropped);
  clock.advance(1000);
  assert.deepEqual([windowOf(dropped).requests, windowOf(kept).requests], [1, 0]);
  await assert.rejects(dropped.fire(true), /shutdown/);
  circuits.drop(kept);
  assert.equal(clock.pendingTimers, 0);
});
