import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDnsHost, resolveDnsHosts, showDnsHost } from '../../../../namers/dns/dns-hosts.js';
import { FakeHostResolver } from '../../../support/fake-host-resolver.js';

test('parseDnsHost reads addresses and names, with port 53 or the one that is given', () => {
  for (const [text, shown] of [
    ['10.0.0.1', '10.0.0.1:53'],
    ['10.0.0.1:8600', '10.0.0.1:8600'],
    ['::1', '[::1]:53'],
    ['fd00::53', '[fd00::53]:53'],
    ['[::1]:8600', '[::1]:8600'],
    ['ns.example', 'ns.example:53'],
    ['ns.example:5353', 'ns.example:5353'],
  ] as const) {
    assert.equal(showDnsHost(parseDnsHost(text)), shown);
  }
});

test('parseDnsHost refuses what is neither', () => {
  for (const [text, message] of [
    ['', /address "" is neither an IP address nor a host name/],
    ['10.0.0.300', /"10.0.0.300" is neither/],
    ['10.0.0.1:0', /port "0" is not in 1-65535/],
    ['10.0.0.1:70000', /port "70000" is not in 1-65535/],
    ['ns.example:', /port "" is not in 1-65535/],
    ['udp://ns.example', /"udp:\/\/ns.example" is neither/],
    [':53', /is not host:port/],
  ] as const) {
    assert.throws(() => parseDnsHost(text), message, text);
  }
});

test('resolveDnsHosts looks names up, in their order, and does without one that cannot be', async () => {
  const resolver = new FakeHostResolver();
  resolver.answers.set('ns.example', ['10.0.0.1', 'fd00::1']);
  resolver.answers.set('down.example', new Error('ESERVFAIL'));
  const hosts = ['down.example', 'ns.example:8600', '10.0.0.9'].map(parseDnsHost);
  assert.deepEqual(await resolveDnsHosts(hosts, resolver), [
    { ip: '10.0.0.1', port: 8600 },
    { ip: 'fd00::1', port: 8600 },
    { ip: '10.0.0.9', port: 53 },
  ]);
});

test('resolveDnsHosts tells why there is none', async () => {
  const resolver = new FakeHostResolver();
  resolver.answers.set('down.example', new Error('ESERVFAIL'));
  await assert.rejects(resolveDnsHosts(['down.example', 'gone.example'].map(parseDnsHost), resolver), {
    message: 'dnsHosts: cannot look up host "down.example": ESERVFAIL; dnsHosts: there is no host "gone.example"',
  });
});
