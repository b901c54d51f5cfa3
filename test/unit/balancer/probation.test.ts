import assert from 'node:assert/strict';
import { it } from 'node:test';
import { aperture } from '../../../src/balancer/aperture.js';
import { heap } from '../../../src/balancer/heap.js';
import { p2cLeastLoaded } from '../../../src/balancer/p2c-least-loaded.js';
import { p2cPeakEwma } from '../../../src/balancer/p2c-peak-ewma.js';
import { roundRobin } from '../../../src/balancer/round-robin.js';
import { makeKind } from '../../support/make-kind.js';
import { balancerContext } from './members.js';

for (const kind of [p2cLeastLoaded, p2cPeakEwma, aperture, heap, roundRobin]) {
  it(`balancer kind ${kind.kind} hands enableProbation on as keepsRemoved, false by default`, () => {
    assert.equal(makeKind(kind, {}, balancerContext()).keepsRemoved, false);
    assert.equal(makeKind(kind, { enableProbation: true }, balancerContext()).keepsRemoved, true);
    assert.equal(kind.config.safeParse({ enableProbation: 'maybe' }).success, false);
  });
}
