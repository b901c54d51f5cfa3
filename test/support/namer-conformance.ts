// What every namer must do, run against each of them before a real registry (or a small server that speaks its protocol),
// through a whole gateway and with real traffic. Rows lie in conformance/.

import { after, afterEach, before, describe, it } from 'node:test';
import { NamerScene } from './conformance/namer-scene.js';
import { nameRows } from './conformance/names.js';
import { outageRows } from './conformance/outages.js';
import type { NamerRow } from './conformance/row.js';
import { crowdRow, watchRows } from './conformance/watches.js';
import type { NamerDriver, NamerSubject } from './namer-driver.js';

/** The crowd last: it stays in the registry. */
const ROWS: readonly NamerRow[] = [...nameRows, ...watchRows, ...outageRows, crowdRow];

/** Defines the tests; what `subject` leaves out is printed with its reason. */
export function testNamer(subject: NamerSubject): void {
  describe(`namer ${subject.title}`, () => {
    let driver: NamerDriver;
    before(async () => {
      driver = await subject.start();
    });
    // Whatever a failed test has left: the next one finds a registry that answers.
    afterEach(() => driver?.pass());
    after(() => driver?.stop());
    for (const { row, title, run } of ROWS) {
      const reason = subject.leftOut?.[row];
      if (reason === undefined) it(title, (t) => run(new NamerScene(t, driver), subject));
      else console.log(`namer ${subject.title}: left out: ${title}: ${reason}`);
    }
  });
}
