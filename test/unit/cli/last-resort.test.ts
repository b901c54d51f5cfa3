import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import type { Logger } from '../../../src/base/log.js';
import { exitWhenStuck } from '../../../src/cli/last-resort.js';
import { ManualClock } from '../../support/manual-clock.js';

describe('shutdown that is stuck', () => {
  test('ends the process when its time is over, not before, and says what holds it', () => {
    const clock = new ManualClock();
    const logged: [string, object | undefined][] = [];
    const logger: Logger = {
      error: (message, fields) => logged.push([message, fields]),
      warn: () => {},
      info: () => {},
      debug: () => {},
    };
    const codes: unknown[] = [];
    mock.method(process, 'exit', (code: unknown) => void codes.push(code));
    try {
      exitWhenStuck(15_000, clock, logger);
      clock.advance(14_999);
      assert.deepEqual([codes, logged], [[], []]);
      clock.advance(1);
      assert.deepEqual(codes, [1]);
      const [[message, fields] = []] = logged;
      assert.equal(message, 'defect: not shut down after 15000 ms: ending the process');
      assert.ok(fields && 'open' in fields && Array.isArray(fields.open));
    } finally {
      mock.restoreAll();
    }
  });
});
