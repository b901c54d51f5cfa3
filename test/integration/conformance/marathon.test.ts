import { testNamer } from '../../support/namer-conformance.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { startMarathonDriver } from './drivers/marathon-driver.js';

expectNoOpenHandles();

testNamer({
  title: 'io.l5d.marathon',
  // As in 1.x: an app that is scaled to nothing falls through.
  empty: 'absent',
  // Ids of apps are DNS labels: there is no unicodeService.
  // One of them is of the list of apps.
  watchesOf100: 101,
  idleConnections: 1,
  // All of them are listed ten times a second here, where a real gateway asks every five seconds.
  crowd: 1000,
  start: startMarathonDriver,
});
