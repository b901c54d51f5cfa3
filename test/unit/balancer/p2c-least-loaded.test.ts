import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LeastLoaded } from '../../../src/balancer/least-loaded.js';
import { p2cLeastLoaded } from '../../../src/balancer/p2c-least-loaded.js';
import { seededRandom } from '../../../src/base/random.js';
import { testBalancer } from '../../support/balancer-conformance.js';
import { makeKind } from '../../support/make-kind.js';
import { ManualClock } from '../../support/manual-clock.js';

testBalancer('p2c', (context) => makeKind(p2cLeastLoaded, {}, context));

describe('balancer kind p2c', () => {
  it('has the defaults of Linkerd', () => {
    assert.equal(p2cLeastLoaded.kind, 'p2c');
    assert.deepEqual(p2cLeastLoaded.config.parse({}), { maxEffort: 5, enableProbation: false });
  });

  it('refuses unknown keys and an effort below 0', () => {
    assert.equal(p2cLeastLoaded.config.safeParse({ maxEfort: 5 }).success, false);
    assert.equal(p2cLeastLoaded.config.safeParse({ maxEffort: -1 }).success, false);
  });

  it('re-picks as often as maxEffort says and then takes the last one', () => {
    for (const maxEffort of [0, 3]) {
      let asked = 0;
      const isAvailable = (): boolean => {
        asked += 1;
        return false;
      };
      const only = { weight: 1, meter: new LeastLoaded(), isAvailable };
      const factory = p2cLeastLoaded.make({ maxEffort, enableProbation: false }, context());
      const balancer = factory.makeBalancer<typeof only>();
      balancer.update([only]);
      assert.equal(balancer.pick(0), only);
      assert.equal(asked, maxEffort + 1);
      assert.equal(balancer.effortExhausted, 1);
    }
  });

  it('picks the member with fewer outstanding requests of any two', () => {
    const factory = makeKind(p2cLeastLoaded, {}, context());
    const member = () => ({ weight: 1, meter: factory.makeMeter(0), isAvailable: () => true });
    const [first, second] = [member(), member()];
    const balancer = factory.makeBalancer<typeof first>();
    balancer.update([first, second]);
    first.meter.start(0);
    for (let i = 0; i < 20; i++) assert.equal(balancer.pick(0), second);
    second.meter.start(0);
    second.meter.start(0);
    for (let i = 0; i < 20; i++) assert.equal(balancer.pick(0), first);
  });

  it('meter counts requests that have not finished', () => {
    const meter = new LeastLoaded();
    meter.start();
    meter.start();
    assert.equal(meter.load(), 2);
    meter.finish();
    assert.equal(meter.load(), 1);
  });
});

function context() {
  return { random: seededRandom(1), clock: new ManualClock() };
}
