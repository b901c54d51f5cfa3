import { testNamer } from '../../support/namer-conformance.js';
import { expectNoOpenHandles } from '../../support/open-handles.js';
import { startDnsDriver } from './drivers/dns-driver.js';

expectNoOpenHandles();

testNamer({
  title: 'io.l5d.dnssrv',
  // As in 1.x: a name without SRV records falls through.
  empty: 'absent',
  // What is not ASCII is written in Punycode: there is no unicodeService.
  watchesOf100: 100,
  start: startDnsDriver,
});
