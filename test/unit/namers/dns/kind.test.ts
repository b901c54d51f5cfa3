import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig, showConfigError } from '../../../../config/schema/parse.js';
import { dnsSrvNamer } from '../../../../namers/dns/index.js';
import { kinds } from '../../../../src/kinds.js';

/** Errors of a file with a namer of `keys`. */
function errorsOf(keys: string): string[] {
  const text = `namers: [{kind: io.l5d.dnssrv, ${keys}}]\nrouters: [{protocol: http, servers: [{}]}]\n`;
  const parsed = parseConfig(text, 'f', { ...kinds, namer: [dnsSrvNamer] });
  return parsed.ok ? [] : parsed.errors.map(showConfigError);
}

test('io.l5d.dnssrv has the defaults of Linkerd', () => {
  assert.deepEqual(dnsSrvNamer.config.parse({}), {
    refreshIntervalSeconds: 5,
    dnsHosts: [],
    usePriority: false,
    useWeight: false,
  });
});

test('io.l5d.dnssrv is experimental', () => {
  assert.match(errorsOf('dnsHosts: []')[0] ?? '', /io\.l5d\.dnssrv namer is experimental and must be explicitly/);
  assert.deepEqual(errorsOf('experimental: true'), []);
});

test('io.l5d.dnssrv refuses wrong values by key', () => {
  for (const [keys, message] of [
    ['refreshIntervalSeconds: 0', /namers\[0\]\.refreshIntervalSeconds/],
    ['dnsHosts: ["10.0.0.1:70000"]', /namers\[0\]\.dnsHosts\[0\]: .*port "70000" is not in 1-65535/],
    ['dnsHosts: ["10.0.0.1", "a b"]', /namers\[0\]\.dnsHosts\[1\]: .*"a b" is neither an IP address nor a host name/],
    ['dnsHosts: 10.0.0.1', /namers\[0\]\.dnsHosts/],
    ['useWeight: 1', /namers\[0\]\.useWeight/],
    ['domain: example', /namers\[0\]\.domain/],
  ] as const) {
    const [first = 'no error', ...more] = errorsOf(`experimental: true, ${keys}`);
    assert.match(first, message);
    assert.deepEqual(more, []);
  }
});
