import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { worstStatus } from '../../../../namers/consul/health.js';

const check = (Status: unknown, CheckID: unknown = 'service:web') => ({ CheckID, Name: 'a check', Status });

describe('worstStatus', () => {
  for (const [what, checks, status] of [
    ['no check', [], 'passing'],
    ['no list of checks', null, 'passing'],
    ['all passing', [check('passing'), check('passing', 'serfHealth')], 'passing'],
    ['one warning', [check('passing'), check('warning')], 'warning'],
    ['critical before warning', [check('warning'), check('critical'), check('passing')], 'critical'],
    ['maintenance of the node', [check('critical', '_node_maintenance'), check('critical')], 'maintenance'],
    ['maintenance of the service', [check('critical', '_service_maintenance:web-1'), check('passing')], 'maintenance'],
    ['a check that is only named like maintenance', [check('passing', 'my_node_maintenance')], 'passing'],
    ['a status that nobody knows', [check('sleepy')], 'critical'],
    ['what is no check', [null, 7], 'critical'],
    ['an id that is no text', [check('passing', 7)], 'passing'],
  ] as const) {
    it(`says ${status} for ${what}`, () => {
      assert.equal(worstStatus(checks), status);
    });
  }
});
