// Conformance of namers together: an expression over three registries, each of which is down in turn.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { TestGateway } from '../gateway.js';
import type { NamerDriver } from '../namer-driver.js';
import { NamerScene } from './namer-scene.js';

/** The two of the union, then the one that stands in for both. */
export type ThreeDrivers = readonly [NamerDriver, NamerDriver, NamerDriver];

const OUTAGE_MS = 1000;

/** `9 * <first> & 1 * <second> | <third>` keeps working with any of them down, before and after the first answer. */
export function testMixedExpression(title: string, start: () => Promise<ThreeDrivers>): void {
  describe(`mixed expression of ${title}`, () => {
    let drivers: ThreeDrivers;
    before(async () => {
      drivers = await start();
    });
    afterEach(() => Promise.all(drivers.map((driver) => driver.pass())));
    after(() => Promise.all(drivers.map((driver) => driver.stop())));

    it('shares requests by weight while all answer', async (t) => {
      const { gateway, scene } = await setUp(t, drivers);
      const counts = await answers(scene, gateway, 200);
      assert.deepEqual(new Set(counts.keys()), new Set(['first', 'second']));
      const second = counts.get('second') ?? 0;
      assert.ok(second > 5 && second < 50, `second has ${second} of 200, want about 20`);
    });

    for (const [down, left] of [
      ['first', ['second']],
      ['second', ['first']],
      ['third', ['first', 'second']],
    ] as const) {
      it(`uses the others while the ${down} has never answered, and all once it does`, async (t) => {
        const { gateway, scene } = await setUp(t, drivers, [down]);
        const counts = await answers(scene, gateway, 100);
        assert.deepEqual(new Set(counts.keys()), new Set(left));
        await driverOf(drivers, down).pass();
        await sees(scene, gateway, ['first', 'second']);
      });
    }

    it('uses the third while neither of the union has ever answered, and the union once one does', async (t) => {
      const { gateway, scene } = await setUp(t, drivers, ['first', 'second']);
      assert.deepEqual(new Set((await answers(scene, gateway, 20)).keys()), new Set(['third']));
      await drivers[0].pass();
      await sees(scene, gateway, ['first']);
    });

    it('fails no request and loses no address while each in turn goes down under traffic', async (t) => {
      const { gateway, scene, services } = await setUp(t, drivers);
      await sees(scene, gateway, ['first', 'second']);
      const traffic = await scene.traffic(gateway, 'web');
      for (const driver of drivers) {
        await driver.refuse();
        await pause(OUTAGE_MS);
        await driver.pass();
      }
      await traffic.settlesOn('first', 'second');
      // The first is away while the second loses the service: what is left is what was known of the first.
      await drivers[0].refuse();
      await drivers[1].remove(services[1]);
      await traffic.settlesOn('first');
      await drivers[0].pass();
      await drivers[0].remove(services[0]);
      await traffic.settlesOn('third');
      t.diagnostic(`${await traffic.end()} requests, none failed`);
    });
  });
}

type Position = 'first' | 'second' | 'third';
const POSITIONS: readonly Position[] = ['first', 'second', 'third'];

function driverOf(drivers: ThreeDrivers, position: Position): NamerDriver {
  return drivers[POSITIONS.indexOf(position)] as NamerDriver;
}

/** A gateway before three registries that have the service each with an upstream of its own; `down` are away from the start. */
async function setUp(t: TestContext, drivers: ThreeDrivers, down: readonly Position[] = []) {
  const scene = new NamerScene(t, drivers[0]);
  const services = drivers.map(() => scene.service()) as [string, string, string];
  for (const [i, driver] of drivers.entries()) {
    const { endpoint } = await scene.upstream(POSITIONS[i] as Position);
    await driver.set(services[i] as string, [endpoint]);
  }
  const [first, second, third] = drivers.map((driver, i) => driver.name(services[i] as string));
  const gateway = await scene.gateway({ web: `9 * ${first} & 1 * ${second} | ${third}` }, { others: drivers.slice(1) });
  // Nothing has been asked of them yet; a directory must be there when the configuration is loaded.
  for (const position of down) await driverOf(drivers, position).refuse();
  return { scene, gateway, services };
}

/** Who answered how many of `count` requests, none of which may fail. */
async function answers(scene: NamerScene, gateway: TestGateway, count: number): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let i = 0; i < count; i++) {
    const { status, text } = await scene.ask(gateway, 'web');
    assert.equal(status, 200, text);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return counts;
}

/** Asks until each of these has answered. */
async function sees(scene: NamerScene, gateway: TestGateway, bodies: readonly string[]): Promise<void> {
  for (const body of bodies) await scene.answeredBy(gateway, 'web', body);
}
